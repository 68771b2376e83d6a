#pragma once

#include <vector>

#include "crema/dataset_plan.hpp"

namespace crema::dataset {

/// The task that all datasets share: runs the steps of one block, and its result is the last step's.
struct RunBlock {
  static Bytes body(void* subject, ByteReader& steps);
};

/// RunBlock's arguments: the steps in order, each as its function's number (32 bits) and its arguments (sized).
Bytes encode_steps(const Step& load, const std::vector<Step>& steps);

}  // namespace crema::dataset
