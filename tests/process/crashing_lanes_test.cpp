// Random programs whose tasks run in processes, over the loopback transport: between whichever two messages one of
// these dies, the run ends as an unbroken one does, and every update of an actor counts once.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <random>

#include "loopback_cluster.hpp"
#include "memory_journal.hpp"
#include "process/zygote.hpp"
#include "random_program.hpp"

namespace crema {
namespace {

using testing::CutJournal;
using testing::drive;
using testing::End;
using testing::MemoryJournal;
using testing::shared;
using testing::soaks;
using testing::states_but_of;

constexpr int ranks = 5;
constexpr int exits = 0;
constexpr std::array ends{SIGKILL, SIGSEGV, exits, SIGABRT};

class CrashingLanes : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  CrashingLanes() {
    // The crashes are wanted: nobody needs their memory.
    const rlimit none{};
    setrlimit(RLIMIT_CORE, &none);
  }

  /// Goes on from the first `cut` records of the journal. At this boundary (from 1; 0: at none) the process of the task
  /// that has come to it dies.
  static End run(std::uint32_t seed, MemoryJournal& journal, std::size_t cut, std::uint64_t crash_at, int how) {
    testing::forget_states();
    shared().crash_at = crash_at;
    shared().end = how;
    End end;
    LoopbackCluster cluster{ranks, seed};
    for (int rank = 0; rank < ranks; ++rank) cluster.zygotes.push_back(std::make_unique<process::Zygote>());
    cluster.actor_ranks = 2;
    cluster.options.keeps_history = true;
    if (seed % 2 == 1) cluster.network.delay_up_to(4);
    CutJournal source{journal.records, cut};
    cluster.past = history::Past{source};
    journal.records.resize(cut);
    cluster.journal = &journal;
    end.exit_code = cluster.run_all([&] { end.results = drive(seed); });
    end.error = cluster.sink.end.error;
    end.actors = states_but_of(RankId{-1});
    crashes_ = std::count_if(cluster.sink.rows.begin(), cluster.sink.rows.end(),
                             [](const record::TaskRow& row) { return row.state == record::TaskState::crashed; });
    return end;
  }

  static inline std::ptrdiff_t crashes_ = 0;  // of the last run
};

TEST_P(CrashingLanes, EndAsAnUnbrokenRun) {
  const std::uint32_t seed = GetParam();
  MemoryJournal unbroken;
  const End expected = run(seed, unbroken, 0, 0, 0);
  ASSERT_EQ(expected.exit_code, 0) << expected.error;
  ASSERT_EQ(crashes_, 0);
  const std::uint64_t boundaries = shared().boundaries;
  ASSERT_GT(boundaries, 10U);
  std::minstd_rand random{seed};
  const std::uint64_t step = soaks() ? 1 : boundaries / 6 + 1;
  for (std::uint64_t at = 1 + random() % step; at <= boundaries; at += step) {
    const int how = ends[random() % ends.size()];
    MemoryJournal journal;
    ASSERT_EQ(run(seed, journal, 0, at, how), expected) << "end " << how << " at boundary " << at;
    EXPECT_EQ(crashes_, 1) << "end " << how << " at boundary " << at;
    // And then the whole job, at some moment. What goes on from there crashes as well, if it gets so far.
    const std::size_t cut = random() % (journal.records.size() + 1);
    ASSERT_EQ(run(seed, journal, cut, 1 + at / 2, how), expected)
        << "end " << how << " at boundary " << at << ", then cut after record " << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CrashingLanes, ::testing::Range(1U, soaks() ? 41U : 5U));

}  // namespace
}  // namespace crema
