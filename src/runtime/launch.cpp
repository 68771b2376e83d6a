#include "runtime/launch.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace crema::runtime {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

namespace {
constexpr std::array rank_variables{"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};
}

bool launched() {
  return std::any_of(rank_variables.begin(), rank_variables.end(),
                     [](const char* name) { return !environment(name).empty(); });
}

int launched_rank() {
  for (const char* name : rank_variables)
    if (const std::string rank = environment(name); !rank.empty()) return std::atoi(rank.c_str());
  return 0;
}

std::uint64_t process_space() {
  struct stat space {};
  return ::stat("/proc/self/ns/pid", &space) == 0 ? space.st_ino : 0;
}

std::string describe_broken_launch(int mpi_size) {
  const int tasks = std::atoi(environment("SLURM_STEP_NUM_TASKS").c_str());
  if (mpi_size > 1 || tasks <= 1 || !environment("OMPI_COMM_WORLD_SIZE").empty()) return {};
  return fmt::format(
      "starting the job: srun started {} tasks but MPI sees one, so each would be a job of its own; use srun "
      "--mpi=pmix, or "
      "mpirun inside the batch script",
      tasks);
}

std::string job_name(const char* program) { return std::filesystem::path{program}.filename().string(); }

void write_exit_file(int exit_code) {
  const std::string path = environment("CREMA_EXIT_FILE");
  if (path.empty()) return;
  std::ofstream file{path};
  file << exit_code << '\n';
  file.close();
  if (!file) {
    fmt::print(stderr, "crema: writing the exit code {} to CREMA_EXIT_FILE {}: {}\n", exit_code, path,
               std::strerror(errno));
  }
}

}  // namespace crema::runtime
