// A disk that fills up, and a run that writes more than memory should hold.

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include "crema/errors.hpp"
#include "crema/results.hpp"
#include "record/run_file.hpp"
#include "small_disk.hpp"
#include "temporary_folder.hpp"

namespace crema::record {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

/// No file of this process may grow beyond a size, while it lives.
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;

 private:
  rlimit before_{};
};

struct Fill {
  const char* name;
  void (*write)(RunFile&, std::mt19937_64&, int round);
};

void fill_with_tasks(RunFile& run_file, std::mt19937_64& random, int /*round*/) {
  std::vector<TaskRow> rows(1000);
  for (TaskRow& row : rows) row.id = TaskId{random()};
  run_file.add_tasks(std::move(rows));
}

void fill_with_values(RunFile& run_file, std::mt19937_64& /*random*/, int round) {
  Results{run_file}.value("value " + std::to_string(round), std::string(10'000, 'x'));
}

void fill_with_tables(RunFile& run_file, std::mt19937_64& random, int round) {
  std::vector<std::string> texts(1000);
  for (std::string& text : texts) text = std::to_string(random());
  Results{run_file}.table("table " + std::to_string(round), texts);
}

void fill_with_arrays(RunFile& run_file, std::mt19937_64& /*random*/, int round) {
  Results{run_file}.array("array " + std::to_string(round), std::vector<double>(10'000, 1.5), {100, 100});
}

/// Writes about 20 MiB; the driver's calls may throw what finish() will say too.
void write_much(RunFile& run_file, const Fill& fill) {
  std::mt19937_64 random{1};
  try {
    for (int round = 0; round < 300 && !run_file.failed(); ++round) fill.write(run_file, random, round);
  } catch (const Error& error) {
    EXPECT_TRUE(run_file.failed()) << error.what();
  }
}

class DiskFull : public ::testing::TestWithParam<Fill> {};

TEST_P(DiskFull, IsAnErrorAtTheEndAndLeavesNothing) {
  const testing::SmallDisk disk;
  if (!disk.unavailable().empty()) GTEST_SKIP() << "mounting a small tmpfs needs root: " << disk.unavailable();
  {
    RunFile run_file{disk.folder() / "run.h5", {}};
    write_much(run_file, GetParam());
    EXPECT_THAT([&] { run_file.finish({}); },
                ThrowsMessage<Error>(AllOf(HasSubstr("run.h5"), HasSubstr("No space left on device"))));
    EXPECT_TRUE(run_file.failed());
  }
  EXPECT_THAT(disk.folder().names(), IsEmpty());
}

TEST_P(DiskFull, SoIsAFileThatMayNotGrow) {
  const testing::TemporaryFolder folder;
  {
    RunFile run_file{folder / "run.h5", {}};
    const SmallFiles limit{1U << 20U};
    write_much(run_file, GetParam());
    EXPECT_THAT([&] { run_file.finish({}); },
                ThrowsMessage<Error>(AllOf(HasSubstr("run.h5"), HasSubstr("File too large"))));
  }
  EXPECT_THAT(folder.names(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(With, DiskFull,
                         ::testing::Values(Fill{"Tasks", fill_with_tasks}, Fill{"Values", fill_with_values},
                                           Fill{"Tables", fill_with_tables}, Fill{"Arrays", fill_with_arrays}),
                         [](const auto& fill) { return fill.param.name; });

TEST(DiskFullAtTheEnd, IsAnErrorToo) {
  const testing::TemporaryFolder folder;
  {
    RunFile run_file{folder / "run.h5", {}};
    const SmallFiles limit{1U << 10U};
    EXPECT_THAT([&] { run_file.finish({}); }, ThrowsMessage<Error>(HasSubstr("File too large")));
  }
  EXPECT_THAT(folder.names(), IsEmpty());
}

// The address sanitizer keeps what was freed, so memory that stays flat cannot be seen with it.
#ifndef __SANITIZE_ADDRESS__

/// A figure of /proc/self/status in bytes: "VmRSS", "VmHWM".
std::size_t memory(const std::string& name) {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoul(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

TEST(RunFileMemory, StaysFlatOverFiveMillionTasks) {
  constexpr std::size_t count = 5'000'000;
  constexpr std::size_t batch = 1000;
  constexpr std::size_t max_backlog = 8U << 20U;
  const testing::TemporaryFolder folder;
  RunFile run_file{folder / "run.h5", {}};
  std::mt19937_64 random{1};
  std::exponential_distribution<double> gap{1e5};
  double now = 0;
  std::ofstream{"/proc/self/clear_refs"} << 5;  // forgets the peak so far
  const std::size_t before = memory("VmRSS");
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t id = 0; id < count; id += batch) {
    std::vector<TaskRow> rows(batch);
    for (std::size_t i = 0; i < batch; ++i) {
      now += gap(random);
      rows[i] = {TaskId{id + i},
                 TaskId{},
                 static_cast<std::uint32_t>(random() % 3),
                 0,
                 0,
                 RankId{2 + static_cast<std::int32_t>(random() % 4)},
                 TaskState::finished,
                 now - gap(random) * 1000,
                 now,
                 now + gap(random),
                 100 + random() % 30,
                 16};
    }
    run_file.add_tasks(std::move(rows));
    while (run_file.backlog_bytes() > max_backlog) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  run_file.finish({});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const std::size_t growth = memory("VmHWM") - before;
  const auto size = std::filesystem::file_size(folder / "run.h5");
  RecordProperty("rows_per_second", std::to_string(static_cast<double>(count) / seconds.count()));
  RecordProperty("bytes_per_row", std::to_string(static_cast<double>(size) / count));
  RecordProperty("growth_bytes", std::to_string(growth));
  EXPECT_LT(growth, 64U << 20U) << "the rows themselves are " << count * sizeof(TaskRow) << " bytes";
  EXPECT_LT(size, count * 20);
}

#endif

}  // namespace
}  // namespace crema::record
