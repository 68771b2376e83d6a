#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/bad_record.hpp"
#include "crema/dataset_exchange.hpp"
#include "crema/dataset_groups.hpp"
#include "crema/dataset_plan.hpp"
#include "crema/dataset_show.hpp"
#include "crema/dataset_sources.hpp"
#include "crema/dataset_stats.hpp"
#include "crema/dataset_steps.hpp"
#include "crema/grouped_dataset.hpp"
#include "crema/row_range.hpp"

namespace crema {

/// Rows of one type that are made block by block, by tasks, when somebody asks: rows(), take_all(), count(), sum().
/// Until then nothing runs, and every question asks anew. Blocks depend on the input alone, so the answers are the same
/// on any number of ranks. Copies are cheap. Thread safety: immutable; consumed on the driver, in tasks and actors.
///
/// A function is a free function or a captureless lambda: `map<make_drink>()` or `map([](const Order& order) {…})`. Its
/// extra arguments are values, futures (of which it takes the value, or the future itself) or actors, and travel with
/// every block. A key is a member pointer, function or captureless lambda, and is left out for rows that are one value.
template <class T>
class Dataset {
 public:
  using value_type = T;

  explicit Dataset(dataset::Plan plan) : plan_{std::move(plan)} {}

  // Operations on one row after another. A chain of them is one task a block.

  /// A dataset of `function(row, extra...)`.
  template <auto function, class... Extra>
  [[nodiscard]] auto map(Extra&&... extra) const {
    using Call = dataset::RowFunction<T, function>;
    if constexpr (Call::takes_row() && Call::makes_row()) {
      return Dataset<typename Call::result>{plan_.with(dataset::call_step<dataset::Map<T, function>, Call>(
          "map<" + Call::name() + ">", std::forward<Extra>(extra)...))};
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
      return Dataset{plan_.with(dataset::call_step<dataset::Filter<T, function>, Call>("filter<" + Call::name() + ">",
                                                                                       std::forward<Extra>(extra)...))};
    }
  }
  template <class Lambda, class... Extra>
  [[nodiscard]] Dataset filter(Lambda, Extra&&... extra) const {
    detail::require_captureless<Lambda>();
    if constexpr (std::is_empty_v<Lambda>) return filter<Lambda{}>(std::forward<Extra>(extra)...);
  }

  /// All the rows of the containers that `function(row, extra...)` gives.
  template <auto function, class... Extra>
  [[nodiscard]] auto flat_map(Extra&&... extra) const {
    using Call = dataset::RowFunction<T, function>;
    if constexpr (Call::takes_row() && Call::makes_rows()) {
      return Dataset<std::ranges::range_value_t<typename Call::result>>{
          plan_.with(dataset::call_step<dataset::FlatMap<T, function>, Call>("flat_map<" + Call::name() + ">",
                                                                             std::forward<Extra>(extra)...))};
    }
  }
  template <class Lambda, class... Extra>
  [[nodiscard]] auto flat_map(Lambda, Extra&&... extra) const {
    detail::require_captureless<Lambda>();
    if constexpr (std::is_empty_v<Lambda>) return flat_map<Lambda{}>(std::forward<Extra>(extra)...);
  }

  /// The rows of the vectors that `function(std::span<const T> rows, extra...)` gives for up to `size` rows at a time,
  /// all of one block. Throws UsageError for a size of 0.
  template <auto function, class... Extra>
  [[nodiscard]] auto map_batches(std::uint64_t size, Extra&&... extra) const {
    using Call = dataset::RowFunction<std::span<const T>, function>;
    static_assert(!std::is_same_v<T, bool>, "crema: rows of bool lie in no span: map them to char before map_batches");
    if constexpr (Call::takes_row() && Call::makes_rows()) {
      dataset::check_size("map_batches", size);
      return Dataset<std::ranges::range_value_t<typename Call::result>>{
          plan_.with(dataset::prefixed(size, dataset::call_step<dataset::MapBatches<T, function>, Call>(
                                                 "map_batches<" + Call::name() + ">", std::forward<Extra>(extra)...)))};
    }
  }
  template <class Lambda, class... Extra>
  [[nodiscard]] auto map_batches(Lambda, std::uint64_t size, Extra&&... extra) const {
    detail::require_captureless<Lambda>();
    if constexpr (std::is_empty_v<Lambda>) return map_batches<Lambda{}>(size, std::forward<Extra>(extra)...);
  }

