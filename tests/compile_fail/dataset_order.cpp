// expect: crema: a key to sort by must have an order: give its type operator<
#include "crema/dataset.hpp"

struct Point {
  double x = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(x);
  }
};

void dataset_order() { (void)crema::from_items(std::vector<Point>(3)).sort(); }
