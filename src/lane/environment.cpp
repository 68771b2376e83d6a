#include "lane/environment.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <charconv>
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

/// A function of the OpenMP runtime, if this program has one. The runtime reads OMP_NUM_THREADS only when it is loaded,
/// and then has a number of threads for each thread that begins parallel regions.
template <class Function>
Function* openmp(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

int max_threads() {
  auto* const get = openmp<int()>("omp_get_max_threads");
  return get == nullptr ? 1 : get();
}

void set_max_threads(int count) {
  if (auto* const set = openmp<void(int)>("omp_set_num_threads")) set(count);
}

/// OMP_NUM_THREADS as it is while nothing with resources of its own runs; may be a list, of which this is the first.
std::optional<int> usual_threads() {
  const std::lock_guard lock{mutex};
  std::string text;
  if (!running.empty()) {
    text = before.at(names[2]).value_or("");
  } else if (const char* value = std::getenv(names[2])) {
    text = value;
  }
  int count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count > 0 ? std::optional{count} : std::nullopt;
}

}  // namespace

void use_usual_threads() {
  if (const std::optional<int> count = usual_threads()) set_max_threads(*count);
}

Environment::Environment(const Resources& resources, const std::vector<std::string>& gpus)
    : threads_before_{max_threads()} {
  Variables variables;
  if (!gpus.empty()) {
    std::string list;
    for (const std::string& gpu : gpus) list += (list.empty() ? "" : ",") + gpu;
    variables.emplace_back(names[0], list);
    variables.emplace_back(names[1], list);
  }
  const int threads = std::max(1, static_cast<int>(resources.cpus));
  variables.emplace_back(names[2], std::to_string(threads));
  set_max_threads(threads);
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
  set_max_threads(threads_before_);
  const std::lock_guard lock{mutex};
  running.erase(place_);
  apply_last();
}

}  // namespace crema::lane
