#pragma once

#include <map>
#include <string>
#include <vector>

#include "head/resource_pool.hpp"
#include "runtime/roles.hpp"

namespace crema::runtime {

/// `gpus=2,fpga=1` as amounts. Throws UsageError for anything else.
std::map<std::string, double> parse_resources(const std::string& text);

/// The cores this process may run on, as the kernel lists them.
std::string usable_cores();

/// Whether this process may run on one core only.
bool bound_to_one_core();

/// GPUs by name, from the first of CUDA_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES, SLURM_STEP_GPUS and SLURM_JOB_GPUS that
/// is set.
std::vector<std::string> visible_gpus();

/// What each rank offers, by rank, and how many tasks it runs at a time. The cores of ranks of one host that may run on
/// the same ones are shared among these; what --resources says of a rank comes before what was found.
struct RankOffer {
  head::Offer offer;
  std::uint32_t lanes = 1;
};
/// `lanes`: of --lanes; 0: as many as the rank has cores.
std::vector<RankOffer> offers_of(const std::vector<RankInfo>& ranks, std::uint32_t lanes);

}  // namespace crema::runtime
