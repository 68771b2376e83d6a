#include "dataset_side.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <crema/crema.hpp>
#include <filesystem>
#include <span>
#include <vector>

#include "processes.hpp"
#include "stopwatch.hpp"

namespace benchmark {
namespace {

struct Order {
  std::int64_t order = 0;
  std::chrono::sys_seconds time;
  std::int32_t shop = 0;
  std::string drink;
  std::int32_t cups = 0;
  double price = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(order) & BOOST_SERIALIZATION_NVP(time) & BOOST_SERIALIZATION_NVP(shop);
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(cups) & BOOST_SERIALIZATION_NVP(price);
  }
};

/// Prices are multiples of a quarter, so that sums are exact in whatever order they are made.
Order make_order(std::int64_t number) {
  static constexpr std::array names{"Latte", "Espresso", "Cappuccino", "Flat White", "Mocha", "Tea, black"};
  crema::Random random{0, crema::TaskKey{0, static_cast<std::uint64_t>(number)}, 0};
  const double share = random.uniform();
  const double place = random.uniform();
  const std::uint64_t bits = random();
  const auto cups = static_cast<std::int32_t>(1 + (bits >> 60U) / 4);
  return {.order = number,
          .time = std::chrono::sys_seconds{std::chrono::seconds{1'735'689'600 + (bits & 0x1ffffffU)}},
          .shop = static_cast<std::int32_t>(1000 * place * place),
          .drink = names[static_cast<std::size_t>(6 * share * share)],
          .cups = cups,
          .price = cups * (2.75 + 0.25 * static_cast<double>(bits >> 32U & 0xfU))};
}

/// What orders are grouped by, and what is summed.
template <class Key>
struct Priced {
  Key key{};
  double price = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(key) & BOOST_SERIALIZATION_NVP(price);
  }
};
using Sale = Priced<std::int32_t>;
using Cup = Priced<std::string>;
Sale sale_of(const Order& order) { return {order.shop, order.price}; }
Cup cup_of(const Order& order) { return {order.drink, order.price}; }

struct Totals {
  std::int64_t rows = 0;
  double price = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(rows) & BOOST_SERIALIZATION_NVP(price);
  }
};
std::vector<Totals> totals_of(std::span<const Order> orders) {
  Totals totals{.rows = static_cast<std::int64_t>(orders.size())};
  for (const Order& order : orders) totals.price += order.price;
  return {totals};
}
Totals scan(const crema::Dataset<Order>& orders) {
  Totals all;
  for (const Totals& block : orders.map_batches<totals_of>(std::uint64_t{1} << 40U).rows()) {
    all.rows += block.rows;
    all.price += block.price;
  }
  return all;
}

double scaled(std::int64_t number) { return static_cast<double>(number) * 0.5; }
double shifted(double number) { return number + 1.0; }
auto mapped(std::int64_t rows) { return crema::range(rows).map<scaled>().map<shifted>(); }

double cpu_of_rank() { return cpu_seconds_of(rank_process()); }

/// Wall and CPU time of what one worker does.
class WorkerWatch {
 public:
  [[nodiscard]] double seconds() const { return watch_.seconds(); }
  [[nodiscard]] double cpu_seconds() const { return crema::remote<cpu_of_rank>().get() - cpu_; }