  /// A dataset of `object(row)`, where a lane makes its `Object{given...}` once, a model that takes long to load, and
  /// keeps it until two of its blocks in turn have not used it. A class that takes no future is given the value of one,
  /// from put() say, for which the lane waits. What it remembers of rows that came before depends on the ranks.
  template <class Object, class... Given>
  [[nodiscard]] auto map_with(const Given&... given) const {
    constexpr bool makes = dataset::is_made_of<Object, std::decay_t<Given>...>;
    constexpr bool takes = std::is_invocable_v<Object&, T>;
    static_assert(makes, "crema: the class given to map_with cannot be constructed from these arguments");
    static_assert(takes, "crema: the class given to map_with needs an operator() that takes the dataset's row");
    if constexpr (makes && takes) {
      using Step = dataset::MapWith<T, Object, std::decay_t<Given>...>;
      return Dataset<typename Step::Result>{
          plan_.with(Step::step("map_with<" + demangle(typeid(Object).name()) + ">", given...))};
    }
  }

  /// Each row with this probability, the same rows on any number of ranks. Throws UsageError for a fraction that is not
  /// between 0 and 1.
  [[nodiscard]] Dataset sample(double fraction, std::uint64_t seed) const {
    dataset::check_fraction("sample", fraction);
    return Dataset{plan_.with(dataset::step_with<dataset::Sample<T>>("sample", seed, fraction))};
  }

  // Operations for which rows of different blocks meet. Blocks before them run as a whole, and stay with the ranks that
  // made them, spilled beyond their memory; rows go from worker to worker.

  /// The first `rows` rows. Stops reading once it has them.
  [[nodiscard]] Dataset limit(std::uint64_t rows) const {
    const dataset::Plan plan = plan_.with(dataset::step_with<dataset::Head<T>>("limit", rows));
    return after("limit", [plan, rows] {
      return dataset::limited(load_slices(), plan, dataset::step<dataset::Collect<T>>(""), rows);
    });
  }
  /// These rows, then the other ones.
  [[nodiscard]] Dataset union_with(const Dataset& other) const { return Dataset{dataset::united(plan_, other.plan_)}; }
  /// Pairs of the first rows, the second ones, and so on. Consuming it throws UsageError where one dataset is longer.
  template <class U>
  [[nodiscard]] Dataset<std::pair<T, U>> zip(const Dataset<U>& other) const {
    return Dataset<std::pair<T, U>>{dataset::after("zip", [left = plan_, right = other.plan()] {
      return dataset::zipped(dataset::step<dataset::LoadZip<T, U>>("").function, dataset::KeptRows::of<T>(left),
                             dataset::KeptRows::of<U>(right));
    })};
  }
  /// The same rows in `blocks` blocks of equal size. Throws UsageError for 0.
  [[nodiscard]] Dataset repartition(std::uint64_t blocks) const {
    dataset::check_size("repartition", blocks);
    return after("repartition", [plan = plan_, blocks] {
      return dataset::equal_slices(load_slices(), dataset::KeptRows::of<T>(plan), blocks);
    });
  }
  /// The rows in an order that follows from the seed and the input, the same on any number of ranks.
  [[nodiscard]] Dataset random_shuffle(std::uint64_t seed) const {
    return dealt<T>("random_shuffle", {{plan_, dataset::step_with<dataset::DealRandomly<T>>("random_shuffle", seed)}},
                    dataset::step_with<dataset::LoadShuffled<T>>("", seed));
  }
  /// The rows by these keys, of which the first counts most; descending<key> turns one around. Rows with equal keys
  /// keep their order (a stable sample sort). NaN and optionals without a value come last.
  template <auto... keys>
  [[nodiscard]] Dataset sort() const {
    if constexpr ((dataset::check_key<T, keys>() && ...)) {
      return after("sort", [plan = plan_] {
        return dataset::sorted(plan, {.sort_block = dataset::step<dataset::SortBlock<T, keys...>>("sort"),
                                      .choose_cuts = dataset::step<dataset::ChooseCuts<T, keys...>>("").function,
                                      .cut_block = dataset::step<dataset::CutBlock<T, keys...>>("").function,
                                      .load = dataset::step<dataset::LoadSorted<T, keys...>>("")});
      });
    }
  }
  /// Groups of rows with equal keys: `.aggregate<Row>(count(), sum<&Order::price>(), …)`, `.map_groups<function>()`.
  template <auto... keys>
  [[nodiscard]] auto group_by() const {
    if constexpr ((dataset::check_key<T, keys>() && ...)) return GroupedDataset<T, keys...>{plan_};
  }
  /// Dataset<std::pair<T, U>> of rows whose keys are equal, one for each such row of the other dataset (an inner join
  /// by hash). Either each key takes a row of both, or the first half of the keys is for these rows and the second half
  /// for the other ones: `orders.join<&Order::drink, &Price::drink>(prices)`. The order of the pairs follows from the
  /// input alone. Rows of one key are in memory together.
  template <auto... keys, class U>
  [[nodiscard]] auto join(const Dataset<U>& other) const {
    return joined<U, false, keys...>(other);
  }
  /// Dataset<std::pair<T, std::optional<U>>>: the same, and each row of this dataset without a match once alone.
  template <auto... keys, class U>
  [[nodiscard]] auto left_join(const Dataset<U>& other) const {
    return joined<U, true, keys...>(other);
  }
  /// The records that the files of this dataset hold and its reader left out, in order: the files are read again for
  /// them. Throws UsageError unless it was told to collect them (BadRecordPolicy::collect), and behind operations for
  /// which rows of different blocks meet: ask the dataset before them.
  [[nodiscard]] Dataset<BadRecord> bad_records() const { return Dataset<BadRecord>{dataset::bad_records_plan(plan_)}; }

