#include "lane/environment.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>

namespace crema::lane {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

constexpr std::array names{"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "OMP_NUM_THREADS"};

std::mutex mutex;
// Guarded by mutex.
std::list<Variables> running;  // what each has set, in the order they began
std::map<std::string, std::optional<std::string>> before;

void set(const std::string& name, const std::optional<std::string>& value) {
  if (value) {
    ::setenv(name.c_str(), value->c_str(), 1);
  } else {
    ::unsetenv(name.c_str());
  }
}

void apply_last() {
  for (const auto& [name, value] : before) set(name, value);
  if (running.empty()) return;
  for (const auto& [name, value] : running.back()) set(name, value);
}

}  // namespace

Environment::Environment(const Resources& resources, const std::vector<std::string>& gpus) {
  Variables variables;
  if (!gpus.empty()) {
    std::string list;
    for (const std::string& gpu : gpus) list += (list.empty() ? "" : ",") + gpu;
    variables.emplace_back(names[0], list);
    variables.emplace_back(names[1], list);
  }
  variables.emplace_back(names[2], std::to_string(std::max(1, static_cast<int>(resources.cpus))));
  const std::lock_guard lock{mutex};
  if (running.empty()) {
    before.clear();
    for (const char* name : names) {
      const char* value = std::getenv(name);
      before.emplace(name, value == nullptr ? std::nullopt : std::optional<std::string>{value});
    }
  }
  place_ = running.insert(running.end(), std::move(variables));
  apply_last();
}

Environment::~Environment() {
  const std::lock_guard lock{mutex};
  running.erase(place_);
  apply_last();
}

}  // namespace crema::lane
