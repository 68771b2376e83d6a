// expect: crema: the function given to map must return the new row
#include "crema/dataset.hpp"

void dataset_void() {
  (void)crema::range(9).map([](std::int64_t) {});
}
