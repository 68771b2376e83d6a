// expect: crema: a lambda that captures cannot run on another rank: pass what it captures as arguments
#include "crema/dataset.hpp"

void dataset_capture(int limit) {
  (void)crema::range(9).filter([limit](std::int64_t number) { return number < limit; });
}