 private:
  double cpu_ = crema::remote<cpu_of_rank>().get();
  Stopwatch watch_;
};

struct Times {
  double wall = 0;
  double cpu = 0;
};
template <class Work>
Times time_of(Work&& work) {
  const WorkerWatch watch;
  work();
  const double wall = watch.seconds();
  return {wall, watch.cpu_seconds()};
}

/// Of the operator that has this name.
double operator_seconds(const crema::DatasetStats& stats, std::string_view name) {
  for (const auto& one : stats.operators)
    if (one.name == name) return std::chrono::duration<double>(one.time).count();
  throw crema::Error{"measuring a dataset: its stats() tell of no operator \"" + std::string{name} + "\""};
}

void check_workers(int wanted) {
  const int workers = crema::cluster().workers;
  if (workers == wanted) return;
  throw crema::UsageError{"measuring datasets: that needs " + std::to_string(wanted) + " workers, and there are " +
                          std::to_string(workers) + ": start it by tests/benchmark/run_datasets"};
}

std::string csv_file(const DatasetAmounts& amounts) { return amounts.folder + "/csv/part-000000.csv"; }
std::string parquet_files(const DatasetAmounts& amounts) { return amounts.folder + "/parquet/part-*.parquet"; }
double megabytes(const std::string& path) { return static_cast<double>(std::filesystem::file_size(path)) * 1e-6; }

struct GroupFigures {
  Figure wall;
  Figure cpu;
  Figure step;
  Figure groups;
  Figure digest;
};

/// `weight` of a group's key goes into the digest of all.
template <auto key, class Row, class Weight>
void measure_groups_by(const crema::Dataset<Row>& rows, const GroupFigures& figures, const SamplesFile& samples,
                       double millions, Weight&& weight) {
  const auto sums = rows.template group_by<key>().template aggregate<Row>(crema::sum<&Row::price>());
  static_cast<void>(sums.take_all());
  std::vector<Row> found;
  const Times times = time_of([&] {
    for (int turn = 0; turn < groupings; ++turn) found = sums.take_all();
  });
  samples.add(figures.wall, groupings * millions / times.wall);
  samples.add(figures.cpu, groupings * millions / times.cpu);
  samples.add(figures.step, millions / operator_seconds(sums.stats(), "group_by"));
  samples.add(figures.groups, static_cast<double>(found.size()));
  double digest = 0;
  for (const Row& group : found) digest += weight(group) * group.price;
  samples.add(figures.digest, digest);
}

/// What a job without crema would do: a loop, block by block as they come there.
double sum_by_hand(std::int64_t rows) {
  std::vector<double> block;
  double sum = 0;
  constexpr std::int64_t most = 65'536;
  for (std::int64_t begin = 0; begin < rows; begin += most) {
    block.clear();
    for (std::int64_t number = begin; number < std::min(begin + most, rows); ++number)
      block.push_back(shifted(scaled(number)));
    double part = 0;
    for (const double value : block) part += value;
    sum += part;
  }
  return sum;
}

using LargeRow = std::array<double, 128>;
LargeRow large_row(std::int64_t number) {
  LargeRow row{};
  row.fill(static_cast<double>(number));
  return row;
}
/// In [0, 1), in no order.
double scattered(std::int64_t number) {
  return static_cast<double>(static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15U >> 11U) * 0x1p-53;
}

/// CPU time of all ranks on this host: the launcher has started them.
double cpu_of_job() { return cpu_seconds_of(parent_of(rank_process())); }

/// Measures the bytes that arrive a second where `exchange` makes other blocks of kept ones.
template <class Row, class Exchange>
void measure_exchange(const crema::Dataset<Row>& kept, double bytes, const Figure& wall, const Figure& cpu,
                      const SamplesFile& samples, Exchange&& exchange) {
  for (int turn = 0; turn < exchanges_before; ++turn) static_cast<void>(exchange(kept).count());
  const double cpu_before = cpu_of_job();
  const Stopwatch watch;
  std::uint64_t rows = 0;
  for (int turn = 0; turn < exchanges; ++turn) rows += exchange(kept).count();
  const double exchanged = bytes * exchanges;
  samples.add(wall, exchanged * 1e-9 / watch.seconds());
  samples.add(cpu, exchanged * 1e-9 / (cpu_of_job() - cpu_before));
  if (static_cast<double>(rows * sizeof(Row)) != exchanged) throw crema::Error{"measuring an exchange: rows were lost"};
}

}  // namespace

void make_inputs(const DatasetAmounts& amounts) {
  const auto orders = crema::range(amounts.rows).map<make_order>();
  orders.repartition(1).write_csv(amounts.folder + "/csv");
  if (crema::parquet_available()) orders.repartition(8).write_parquet(amounts.folder + "/parquet");
}

