// expect: crema: the number of arguments differs from the number of the function's parameters
#include "crema/dataset.hpp"

void dataset_extra() {
  (void)crema::range(9).map([](std::int64_t number, int by) { return number * by; });
}
