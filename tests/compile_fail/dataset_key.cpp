// expect: crema: a sum's key must be a member of the row or a function of it
#include "crema/dataset.hpp"

struct Order {
  double price = 0;
};

void dataset_key() { (void)crema::range(9).sum<&Order::price>(); }