void measure_scans(const DatasetAmounts& amounts, const SamplesFile& samples) {
  check_workers(1);
  const auto orders = crema::read_csv<Order>(csv_file(amounts));
  scan(orders);  // what is measured finds the file in memory, and the worker warm
  Totals found;
  const Times csv = time_of([&] { found = scan(orders); });
  const double size = megabytes(csv_file(amounts));
  samples.add(csv_scan, size / csv.wall);
  samples.add(csv_scan_pandas, size / csv.wall);
  samples.add(csv_scan_cpu, size / csv.cpu);
  samples.add(csv_rows, static_cast<double>(found.rows));
  samples.add(csv_price, found.price);
  if (!crema::parquet_available()) return;
  const auto stored = crema::read_parquet<Order>(parquet_files(amounts));
  scan(stored);
  const Times parquet = time_of([&] { found = scan(stored); });
  const double millions = static_cast<double>(amounts.rows) * 1e-6;
  samples.add(parquet_scan, millions / parquet.wall);
  samples.add(parquet_scan_cpu, millions / parquet.cpu);
  samples.add(parquet_rows, static_cast<double>(found.rows));
  samples.add(parquet_price, found.price);
}

void measure_groups(const DatasetAmounts& amounts, const SamplesFile& samples) {
  check_workers(1);
  const auto orders = crema::range(amounts.rows).map<make_order>();
  const double millions = static_cast<double>(amounts.rows) * 1e-6;
  measure_groups_by<&Sale::key>(
      orders.map<sale_of>().repartition(16).materialize(),
      {group_by_number, group_by_number_cpu, group_by_number_step, number_groups, number_digest}, samples, millions,
      [](const Sale& sale) { return sale.key + 1.0; });
  measure_groups_by<&Cup::key>(orders.map<cup_of>().repartition(16).materialize(),
                               {group_by_text, group_by_text_cpu, group_by_text_step, text_groups, text_digest},
                               samples, millions, [](const Cup& cup) { return static_cast<double>(cup.key.size()); });
}

void measure_map(const DatasetAmounts& amounts, const SamplesFile& samples, const SamplesFile& baselines) {
  check_workers(1);
  const auto rows = static_cast<double>(amounts.map_rows);
  static_cast<void>(mapped(amounts.map_rows / 10).sum());
  const Stopwatch crema_watch;
  samples.add(map_sum, mapped(amounts.map_rows).sum());
  samples.add(fused_map, crema_watch.seconds() * 1e9 / rows);
  const Stopwatch hand_watch;
  baselines.add(map_sum, sum_by_hand(amounts.map_rows));
  baselines.add(fused_map, hand_watch.seconds() * 1e9 / rows);
}

void measure_two_workers(const DatasetAmounts& amounts, const SamplesFile& samples) {
  check_workers(2);
  const auto bytes = static_cast<double>(amounts.exchange_bytes);
  const auto large = crema::range(amounts.exchange_bytes / static_cast<std::int64_t>(sizeof(LargeRow)))
                         .map<large_row>()
                         .repartition(16)
                         .materialize();
  const auto shuffled = [](const auto& rows) { return rows.random_shuffle(1); };
  measure_exchange(large, bytes, shuffle_large, shuffle_large_cpu, samples, shuffled);
  const auto doubles = crema::range(amounts.exchange_bytes / static_cast<std::int64_t>(sizeof(double)))
                           .map<scattered>()
                           .repartition(16)
                           .materialize();
  measure_exchange(doubles, bytes, shuffle_doubles, shuffle_doubles_cpu, samples, shuffled);
  measure_exchange(doubles, bytes, repartition_doubles, repartition_doubles_cpu, samples,
                   [](const auto& rows) { return rows.repartition(15); });
  measure_exchange(doubles, bytes, sort_doubles, sort_doubles_cpu, samples,
                   [](const auto& rows) { return rows.template sort<>(); });

  const auto orders = crema::read_csv<Order>(csv_file(amounts));
  scan(orders);
  const Stopwatch csv_watch;
  scan(orders);
  samples.add(csv_scan_two_workers, megabytes(csv_file(amounts)) / csv_watch.seconds());
  static_cast<void>(mapped(amounts.map_rows / 10).sum());
  const Stopwatch map_watch;
  samples.add(map_sum, mapped(amounts.map_rows).sum());
  samples.add(fused_map_two_workers, static_cast<double>(amounts.map_rows) * 1e-6 / map_watch.seconds());
}

}  // namespace benchmark
