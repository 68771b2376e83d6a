// Writes the run file that readme_test.py reads: a small coffee shop, with one of everything src/record/README.md
// describes. Its one argument is the file's name.

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "crema/results.hpp"
#include "record/run_file.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

enum class Size : std::uint8_t { small = 1, large = 2 };

struct Place {
  double x = 0;
  double y = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(x) & BOOST_SERIALIZATION_NVP(y);
  }
};

struct Walk {
  std::array<double, 3> steps{};
  std::array<std::array<std::int16_t, 2>, 2> corners{};
  int steps_1 = 0;  // as the dimension would be named

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(steps) & BOOST_SERIALIZATION_NVP(corners) & BOOST_SERIALIZATION_NVP(steps_1);
  }
};

struct Drink {
  std::string drink;
  double price = 0;
  bool decaf = false;
  Size size = Size::small;
  system_clock::time_point sold_at;
  milliseconds preparation{};
  std::optional<double> tip;
  std::optional<int> table;
  double cost = 0;
  Place position;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price) & BOOST_SERIALIZATION_NVP(decaf) &
        BOOST_SERIALIZATION_NVP(size) & BOOST_SERIALIZATION_NVP(sold_at) & BOOST_SERIALIZATION_NVP(preparation) &
        BOOST_SERIALIZATION_NVP(tip) & BOOST_SERIALIZATION_NVP(table) &
        boost::serialization::make_nvp("Cost Total $", cost) & BOOST_SERIALIZATION_NVP(position);
  }
};

const system_clock::time_point opening = system_clock::time_point{} +
                                         std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}.time_since_epoch() +
                                         std::chrono::hours{8};

void store_results(crema::Results& results) {
  const std::vector<Drink> drinks{
      {"Cappuccino", 4.50, false, Size::small, opening, milliseconds{1500}, 0.5, 7, 1.25, {1, 2}},
      {"Café crème", 5.00, true, Size::large, opening + milliseconds{250}, milliseconds{1000}, {}, {}, 1.50, {3, 4}}};
  results.table("drinks", drinks, {.units = {{"price", "USD"}}, .description = "What was sold, in order"});
  results.table("no sales", std::vector<Drink>{});
  results.table("walks", std::vector<Walk>{{{1, 2, 3}, {{{4, 5}, {6, 7}}}, 8}, {{9, 10, 11}, {}, 12}},
                {.units = {{"steps", "m"}}});
  results.value("total_revenue", 26.25, {.units = "USD", .description = "All sales"});
  results.value("motto", "Fresh, every day");
  results.value("sold_out", true);
  results.value("closed_at", opening + std::chrono::hours{9});
  results.value("longest_wait", milliseconds{2500});
  results.value("complaints", std::optional<int>{});
  results.value("hourly_sales", std::vector<int>{3, 1, 2});
  std::vector<float> temperature(6);
  std::iota(temperature.begin(), temperature.end(), 20.0F);
  results.array("temperature", temperature, {2, 3},
                {.dimensions = {"hour", "place"},
                 .units = "degC",
                 .coordinates = {{"hour", {8.0, 9.0}}},
                 .description = "Air, by hour and place"});
  results.array<double>("pressure", {4}).write(1, std::vector<double>{2.5, 3.5});
}

crema::record::Summary summary() {
  crema::record::Summary summary;
  summary.finished_at = opening + milliseconds{12'345};
  summary.wall_seconds = 12.345;
  summary.functions = {"make_drink(Order const&)", "clean_up()"};
  summary.ranks = {{0, crema::RankId{0}, "head", "node1", 100, 0.5, 11.5, 4, 0, 0, 0, 0, 50'000'000, 0, {}},
                   {0, crema::RankId{1}, "worker", "nœud2", 200, 9.5, 2.5, 4, 0, 9.5, 0, 3, 40'000'000, 0, 11.25}};
  summary.actors = {{crema::ActorId{5}, "CashRegister", "register", crema::RankId{1}, 7, 0.25}};
  summary.actor_methods = {{"CashRegister::record_sale(double)", 6, 0.2, 0.2 / 6, 0.1}};
  return summary;
}

void write_run(const char* path) {
  using crema::RankId;
  using crema::TaskId;
  using crema::record::TaskState;
  const crema::record::RunInfo info{
      "coffee_shop", "coffee_shop --orders data/orders.csv", 42, opening, "0.1.0", "Open MPI 4.1.4", "271", 2};
  crema::record::RunFile run_file{path, info};
  run_file.add_tasks({{TaskId{1}, TaskId{}, 0, 0, 0, RankId{1}, TaskState::finished, 0.5, 1.0, 2.0, 64, 32},
                      {TaskId{2}, TaskId{}, 0, 0, 0, RankId{1}, TaskState::failed, 0.5, 1.5, 2.25, 64, 0},
                      {TaskId{3}, TaskId{1}, 1, 0, 1, RankId{1}, TaskState::finished, 1.5, 2.25, 5.25, 8, 0}});
  run_file.add_dependencies({{TaskId{2}, TaskId{1}}});
  run_file.add_error({TaskId{2}, "std::runtime_error", "no more milk — sorry", RankId{1}, "nœud2"});
  crema::Results results{run_file};
  store_results(results);
  results.close();
  run_file.finish(summary());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: example_run FILE.h5\n", stderr);
    return 2;
  }
  try {
    write_run(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
