#include "runtime/memory.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "temporary_folder.hpp"

namespace crema::runtime {
namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream{file} << text;
}

std::uint64_t host_memory() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

TEST(Memory, WithoutALimitItIsTheHosts) {
  const testing::TemporaryFolder root;
  EXPECT_EQ(usable_memory(root.path()), host_memory());
  write(root / "proc/self/cgroup", "0::/job\n");
  write(root / "sys/fs/cgroup/job/memory.max", "max\n");
  EXPECT_EQ(usable_memory(root.path()), host_memory());
}

TEST(Memory, ALimitOfAnOuterGroupHoldsToo) {
  const testing::TemporaryFolder root;
  write(root / "proc/self/cgroup", "0::/slurm/job_7/step_0\n");
  write(root / "sys/fs/cgroup/slurm/job_7/memory.max", "1048576\n");
  write(root / "sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max\n");
  EXPECT_EQ(usable_memory(root.path()), 1048576U);
  write(root / "sys/fs/cgroup/slurm/job_7/step_0/memory.max", "65536\n");
  EXPECT_EQ(usable_memory(root.path()), 65536U);
}

TEST(Memory, TheFirstVersionOfCgroupsNamesItsController) {
  const testing::TemporaryFolder root;
  write(root / "proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/slurm/job_7\n0::/\n");
  write(root / "sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes", "2097152\n");
  write(root / "sys/fs/cgroup/a/memory.max", "1\n");
  EXPECT_EQ(usable_memory(root.path()), 2097152U);
}

}  // namespace
}  // namespace crema::runtime
