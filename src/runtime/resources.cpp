#include "runtime/resources.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "crema/errors.hpp"
#include "runtime/launch.hpp"

namespace crema::runtime {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in{text};
  for (std::string part; std::getline(in, part, separator);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

}  // namespace

std::map<std::string, double> parse_resources(const std::string& text) {
  std::map<std::string, double> amounts;
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    double amount = -1;
    if (equals != std::string::npos) {
      const char* end = part.data() + part.size();
      if (const auto read = std::from_chars(part.data() + equals + 1, end, amount);
          read.ec != std::errc{} || read.ptr != end)
        amount = -1;
    }
    const bool whole = name != "gpus" || amount == std::floor(amount);
    if (name.empty() || !std::isfinite(amount) || amount < 0 || !whole || !amounts.emplace(name, amount).second) {
      throw UsageError{
          fmt::format("--resources {}: \"{}\" is not NAME=AMOUNT with an amount of 0 or more (whole for gpus) and each "
                      "name once, as "
                      "in gpus=2,fpga=1",
                      text, part)};
    }
  }
  return amounts;
}

bool bound_to_one_core() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  return sched_getaffinity(0, sizeof(cores), &cores) == 0 && CPU_COUNT(&cores) == 1;
}

std::string usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  std::string text;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return text;
  for (std::size_t core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &cores)) text += fmt::format("{}{}", text.empty() ? "" : ",", core);
  return text;
}

std::vector<std::string> visible_gpus() {
  for (const char* name : {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS"}) {
    std::string text = environment(name);
    if (text.empty()) continue;
    if (text == "-1" || text == "NoDevFiles") return {};
    return split(text, ',');
  }
  return {};
}

std::vector<RankOffer> offers_of(const std::vector<RankInfo>& ranks, std::uint32_t lanes) {
  std::vector<RankOffer> offers;
  for (std::size_t number = 0; number < ranks.size(); ++number) {
    const RankInfo& rank = ranks[number];
    const auto sharing = std::count_if(ranks.begin(), ranks.end(), [&](const RankInfo& other) {
      return other.host == rank.host && other.cores == rank.cores;
    });
    const auto cores = static_cast<double>(split(rank.cores, ',').size()) / static_cast<double>(sharing);
    std::map<std::string, double> given = parse_resources(rank.resources);
    RankOffer made;
    const auto given_cpus = given.extract("cpus");
    const double cpus = given_cpus.empty() ? cores : given_cpus.mapped();
    made.lanes = lanes > 0 ? lanes : std::max(1U, static_cast<std::uint32_t>(cpus));
    // A task takes a whole CPU unless it says otherwise, also where there are more ranks than cores.
    made.offer.cpus = given_cpus.empty() ? std::max<double>(made.lanes, std::floor(cpus)) : cpus;
    made.offer.lanes = static_cast<std::int32_t>(std::clamp<double>(made.offer.cpus, 1, made.lanes));
    made.offer.gpus = rank.gpus;
    made.offer.gpu_owner = rank.host;
    if (const auto gpus = given.extract("gpus"); !gpus.empty()) {
      made.offer.gpus.resize(std::min(made.offer.gpus.size(), static_cast<std::size_t>(gpus.mapped())));
      for (auto next = made.offer.gpus.size(); next < static_cast<std::size_t>(gpus.mapped()); ++next)
        made.offer.gpus.push_back(std::to_string(next));
      made.offer.gpu_owner = fmt::format("{} rank {}", rank.host, number);
    }
    made.offer.custom = std::move(given);
    offers.push_back(std::move(made));
  }
  return offers;
}

}  // namespace crema::runtime