  // Consumers. Each throws DataError for input that cannot be read as asked, found before any task starts where it is
  // in a file's name, access or header; and TaskError for what a function threw.

  /// All rows in order, streamed: a bounded number of blocks is in memory at a time.
  [[nodiscard]] RowRange<T> rows() const { return RowRange<T>{plan_}; }
  /// The same in vectors of `size` rows, the last one of what is left. Throws UsageError for a size of 0.
  [[nodiscard]] BatchRange<T> batches(std::size_t size) const {
    dataset::check_size("batches", size);
    return BatchRange<T>{plan_, size};
  }
  [[nodiscard]] std::vector<T> take_all() const {
    std::vector<T> all;
    for (auto&& row : rows()) all.push_back(std::move(row));
    return all;
  }
  /// The first `count` rows, or all if there are no more. Stops reading once it has them.
  [[nodiscard]] std::vector<T> take(std::uint64_t count) const {
    std::vector<T> first;
    dataset::BlockStream blocks{
        plan_.with(dataset::step_with<dataset::Head<T>>("take", count)).with(dataset::step<dataset::Collect<T>>("")),
        1};
    while (first.size() < count) {
      const std::optional<Bytes> block = blocks.next();
      if (!block) break;
      ByteReader reader{*block};
      for (auto&& row : decode<std::vector<T>>(reader)) {
        if (first.size() < count) first.push_back(std::move(row));
      }
      blocks.double_ahead();
    }
    return first;
  }
  /// Prints the first rows as an aligned table with a column for each field; vectors are one, long cells are cut.
  void show(std::uint64_t count = 20, std::ostream& out = std::cout) const {
    out << dataset::table_of(take(count)) << std::flush;
  }
  /// No task runs for what is kept, items, range(), and rows as they are in HDF5 or, none left out, Parquet files.
  [[nodiscard]] std::uint64_t count() const {
    return plan_.count && plan_.steps.empty() ? plan_.count() : count_in_blocks();
  }
  /// The sum of `key` over all rows. Integers are summed in 64 bits, and a sum beyond them is an error; floats as
  /// double. Blocks are summed row by row and then added in order, so the same rows give the same bits.
  template <auto key = std::identity{}>
  [[nodiscard]] auto sum() const {
    if constexpr (dataset::check_number<T, key>()) return aggregated("sum", dataset::SumOf<T, key>{});
  }
  /// The least and the greatest value of `key`; nothing where no row has one.
  template <auto key = std::identity{}>
  [[nodiscard]] auto min() const {
    if constexpr (dataset::check_key<T, key>()) return aggregated("min", dataset::ExtremeOf<T, key, false>{});
  }
  template <auto key = std::identity{}>
  [[nodiscard]] auto max() const {
    if constexpr (dataset::check_key<T, key>()) return aggregated("max", dataset::ExtremeOf<T, key, true>{});
  }
  /// Nothing where no row has a value.
  template <auto key = std::identity{}>
  [[nodiscard]] std::optional<double> mean() const {
    if constexpr (dataset::check_number<T, key>()) {
      const auto mean = aggregated("mean", dataset::MeanOf<T, key>{});
      return mean.count == 0 ? std::nullopt : std::optional{mean.value()};
    }
  }
  /// The sample's standard deviation, which divides by the count less one; nothing of less than two values.
  template <auto key = std::identity{}>
  [[nodiscard]] std::optional<double> std_dev() const {
    if constexpr (dataset::check_number<T, key>()) {
      const auto moments = aggregated("std_dev", dataset::DeviationOf<T, key>{});
      return moments.count < 2 ? std::nullopt : std::optional{moments.deviation()};
    }
  }
  /// The different values of `key`, in the order in which they first come. They are in memory together.
  template <auto key = std::identity{}>
  [[nodiscard]] auto unique() const {
    if constexpr (dataset::check_key<T, key>()) {
      using Value = dataset::key_of<T, key>;
      dataset::BlockStream blocks{plan_.with(dataset::step<dataset::Distinct<T, key>>("unique"))};
      dataset::KeyNumbers<std::tuple<Value>> known;
      std::vector<Value> values;
      while (const std::optional<Bytes> block = blocks.next()) {
        ByteReader reader{*block};
        for (auto&& value : decode<std::vector<Value>>(reader))
          if (known.number(std::tuple<Value>{value}) == values.size()) values.push_back(std::move(value));
      }
      return values;
    }
  }
  /// The columns of a row, in the order of its `serialize`. Reads nothing.
  [[nodiscard]] static std::vector<ColumnSpec> schema() { return dataset::schema_of<T>(); }
  /// Reads what tells where blocks end (compressed text, JSON arrays: all), and runs all that is before rows meet.
  [[nodiscard]] std::uint64_t block_count() const { return dataset::count_blocks(plan_); }
  /// Runs all of it, counting rows at its end, and tells for each operator what went through and how long it took.
  [[nodiscard]] DatasetStats stats() const {
    dataset::StatsCollector collector;
    static_cast<void>(count_in_blocks());
    return collector.take();
  }

