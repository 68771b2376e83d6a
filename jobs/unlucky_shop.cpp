// A bad day at the coffee shop: one barista's machine crashes, one hangs, one blows a fuse, and the cleaner pulls the
// plug of the cash register. Every customer gets the drink all the same, and the day's revenue is right to the cent.
#include <fmt/format.h>

#include <chrono>
#include <crema/crema.hpp>
#include <csignal>
#include <stdexcept>
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
  unsigned attempts = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price) & BOOST_SERIALIZATION_NVP(attempts);
  }
};

class CashRegister {
 public:
  void record_sale(double price) { revenue_ += price; }
  double revenue() const { return revenue_; }
  void lose_power() { std::raise(SIGKILL); }

 private:
  double revenue_ = 0;
};

/// What is wrong with a machine; the barista's next one works.
enum class Machine { works, crashes, hangs, blows_a_fuse };

/// The customer pays first, so whatever happens to the machine happens after the sale was recorded.
Drink serve(const Order& order, Machine machine, const crema::Actor<CashRegister>& cash_register) {
  cash_register.remote<&CashRegister::record_sale>(order.price);
  const unsigned attempt = crema::this_task().attempt();
  if (attempt == 0) {
    switch (machine) {
      case Machine::works:
        break;
      case Machine::crashes:
        std::raise(SIGSEGV);
        break;
      case Machine::hangs:
        std::this_thread::sleep_for(std::chrono::hours{24});
        break;
      case Machine::blows_a_fuse:
        throw std::runtime_error{"the fuse of the grinder has blown"};
    }
  }
  return {order.drink, order.price, attempt + 1};
}

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "A bad day at the coffee shop"};
  std::string orders_csv = CREMA_DATA_DIR "/orders.csv";
  job.cli().add_option("--orders", orders_csv, "CSV file of orders, with the columns drink and price");

  return job.run([&] {
    const auto orders = crema::read_csv<Order>(orders_csv).take_all();
    const auto cash_register = crema::actor<CashRegister>();
    const crema::TaskOptions patient{.retry_exceptions = true, .timeout = std::chrono::seconds{2}};
    constexpr Machine machines[] = {Machine::works, Machine::crashes, Machine::hangs, Machine::blows_a_fuse};

    double owed = 0;
    std::vector<crema::Future<Drink>> drinks;
    for (const Order& order : orders) {
      owed += order.price;
      drinks.push_back(crema::with(patient).remote<serve>(order, machines[drinks.size() % 4], cash_register));
    }
    for (const Drink& drink : crema::get(drinks))
      fmt::print("{} - ${:.2f} [ready at attempt {}]\n", drink.drink, drink.price, drink.attempts);

    try {
      cash_register.remote<&CashRegister::lose_power>().get();
    } catch (const crema::ActorError& error) {
      fmt::print("The cash register has lost its power:\n  {}\n", error.what());
    }
    // Built anew from its history: every sale once, also those of customers who were served twice.
    const double revenue = cash_register.remote<&CashRegister::revenue>().get();
    fmt::print("Revenue: ${:.2f}, owed: ${:.2f}\n", revenue, owed);
    job.results().table("drinks", drinks);
    job.results().value("total_revenue", revenue, {.units = "USD"});
    job.results().value("total_owed", owed, {.units = "USD"});
  });
}
