#pragma once

#include <list>
#include <string>
#include <vector>

#include "crema/options.hpp"

namespace crema::lane {

/// The variables that tell libraries what they may use, while work with resources of its own runs: the devices it was
/// given in CUDA_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES (if it has any), its cpus in OMP_NUM_THREADS. Afterwards they
/// are what they were. Lanes that are threads share one environment: of several that run at a time, the one that began
/// last has its variables there.
class Environment {
 public:
  Environment(const Resources& resources, const std::vector<std::string>& gpus);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::list<std::vector<std::pair<std::string, std::string>>>::iterator place_;
};

}  // namespace crema::lane
