#include "runtime/memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace crema::runtime {
namespace {

/// Nothing where there is no such file, or no limit in it ("max").
std::optional<std::uint64_t> read_number(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::uint64_t number = 0;
  if (in >> number) return number;
  return std::nullopt;
}

/// The least limit on the way from the process's cgroup up to the root: each holds for all below it.
std::optional<std::uint64_t> least_limit(const std::filesystem::path& mount, std::filesystem::path group,
                                         const char* file) {
  std::optional<std::uint64_t> least;
  while (true) {
    if (const auto limit = read_number(mount / group.relative_path() / file))
      least = std::min(*limit, least.value_or(*limit));
    if (!group.has_relative_path()) return least;
    group = group.parent_path();
  }
}

}  // namespace

std::uint64_t usable_memory(const std::filesystem::path& root) {
  std::uint64_t memory =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::ifstream groups{root / "proc/self/cgroup"};
  for (std::string line; std::getline(groups, line);) {  // number:controllers:path
    const std::size_t controllers = line.find(':') + 1;
    const std::size_t path = line.find(':', controllers) + 1;
    if (controllers == 0 || path == 0) continue;
    const std::string names = line.substr(controllers, path - 1 - controllers);
    std::optional<std::uint64_t> limit;
    if (names.empty()) limit = least_limit(root / "sys/fs/cgroup", line.substr(path), "memory.max");
    if (names == "memory")
      limit = least_limit(root / "sys/fs/cgroup/memory", line.substr(path), "memory.limit_in_bytes");
    if (limit) memory = std::min(memory, *limit);
  }
  return memory;
}

}  // namespace crema::runtime