  /// Runs all blocks now; what they are stays with the ranks that made it, spilled beyond their memory, and is used by
  /// whatever asks the returned dataset.
  [[nodiscard]] Dataset materialize() const {
    const auto kept = dataset::KeptRows::of<T>(plan_);
    return between("materialize", kept, 0, kept->rows());
  }
  /// The rows in `count` datasets of equal size, one after the other; runs all blocks now, as materialize() does.
  /// Throws UsageError for 0.
  [[nodiscard]] std::vector<Dataset> split(std::uint64_t count) const {
    dataset::check_size("split", count);
    const auto kept = dataset::KeptRows::of<T>(plan_);
    std::vector<Dataset> all;
    const std::uint64_t rows = kept->rows() / count;
    const std::uint64_t larger = kept->rows() % count;
    for (std::uint64_t i = 0, begin = 0; i < count; ++i) {
      const std::uint64_t end = begin + rows + (i < larger ? 1 : 0);
      all.push_back(between("split", kept, begin, end));
      begin = end;
    }
    return all;
  }
  /// Shuffled rows in two datasets: the one to train with, and `fraction` of the rows, rounded, to test with. Runs all
  /// blocks now, as materialize() does. Throws UsageError for a fraction that is not between 0 and 1.
  [[nodiscard]] std::pair<Dataset, Dataset> train_test_split(double fraction, std::uint64_t seed) const {
    dataset::check_fraction("train_test_split", fraction);
    const auto kept = dataset::KeptRows::of<T>(random_shuffle(seed).plan_);
    const auto test = static_cast<std::uint64_t>(std::llround(fraction * static_cast<double>(kept->rows())));
    const std::uint64_t train = kept->rows() - test;
    return {between("train_test_split", kept, 0, train), between("train_test_split", kept, train, kept->rows())};
  }

