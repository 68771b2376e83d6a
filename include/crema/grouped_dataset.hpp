#pragma once

#include <string>
#include <tuple>
#include <utility>

#include "crema/dataset_groups.hpp"
#include "crema/dataset_plan.hpp"
#include "crema/errors.hpp"

namespace crema {

template <class T>
class Dataset;

/// The rows of a dataset in groups of equal keys: what group_by gives. One NaN equals another, and so does an optional
/// without a value. The order of the groups follows from the input alone. Thread safety: as Dataset.
template <class T, auto... keys>
class GroupedDataset {
 public:
  explicit GroupedDataset(dataset::Plan plan) : plan_{std::move(plan)} {}

  /// A row for each group: `Row{keys..., what each aggregator gives...}`. Groups are summed up where their blocks are
  /// before anything moves. See aggregators.hpp.
  template <class Row, class... Names>
  [[nodiscard]] Dataset<Row> aggregate(const Names&... names) const {
    using Aggregators = std::tuple<dataset::aggregator_of<T, Names>...>;
    using Load = dataset::LoadGroups<Row, T, Aggregators, keys...>;
    constexpr bool fits = Load::makes_row();
    static_assert(
        fits,
        "crema: the row of aggregate<Row> must be brace-initialised from the keys and then one value for each "
        "aggregator: compare the types of its members, in this order");
    if constexpr (fits) {
      ByteBuffer bytes;
      dataset::encode_aggregators(bytes, Aggregators{dataset::aggregator_for<T>(names)...});
      const Bytes given{std::move(bytes)};
      const auto deal = dataset::step<dataset::DealGroups<T, Aggregators, keys...>>("group_by", {.bytes = given});
      const auto merge =
          dataset::step<dataset::MergeGroups<T, Aggregators, keys...>>("group_by.merge", {.bytes = given});
      const auto load = dataset::step<Load>("aggregate", {.bytes = given});
      return Dataset<Row>{dataset::after(load.name, [plan = plan_, deal, merge, load] {
        return dataset::summed({plan, deal}, merge, load);
      })};
    }
  }

  /// `function(std::span<const T> group, extra...)` for each group, its rows in the order of the dataset: a row, or any
  /// number of them in a container. A group is in memory as a whole.
  template <auto function, class... Extra>
  [[nodiscard]] auto map_groups(Extra&&... extra) const {
    using Load = dataset::LoadMappedGroups<T, function, keys...>;
    using Call = typename Load::Call;
    if constexpr (Call::takes_row() && Call::makes_row()) {
      using RowKeys = dataset::Keys<T, keys...>;
      return Dataset<typename Load::Row>{
          dealt(dataset::step<dataset::DealByKeys<T, RowKeys>>("group_by"),
                dataset::call_step<Load, Call>("map_groups<" + Call::name() + ">", std::forward<Extra>(extra)...))};
    }
  }
  template <class Lambda, class... Extra>
  [[nodiscard]] auto map_groups(Lambda, Extra&&... extra) const {
    detail::require_captureless<Lambda>();
    if constexpr (std::is_empty_v<Lambda>) return map_groups<Lambda{}>(std::forward<Extra>(extra)...);
  }

 private:
  [[nodiscard]] dataset::Plan dealt(const dataset::Step& deal, const dataset::Step& load) const {
    return dataset::after(load.name, [plan = plan_, deal, load] { return dataset::dealt({{plan, deal}}, load); });
  }

  dataset::Plan plan_;
};

}  // namespace crema
