#include "record/run_file.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <thread>

#include "crema/errors.hpp"
#include "hdf5_reader.hpp"
#include "temporary_folder.hpp"

namespace crema::record {
namespace {

using std::chrono::system_clock;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

const system_clock::time_point start{std::chrono::milliseconds{1'772'352'000'250}};  // 2026-03-01 08:00:00.250

RunInfo example_info() {
  return {.job = "coffee_shop",
          .command_line = "coffee_shop --orders déjà.csv",
          .seed = 42,
          .started_at = start,
          .crema_version = "0.1.0",
          .mpi_version = "Open MPI 4.1.4",
          .slurm_job_id = "271",
          .ranks = 3};
}

Summary example_summary() {
  Summary summary;
  summary.status = RunStatus::failed;
  summary.exit_code = 1;
  summary.finished_at = start + std::chrono::seconds{60};
  summary.wall_seconds = 60.5;
  summary.functions = {"first()", "second(int)"};
  summary.ranks = {{0, RankId{0}, "head", "node1", 100, 1.5, 2.5, 8, 2, 6.5, 0.5, 3, 4, 5, {}},
                   {0, RankId{1}, "worker", "node2", 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7.5}};
  summary.actors = {{ActorId{8}, "Register", "till", RankId{1}, 9, 0.5}};
  summary.actor_methods = {{"Register::sell(double)", 4, 2.0, 0.5, 0.75}};
  return summary;
}

TaskRow task(std::uint64_t id) {
  TaskRow row;
  row.id = TaskId{id};
  return row;
}

TEST(RunFile, HoldsWhatIsKnownOfTheRun) {
  const testing::TemporaryFolder folder;
  RunFile run_file{folder / "run.h5", example_info()};
  EXPECT_EQ(run_file.finish(example_summary()), folder / "run.h5");

  const Hdf5Reader file{folder / "run.h5"};
  EXPECT_EQ(file.number_attribute<std::int64_t>("/", "schema_version"), 1);
  EXPECT_EQ(file.text_attribute("/", "crema_version"), "0.1.0");
  EXPECT_EQ(file.text_attribute("/", "job"), "coffee_shop");
  EXPECT_EQ(file.text_attribute("/", "status"), "failed");
  EXPECT_EQ(file.number_attribute<std::int64_t>("/", "exit_code"), 1);
  EXPECT_EQ(file.text_attribute("job", "command_line"), "coffee_shop --orders déjà.csv");
  EXPECT_EQ(file.number_attribute<std::uint64_t>("job", "seed"), 42U);
  EXPECT_EQ(file.text_attribute("job", "started_at"), "2026-03-01T08:00:00.250Z");
  EXPECT_EQ(file.text_attribute("job", "finished_at"), "2026-03-01T08:01:00.250Z");
  EXPECT_EQ(file.number_attribute<double>("job", "wall_seconds"), 60.5);
  EXPECT_EQ(file.text_attribute("job", "mpi_version"), "Open MPI 4.1.4");
  EXPECT_THAT(file.text_attribute("job", "hdf5_version"), HasSubstr("1."));

  EXPECT_THAT(file.texts("runs", "started"), ElementsAre("2026-03-01T08:00:00.250Z"));
  EXPECT_THAT(file.texts("runs", "ended"), ElementsAre("2026-03-01T08:01:00.250Z"));
  EXPECT_THAT(file.numbers<std::int32_t>("runs", "ranks"), ElementsAre(3));
  EXPECT_THAT(file.texts("runs", "slurm_job_id"), ElementsAre("271"));
  EXPECT_THAT(file.numbers<std::int32_t>("runs", "exit_code"), ElementsAre(1));
}

TEST(RunFile, HoldsRanksFunctionsAndActors) {
  const testing::TemporaryFolder folder;
  RunFile run_file{folder / "run.h5", example_info()};
  run_file.finish(example_summary());

  const Hdf5Reader file{folder / "run.h5"};
  EXPECT_THAT(file.numbers<std::int32_t>("ranks", "rank"), ElementsAre(0, 1));
  EXPECT_THAT(file.texts("ranks", "role"), ElementsAre("head", "worker"));
  EXPECT_THAT(file.texts("ranks", "host"), ElementsAre("node1", "node2"));
  EXPECT_THAT(file.numbers<std::int64_t>("ranks", "pid"), ElementsAre(100, 200));
  EXPECT_THAT(file.numbers<double>("ranks", "busy_seconds"), ElementsAre(1.5, 0));
  EXPECT_THAT(file.numbers<double>("ranks", "idle_seconds"), ElementsAre(2.5, 0));
  EXPECT_THAT(file.numbers<double>("ranks", "cpus"), ElementsAre(8, 0));
  EXPECT_THAT(file.numbers<double>("ranks", "gpus"), ElementsAre(2, 0));
  EXPECT_THAT(file.numbers<double>("ranks", "cpu_seconds"), ElementsAre(6.5, 0));
  EXPECT_THAT(file.numbers<double>("ranks", "gpu_seconds"), ElementsAre(0.5, 0));
  EXPECT_THAT(file.numbers<std::uint64_t>("ranks", "tasks"), ElementsAre(3U, 0U));
  EXPECT_THAT(file.numbers<std::uint64_t>("ranks", "peak_rss_bytes"), ElementsAre(4U, 0U));
  EXPECT_THAT(file.numbers<std::int32_t>("ranks", "lane_restarts"), ElementsAre(5, 0));
  EXPECT_TRUE(std::isnan(file.numbers<double>("ranks", "lost_at")[0]));
  EXPECT_EQ(file.numbers<double>("ranks", "lost_at")[1], 7.5);
  EXPECT_THAT(file.texts("functions", "name"), ElementsAre("first()", "second(int)"));
  EXPECT_THAT(file.numbers<std::uint64_t>("actors", "id"), ElementsAre(8U));
  EXPECT_THAT(file.texts("actors", "class"), ElementsAre("Register"));
  EXPECT_THAT(file.texts("actors", "name"), ElementsAre("till"));
  EXPECT_THAT(file.numbers<std::uint64_t>("actors", "calls"), ElementsAre(9U));
  EXPECT_THAT(file.texts("actor_methods", "method"), ElementsAre("Register::sell(double)"));
  EXPECT_THAT(file.numbers<double>("actor_methods", "max_seconds"), ElementsAre(0.75));
}

TEST(RunFile, KeepsTaskRowsInOrderOverManyChunks) {
  const testing::TemporaryFolder folder;
  constexpr std::size_t count = 10'000;
  RunFile run_file{folder / "run.h5", example_info()};
  std::vector<TaskRow> rows;
  for (std::size_t i = 0; i < count; ++i) rows.push_back(task(i));
  rows[7] = {TaskId{7}, TaskId{3}, 1, 2, 4, RankId{5}, TaskState::lost, 1.25, 1000.123'456'789, 2e6, 100, 1UL << 40U};
  run_file.add_tasks(std::move(rows));
  run_file.finish(example_summary());

  const Hdf5Reader file{folder / "run.h5"};
  const auto ids = file.numbers<std::uint64_t>("tasks", "id");
  ASSERT_EQ(ids.size(), count);
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(ids[i], i);
  EXPECT_EQ(file.numbers<std::uint64_t>("tasks", "parent")[7], 3U);
  EXPECT_EQ(file.numbers<std::int32_t>("tasks", "function")[7], 1);
  EXPECT_EQ(file.numbers<std::int32_t>("tasks", "run")[7], 2);
  EXPECT_EQ(file.numbers<std::int32_t>("tasks", "attempt")[7], 4);
  EXPECT_EQ(file.numbers<std::int32_t>("tasks", "rank")[7], 5);
  EXPECT_EQ(file.numbers<double>("tasks", "submitted")[7], 1.25);
  EXPECT_NEAR(file.numbers<double>("tasks", "started")[7], 1000.123'456'789, 1e-7);
  EXPECT_EQ(file.numbers<double>("tasks", "finished")[7], 2e6);
  EXPECT_TRUE(std::isnan(file.numbers<double>("tasks", "finished")[8]));
  EXPECT_EQ(file.numbers<std::uint64_t>("tasks", "bytes_in")[7], 100U);
  EXPECT_EQ(file.numbers<std::uint64_t>("tasks", "bytes_out")[7], 1UL << 40U);
}

TEST(RunFile, StatesOfTasksAreAnEnumWithFixedNumbers) {
  const testing::TemporaryFolder folder;
  RunFile run_file{folder / "run.h5", example_info()};
  run_file.finish({});
  const Hdf5Reader file{folder / "run.h5"};
  EXPECT_EQ(file.enum_name("tasks", "state", 1), "finished");
  EXPECT_EQ(file.enum_name("tasks", "state", 2), "failed");
  EXPECT_EQ(file.enum_name("tasks", "state", 3), "cancelled");
  EXPECT_EQ(file.enum_name("tasks", "state", 4), "lost");
}

TEST(RunFile, TakesRowsFromSeveralThreads) {
  const testing::TemporaryFolder folder;
  RunFile run_file{folder / "run.h5", example_info()};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&run_file, i] {
      for (int k = 0; k < 500; ++k) {
        run_file.add_tasks({task(1), task(2)});
        if (k % 100 == 0) run_file.add_error({TaskId{1}, "E", "thread " + std::to_string(i), RankId{2}, "node"});
      }
    });
  }
  threads.clear();
  run_file.finish({});
  const Hdf5Reader file{folder / "run.h5"};
  EXPECT_THAT(file.shape("tasks"), ElementsAre(4000U));
  EXPECT_THAT(file.shape("errors"), ElementsAre(20U));
  EXPECT_EQ(file.numbers<std::int32_t>("errors", "rank")[0], 2);
  EXPECT_THAT(file.texts("errors", "message")[0], HasSubstr("thread "));
}

