// expect: crema: a row read from a file must be default constructible
#include "crema/csv.hpp"

struct Order {
  explicit Order(double cost) : price{cost} {}
  double price;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(price);
  }
};

void csv_default() { (void)crema::read_csv<Order>("orders.csv"); }
