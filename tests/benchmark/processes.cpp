#include "processes.hpp"

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace benchmark {
namespace {

std::filesystem::path folder_of(pid_t process) { return "/proc/" + std::to_string(process); }

/// mpirun gives each rank another environment, and forked processes have their parent's.
bool is_rank(pid_t process) {
  std::ifstream file{folder_of(process) / "environ"};
  const std::string environment{std::istreambuf_iterator<char>{file}, {}};
  for (const std::string name : {"OMPI_COMM_WORLD_RANK=", "PMI_RANK="})
    if (environment.starts_with(name) || environment.find('\0' + name) != std::string::npos) return true;
  return false;
}

}  // namespace

pid_t parent_of(pid_t process) {
  std::ifstream file{folder_of(process) / "stat"};
  const std::string line{std::istreambuf_iterator<char>{file}, {}};
  const std::size_t behind_name = line.rfind(") ");
  return behind_name == std::string::npos ? 0 : static_cast<pid_t>(std::stol(line.substr(behind_name + 4)));
}

pid_t rank_process() {
  pid_t process = getpid();
  while (true) {
    const pid_t parent = parent_of(process);
    if (parent <= 1 || !is_rank(parent)) return process;
    process = parent;
  }
}

double cpu_seconds_of(pid_t process) {
  double seconds = 0;
  for (const auto& thread : std::filesystem::directory_iterator{folder_of(process) / "task"}) {
    std::uint64_t nanoseconds = 0;
    std::ifstream{thread.path() / "schedstat"} >> nanoseconds;
    seconds += static_cast<double>(nanoseconds) * 1e-9;
    std::ifstream children{thread.path() / "children"};
    for (pid_t child = 0; children >> child;) seconds += cpu_seconds_of(child);
  }
  return seconds;
}

}  // namespace benchmark
