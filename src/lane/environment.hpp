#pragma once

#include <list>
#include <string>
#include <vector>

#include "crema/options.hpp"

namespace crema::lane {

/// The variables that tell libraries what they may use, while work with resources of its own runs: the devices it was
/// given in CUDA_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES (if it has any), its cpus in OMP_NUM_THREADS; OpenMP regions
/// of this thread follow. Afterwards all is what it was. Lanes that are threads share one environment: of several that
/// run at a time, the one that began last has its variables there, while each has its own number of OpenMP threads.
class Environment {
 public:
  Environment(const Resources& resources, const std::vector<std::string>& gpus);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const int threads_before_;
  std::list<std::vector<std::pair<std::string, std::string>>>::iterator place_;
};

/// OpenMP regions of this thread have as many threads as OMP_NUM_THREADS says, also where it was set after the OpenMP
/// runtime had read it. For lanes, when they begin.
void use_usual_threads();

}  // namespace crema::lane