TEST(RunFile, LeavesNothingBehindWithoutFinish) {
  const testing::TemporaryFolder folder;
  {
    RunFile run_file{folder / "run.h5", example_info()};
    run_file.add_tasks({task(1)});
    run_file.open_table("table", {{"x", ColumnType::float64}}, {});
    EXPECT_THAT(folder.names(), ElementsAre(HasSubstr(".partial")));
  }
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST(RunFile, RefusesATargetThatExistsAndLeavesItAlone) {
  const testing::TemporaryFolder folder;
  RunFile{folder / "run.h5", example_info()}.finish({});
  EXPECT_THAT([&] { RunFile(folder / "run.h5", example_info()); },
              ThrowsMessage<UsageError>(HasSubstr("exists already")));
  EXPECT_THAT(folder.names(), ElementsAre("run.h5"));
}

TEST(RunFile, SaysWhereTheResultsAreWhenTheNameWasTakenMeanwhile) {
  const testing::TemporaryFolder folder;
  {
    RunFile run_file{folder / "run.h5", example_info()};
    std::ofstream{folder / "run.h5"} << "theirs";
    EXPECT_THAT([&] { run_file.finish({}); },
                ThrowsMessage<Error>(AllOf(HasSubstr("not overwritten"), HasSubstr(".partial"))));
  }
  ASSERT_EQ(folder.names().size(), 2U);
  for (const std::string& name : folder.names()) {
    if (name != "run.h5") {
      EXPECT_EQ(Hdf5Reader{folder / name}.text_attribute("/", "status"), "complete");
    }
  }
}

}  // namespace
}  // namespace crema::record
