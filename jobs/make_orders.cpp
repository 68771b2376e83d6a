// Makes orders of a coffee shop, as many as are wanted, in a folder of CSV files (or JSON lines): input for jobs that
// take long. Each order follows from its number alone, so the files are the same on any number of ranks.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>
#include <crema/crema.hpp>
#include <cstdint>
#include <iostream>
#include <string>

struct Order {
  std::int64_t order = 0;
  std::chrono::sys_seconds time;
  std::int32_t shop = 0;
  std::string drink;
  std::int32_t cups = 0;
  double price = 0;  // US dollars for all cups

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(order) & BOOST_SERIALIZATION_NVP(time) & BOOST_SERIALIZATION_NVP(shop);
    ar& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(cups) & BOOST_SERIALIZATION_NVP(price);
  }
};

struct Drink {
  const char* name;
  double price;  // of a cup
  double share;  // of all orders
};
constexpr std::array<Drink, 6> drinks{{{"Latte", 5.00, 0.30},
                                       {"Espresso", 3.00, 0.22},
                                       {"Cappuccino", 4.50, 0.20},
                                       {"Flat White", 4.75, 0.13},
                                       {"Mocha", 5.50, 0.10},
                                       {"Tea, black", 2.75, 0.05}}};

/// Shops open at 6 and close at 18 o'clock; the small ones are many.
Order make_order(std::int64_t number, std::int64_t shops) {
  using namespace std::chrono;
  crema::Random random{0, crema::TaskKey{0, static_cast<std::uint64_t>(number)}, 0};
  double share = random.uniform();
  std::size_t drink = 0;
  while (drink + 1 < drinks.size() && share >= drinks[drink].share) share -= drinks[drink++].share;
  const int cups = 1 + static_cast<int>(4 * std::pow(random.uniform(), 4));
  const auto day = sys_days{year{2025} / 1 / 1} + days{static_cast<int>(365 * random.uniform())};
  return {.order = number,
          .time = day + hours{6} + seconds{static_cast<int>(12 * 3600 * random.uniform())},
          .shop = static_cast<std::int32_t>(static_cast<double>(shops) * std::pow(random.uniform(), 2)),
          .drink = drinks[drink].name,
          .cups = cups,
          .price = cups * drinks[drink].price};
}

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "Orders of coffee shops, made up"};
  std::int64_t rows = 100'000;
  std::int64_t shops = 1000;
  std::string folder = "orders";
  bool json = false;
  job.cli().add_option("--rows", rows, "Orders to make")->check(CLI::NonNegativeNumber);
  job.cli().add_option("--shops", shops, "Shops that take them")->check(CLI::PositiveNumber);
  job.cli().add_option("--folder", folder, "Where the files go: a folder that is not there, or empty");
  job.cli().add_flag("--json", json, "JSON lines instead of CSV");

  return job.run([&] {
    const auto orders = crema::range(rows).map<make_order>(shops);
    if (json) {
      orders.write_json(folder);
    } else {
      orders.write_csv(folder);
    }
    std::cout << fmt::format("{} orders are in \"{}\"\n", rows, folder);
    job.results().value("orders", rows);
  });
}
