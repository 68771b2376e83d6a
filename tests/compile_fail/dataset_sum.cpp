// expect: crema: only numbers can be summed: name a key that is one
#include "crema/dataset.hpp"

void dataset_sum() { (void)crema::from_items(std::vector<std::string>{"Latte"}).sum(); }
