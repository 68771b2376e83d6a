// The calls of one caller apply in the order made, whichever methods they call, while their actor is lost and built
// anew on another rank.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "crema/actor.hpp"
#include "crema/cluster.hpp"
#include "crema/task.hpp"
#include "losing.hpp"
#include "memory_journal.hpp"

namespace crema {
namespace {

/// Which caller has made which of its calls.
using Entries = std::vector<std::pair<int, int>>;

class Log {
 public:
  void write(int caller, int number) { entries_.emplace_back(caller, number); }
  int append(int caller, int number) {
    write(caller, number);
    return number;
  }
  /// Its argument may be the value of a future, for which the call waits before it is sent.
  void note(int caller, int number, int) { write(caller, number); }
  /// What is not applied again.
  std::size_t size() const { return entries_.size(); }
  Entries entries() const { return entries_; }
  /// Calls another one, which has its own order.
  void pass_on(Actor<Log> other, int caller, int number) {
    other.remote<&Log::write>(caller, 2 * number);
    other.remote<&Log::append>(caller, 2 * number + 1);
    write(caller, number);
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& entries_;
  }

 private:
  Entries entries_;
};

constexpr int calls = 24;
constexpr int callers = 3;

int soon(int value) { return value; }

/// Of all methods, some answers awaited, most not.
int call(Actor<Log> log, Actor<Log> other, int caller) {
  std::vector<Future<void>> sent;
  for (int i = 0; i < calls; ++i) {
    switch ((i + caller) % 5) {
      case 0:
        sent.push_back(log.remote<&Log::write>(caller, i));
        break;
      case 1:
        if (const auto answer = log.remote<&Log::append>(caller, i); i % 3 == 0) {
          EXPECT_EQ(answer.get(), i);
        }
        break;
      case 2:
        log.remote<&Log::note>(caller, i, remote<soon>(i));
        break;
      case 3:
        log.remote<&Log::size>();
        log.remote<&Log::pass_on>(other, caller, i);
        break;
      default:
        log.remote<&Log::note>(caller, i, 0);
    }
  }
  get(sent);
  return static_cast<int>(log.remote<&Log::size>().get());
}

/// By caller, in the order applied.
std::map<int, std::vector<int>> by_caller(const Entries& entries) {
  std::map<int, std::vector<int>> numbers;
  for (const auto& [caller, number] : entries) numbers[caller].push_back(number);
  return numbers;
}

struct Way {
  int actor_ranks;                     // with one, the head takes the actors over
  std::uint64_t calls_between_states;  // few: an actor is built anew from a state and the calls since
};

class CallOrder : public ::testing::TestWithParam<Way> {};
INSTANTIATE_TEST_SUITE_P(Ways, CallOrder,
                         ::testing::Values(Way{1, 1'000'000}, Way{2, 1'000'000}, Way{1, 5}, Way{2, 5}));

TEST_P(CallOrder, OfOneCallerIsKeptWhereverTheActorIsLost) {
  std::vector<int> all(calls);
  for (int i = 0; i < calls; ++i) all[static_cast<std::size_t>(i)] = i;
  int lost = 0;
  for (std::size_t packets = 0; packets < 240; packets += 8) {
    Losing job{5, RankId{1}, packets};
    testing::MemoryJournal journal;
    job.cluster.actor_ranks = GetParam().actor_ranks;
    job.cluster.options.keeps_history = true;
    job.cluster.options.calls_between_states = GetParam().calls_between_states;
    job.cluster.journal = &journal;
    job.cluster.network.delay_up_to(static_cast<int>(packets % 16));
    job.lose_after(packets);
    Entries entries;
    Entries others;
    ASSERT_EQ(job.run([&] {
      const auto log = actor<Log>();
      const auto other = actor<Log>();
      std::vector<Future<int>> tasks;
      for (int caller = 1; caller < callers; ++caller) tasks.push_back(remote<call>(log, other, caller));
      call(log, other, 0);
      get(tasks);
      entries = log.remote<&Log::entries>().get();
      others = other.remote<&Log::entries>().get();
    }),
              0)
        << packets << ": " << job.cluster.sink.end.error;
    const auto numbers = by_caller(entries);
    ASSERT_EQ(numbers.size(), callers) << packets;
    for (const auto& [caller, applied] : numbers) EXPECT_EQ(applied, all) << packets << ": caller " << caller;
    for (const auto& [caller, applied] : by_caller(others)) {
      EXPECT_TRUE(std::is_sorted(applied.begin(), applied.end())) << packets << ": caller " << caller;
      EXPECT_EQ(std::set<int>(applied.begin(), applied.end()).size(), applied.size()) << packets;
    }
    if (job.cluster.network.is_cut(job.lost)) ++lost;
  }
  EXPECT_GT(lost, 5);
}

}  // namespace
}  // namespace crema
