#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/bad_record.hpp"
#include "crema/dataset_plan.hpp"
#include "crema/dataset_steps.hpp"
#include "crema/row_range.hpp"

namespace crema {

/// Rows of one type that are made block by block, by tasks, when somebody asks: rows(), take_all(), count(), sum().
/// Until then nothing runs, and every question asks anew. Blocks depend on the input alone, so the answers are the same
/// on any number of ranks. Copies are cheap. Thread safety: immutable; consumed on the driver, in tasks and actors.
template <class T>
class Dataset {
 public:
  using value_type = T;

  explicit Dataset(dataset::Plan plan) : plan_{std::move(plan)} {}

  /// A dataset of `function(row, extra...)`. `function` is a free function or captureless lambda; the extra arguments
  /// travel with every block.
  template <auto function, class... Extra>
  [[nodiscard]] auto map(Extra&&... extra) const {
    using Call = dataset::RowFunction<T, function>;
    if constexpr (Call::takes_row() && Call::makes_row()) {
      return Dataset<typename Call::result>{plan_.with(dataset::step<dataset::Map<T, function>>(
          "map<" + Call::name() + ">", encode_extra<Call>(std::forward<Extra>(extra)...)))};
    }
  }
  template <class Lambda, class... Extra>
  [[nodiscard]] auto map(Lambda, Extra&&... extra) const {
    detail::require_captureless<Lambda>();
    if constexpr (std::is_empty_v<Lambda>) return map<Lambda{}>(std::forward<Extra>(extra)...);
  }

  /// The rows for which `function(row, extra...)` is true.
  template <auto function, class... Extra>
  [[nodiscard]] Dataset filter(Extra&&... extra) const {
    using Call = dataset::RowFunction<T, function>;
    if constexpr (Call::takes_row() && Call::decides()) {
      return Dataset{plan_.with(dataset::step<dataset::Filter<T, function>>(
          "filter<" + Call::name() + ">", encode_extra<Call>(std::forward<Extra>(extra)...)))};
    }
  }
  template <class Lambda, class... Extra>
  [[nodiscard]] Dataset filter(Lambda, Extra&&... extra) const {
    detail::require_captureless<Lambda>();
    if constexpr (std::is_empty_v<Lambda>) return filter<Lambda{}>(std::forward<Extra>(extra)...);
  }

  /// The records that the files of this dataset hold and its reader left out, in order: the files are read again for
  /// them. Throws UsageError unless it was told to collect them (BadRecordPolicy::collect).
  [[nodiscard]] Dataset<BadRecord> bad_records() const { return Dataset<BadRecord>{dataset::bad_records_plan(plan_)}; }

  // Consumers. Each throws DataError for input that cannot be read as asked, found before any task starts where it is
  // in a file's name, access or header; and TaskError for what a function threw.

  /// All rows in order, streamed: a bounded number of blocks is in memory at a time.
  [[nodiscard]] RowRange<T> rows() const { return RowRange<T>{plan_}; }
  [[nodiscard]] std::vector<T> take_all() const {
    std::vector<T> all;
    for (auto&& row : rows()) all.push_back(std::move(row));
    return all;
  }
  [[nodiscard]] std::uint64_t count() const { return total<std::uint64_t>(dataset::step<dataset::Count<T>>("count")); }
  /// The sum of `key` (a member pointer, function or captureless lambda) over all rows; of the rows themselves where
  /// they are numbers. Integers are summed in 64 bits, and a sum beyond them is an error; floats as double. Blocks are
  /// summed row by row and then added in order, so the same rows give the same bits.
  template <auto key = std::identity{}>
  [[nodiscard]] auto sum() const {
    constexpr bool fits = std::is_invocable_v<decltype(key), const T&>;
    static_assert(fits,
                  "crema: a sum's key must be a member of the row or a function of it: compare it with the row type");
    if constexpr (fits) {
      using Number = std::remove_cvref_t<std::invoke_result_t<decltype(key), const T&>>;
      static_assert(std::is_arithmetic_v<Number>,
                    "crema: only numbers can be summed: name a key that is one, as in sum<&Order::price>()");
      if constexpr (std::is_arithmetic_v<Number>) {
        return total<dataset::widened_t<Number>>(dataset::step<dataset::Sum<T, key>>("sum"));
      }
    }
  }

 private:
  template <class Call, class... Extra>
  static Bytes encode_extra(Extra&&... extra) {
    return dataset::plain(detail::encode_arguments<typename Call::signature, 1>(std::forward<Extra>(extra)...));
  }
  template <class Total>
  [[nodiscard]] Total total(dataset::Step last) const {
    dataset::BlockStream blocks{plan_, std::move(last)};
    Total total{};
    while (const std::optional<Bytes> block = blocks.next()) {
      ByteReader reader{*block};
      dataset::add(total, reader.get<Total>());
    }
    return total;
  }

  dataset::Plan plan_;
};

/// The items of a vector, which are sent to the workers block by block.
template <class T>
[[nodiscard]] Dataset<T> from_items(std::vector<T> items) {
  const auto all = std::make_shared<const std::vector<T>>(std::move(items));
  const auto open = [all]() -> dataset::BlockSource {
    return [all, place = all->begin()]() mutable -> std::optional<Bytes> {
      if (place == all->end()) return std::nullopt;
      const auto begin = place;
      place += std::min<std::ptrdiff_t>(all->end() - begin, dataset::items_per_block(all->size()));
      ByteBuffer out;
      encode(out, std::vector<T>(begin, place));
      return Bytes{std::move(out)};
    };
  };
  return Dataset<T>{dataset::load_plan(dataset::step<dataset::LoadItems<T>>("from_items"), open)};
}

/// The numbers 0, 1, …, count - 1. Throws UsageError for a negative count.
[[nodiscard]] Dataset<std::int64_t> range(std::int64_t count);

}  // namespace crema
