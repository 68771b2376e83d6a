// expect: crema: a key must be a member of the dataset's row, or a function or captureless lambda of it
#include "crema/dataset.hpp"

struct Order {
  double price = 0;
};

void dataset_key() { (void)crema::range(9).sum<&Order::price>(); }
