#include <crema/crema.hpp>

struct Order {
  std::string drink;
  double price = 0;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price);
  }
};

struct Drink {
  std::string drink;
  double price = 0;
  std::string status;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price) & BOOST_SERIALIZATION_NVP(status);
  }
};

struct Summary {
  int drinks_sold = 0;
  double total_revenue = 0;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(drinks_sold) & BOOST_SERIALIZATION_NVP(total_revenue);
  }
};

Drink make_drink(const Order& order) { return {order.drink, order.price, "ready"}; }

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

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "One morning at the coffee shop"};
  std::string orders_csv = "data/orders.csv";
  job.cli().add_option("--orders", orders_csv, "CSV file of orders");

  return job.run([&] {
    auto cash_register = crema::actor<CashRegister>();
    std::vector<crema::Future<Drink>> drinks;
    for (const Order& order : crema::read_csv<Order>(orders_csv).rows())
      drinks.push_back(crema::remote<make_drink>(order));
    std::vector<crema::Future<void>> sales;
    for (const Drink& drink : crema::get(drinks))
      sales.push_back(cash_register.remote<&CashRegister::record_sale>(drink.price));
    crema::get(sales);
    job.results().table("drinks", drinks);
    job.results().value("total_revenue", cash_register.remote<&CashRegister::summary>().get().total_revenue,
                        {.units = "USD"});
  });
}
