// One morning at a coffee shop: drinks are tasks that run in parallel, the cash register is an actor that counts the
// money one sale at a time.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <crema/crema.hpp>
#include <string>
#include <thread>
#include <vector>

struct Order {
  std::string drink;
  double price = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price);
  }
};

struct Drink {
  std::string drink;
  double price = 0;
  std::string status;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price) & BOOST_SERIALIZATION_NVP(status);
  }
};

struct Summary {
  int drinks_sold = 0;
  double total_revenue = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drinks_sold) & BOOST_SERIALIZATION_NVP(total_revenue);
  }
};

Drink make_drink(const Order& order, double prep_seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>{prep_seconds});
  return {order.drink, order.price, "ready"};
}

class CashRegister {
 public:
  void record_sale(double price) {
    ++summary_.drinks_sold;
    summary_.total_revenue += price;
  }
  Summary summary() const { return summary_; }

 private:
  Summary summary_;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "One morning at the coffee shop"};
  std::string orders_csv = CREMA_DATA_DIR "/orders.csv";
  double prep_seconds = 1;
  bool no_baseline = false;
  job.cli().add_option("--orders", orders_csv, "CSV file of orders, with the columns drink and price");
  job.cli()
      .add_option("--prep-seconds", prep_seconds, "Seconds it takes to make a drink")
      ->check(CLI::Range(0.0, 3600.0))
      ->check([](const std::string& text) -> std::string {  // a range has no objection to "nan"
        return std::isnan(std::stod(text)) ? text + " is not a time" : "";
      });
  job.cli().add_flag("--no-baseline", no_baseline, "Skip making the same drinks one by one");

  return job.run([&] {
    const int baristas = crema::cluster().workers;
    fmt::print("Shop open with {} baristas ready\n", baristas);
    fmt::print("Running on {} node(s)\n", crema::cluster().nodes);

    fmt::print("Processing orders...\n");
    const auto orders = crema::read_csv<Order>(orders_csv).take_all();
    auto start = std::chrono::steady_clock::now();
    std::vector<crema::Future<Drink>> drinks;
    for (const Order& order : orders) drinks.push_back(crema::remote<make_drink>(order, prep_seconds));
    fmt::print("Sent {} orders to baristas\n\n", drinks.size());

    const auto ready = crema::get(drinks);
    const double parallel = seconds_since(start);
    fmt::print("Drinks ready:\n");
    for (const Drink& drink : ready) fmt::print("  {} - ${:.2f} [{}]\n", drink.drink, drink.price, drink.status);
    fmt::print("\nTime in parallel ({} baristas): {:.2f} seconds\n\n", baristas, parallel);

    if (!no_baseline) {
      fmt::print("Now the same with just ONE barista (sequential)...\n");
      start = std::chrono::steady_clock::now();
      for (const Order& order : orders) crema::remote<make_drink>(order, prep_seconds).get();
      const double sequential = seconds_since(start);
      fmt::print("Time with one barista: {:.2f} seconds\n\n", sequential);
      fmt::print("{0}\nSPEEDUP: {1:.1f}x faster in parallel!\n{0}\n", fmt::format("{:═<50}", ""),
                 sequential / parallel);
      fmt::print("Sequential: {:.2f}s | Parallel: {:.2f}s\n\n", sequential, parallel);
    }

    fmt::print("Recording sales...\n");
    auto cash_register = crema::actor<CashRegister>();
    std::vector<crema::Future<void>> sales;
    for (const Drink& drink : ready) sales.push_back(cash_register.remote<&CashRegister::record_sale>(drink.price));
    crema::get(sales);
    fmt::print("All sales recorded\n\n");

    const Summary day = cash_register.remote<&CashRegister::summary>().get();
    fmt::print("{0}\nDAILY SUMMARY\n{0}\nDrinks sold: {1}\nTotal revenue: ${2:.2f}\n{0}\n", fmt::format("{:═<40}", ""),
               day.drinks_sold, day.total_revenue);
    job.results().table("drinks", drinks);
    job.results().value("total_revenue", day.total_revenue, {.units = "USD"});
    fmt::print("Shop closed. See you tomorrow!\n");
  });
}
