// expect: crema: the keys of the two sides of a join have different types
#include "crema/dataset.hpp"

struct Order {
  std::string drink;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink);
  }
};
struct Price {
  int number = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(number);
  }
};

void dataset_join() {
  (void)crema::from_items(std::vector<Order>(2))
      .join<&Order::drink, &Price::number>(crema::from_items(std::vector<Price>(2)));
}