  // Writers. Each block becomes a file of its own in the folder, `part-NUMBER.csv` by the block's number, which appears
  // whole; a block without rows becomes none, but the first where no block has any. Once all are there, so is a file
  // `_SUCCESS` that lists them, and until then a file `_UNFINISHED`. No attempt, lost rank or resume makes a row appear
  // twice. All ranks must see the folder under the same path; it is made if need be. Each throws UsageError where the
  // folder holds a finished dataset or other files, or cannot be made, and TaskError where a part cannot be written.

  /// As read_csv reads them: a line of names, RFC 4180. Optionals without a value and empty text are empty cells.
  void write_csv(const std::string& folder) const;
  /// As read_json reads them: an object a line, `part-NUMBER.jsonl`. NaN is null, which only an optional reads.
  void write_json(const std::string& folder) const;
  /// As read_parquet reads them, compressed with Zstandard: nested records are structs, std::vector lists, time points
  /// timestamps in nanoseconds UTC, optionals without a value null. Throws UsageError unless parquet_available().
  void write_parquet(const std::string& folder) const;

  /// One HDF5 file, as read_hdf5 reads it and Results::table stores it: `table` is a group, which may stand in others
  /// ("day/orders"), with a dataset for each field. The rank that asks writes it, block by block in order; it
  /// appears under its name when it is whole. One that is killed leaves `.NAME.….partial` beside it. Throws UsageError
  /// where that name is taken already or cannot be written, Error where the disk is full.
  void write_hdf5(const std::string& path, const std::string& table) const;

  [[nodiscard]] const dataset::Plan& plan() const { return plan_; }

 private:
  static FunctionId load_slices() { return dataset::step<dataset::LoadSlices<T>>("").function; }
  static Dataset after(std::string name, std::function<dataset::BlockSource()> open) {
    return Dataset{dataset::after(std::move(name), std::move(open))};
  }
  static Dataset between(std::string name, std::shared_ptr<const dataset::KeptRows> kept, std::uint64_t begin,
                         std::uint64_t end) {
    return Dataset{dataset::between(std::move(name), load_slices(), std::move(kept), begin, end)};
  }
  template <class Row>
  static Dataset<Row> dealt(std::string name, std::vector<dataset::Side> sides, dataset::Step load) {
    return Dataset<Row>{dataset::after(
        std::move(name), [sides = std::move(sides), load = std::move(load)] { return dataset::dealt(sides, load); })};
  }
  template <class U, bool all_left, auto... keys>
  [[nodiscard]] auto joined(const Dataset<U>& other) const {
    using Both = dataset::JoinKeys<T, U, keys...>;
    if constexpr (Both::check()) {
      using Left = typename decltype(Both::left())::type;
      using Right = typename decltype(Both::right())::type;
      using Load = dataset::LoadJoined<T, U, all_left, Left, Right>;
      return dealt<std::pair<T, typename Load::Right>>(
          "join",
          {{plan_, dataset::step<dataset::DealByKeys<T, Left>>("join")},
           {other.plan(), dataset::step<dataset::DealByKeys<U, Right>>("join")}},
          dataset::step<Load>(""));
    }
  }
  [[nodiscard]] std::uint64_t count_in_blocks() const {
    dataset::BlockStream blocks{plan_.with(dataset::step<dataset::Count>("count"))};
    std::uint64_t rows = 0;
    while (blocks.next()) rows += blocks.facts().rows;
    return rows;
  }
  /// The aggregator's state over all rows.
  template <class Aggregator>
  [[nodiscard]] auto aggregated(std::string name, const Aggregator& aggregator) const {
    dataset::BlockStream blocks{plan_.with(dataset::step<dataset::Aggregate<T, Aggregator>>(std::move(name)))};
    auto state = aggregator.init();
    while (const std::optional<Bytes> block = blocks.next()) {
      ByteReader reader{*block};
      aggregator.merge(state, decode<decltype(state)>(reader));
    }
    return state;
  }

  dataset::Plan plan_;
};

}  // namespace crema
