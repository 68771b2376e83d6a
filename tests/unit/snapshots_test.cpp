// Actors that are built anew from a state that they have told: only the calls behind it are applied again.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

#include "crema/actor.hpp"
#include "crema/task.hpp"
#include "losing.hpp"
#include "memory_journal.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using testing::CutJournal;
using testing::MemoryJournal;

constexpr int calls = 95;
constexpr std::uint64_t calls_between_states = 10;
constexpr int behind_the_last_state = 5;

std::atomic<int> applied;  // by all actors

class Account {
 public:
  void add(int amount) {
    sum_ += amount;
    ++applied;
  }
  int sum() const { return sum_; }

 protected:
  int sum_ = 0;
};

/// The same, with a state that it can tell.
class Ledger : public Account {
 public:
  void add(int amount) { Account::add(amount); }
  int sum() const { return Account::sum(); }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& sum_;
  }
};

/// Tells the driver which states are kept.
class WatchedJournal final : public MemoryJournal {
 public:
  void append(journal::RecordType type, std::span<const std::byte> payload,
              std::span<const std::byte> rest = {}) override {
    MemoryJournal::append(type, payload, rest);
    if (type == journal::RecordType::snapshot) newest_place = wire::read_snapshot(records.back().payload).place;
  }
  /// How many calls have led to the newest state.
  std::atomic<std::uint64_t> newest_place = 0;
};

template <class A>
Actor<A> call_often(const WatchedJournal& journal, std::uint64_t place_of_state) {
  const auto actor = crema::actor<A>();
  std::vector<Future<void>> added;
  for (int i = 0; i < calls; ++i) {
    added.push_back(actor.template remote<&A::add>(i));
    // One at a time: which calls a state covers is no chance.
    added.back().get();
  }
  while (journal.newest_place < place_of_state) std::this_thread::sleep_for(1ms);
  return actor;
}

/// How many calls are applied again after the rank of the actor is lost.
template <class A>
int applied_again_after_a_loss(std::uint64_t place_of_state) {
  WatchedJournal journal;
  Losing job{4, RankId{1}};
  job.cluster.options.keeps_history = true;
  job.cluster.options.calls_between_states = calls_between_states;
  job.cluster.journal = &journal;
  int again = -1;
  EXPECT_EQ(job.run([&] {
    const auto actor = call_often<A>(journal, place_of_state);
    applied = 0;
    job.lose_now();
    EXPECT_EQ(actor.template remote<&A::sum>().get(), calls * (calls - 1) / 2);
    again = applied;
  }),
            0)
      << job.cluster.sink.end.error;
  return again;
}

/// The same, in a start that goes on from one that failed.
template <class A>
int applied_again_by_a_resume(std::uint64_t place_of_state) {
  WatchedJournal journal;
  int again = -1;
  for (const bool fails : {true, false}) {
    LoopbackCluster job{4};
    job.options.keeps_history = true;
    job.options.calls_between_states = calls_between_states;
    CutJournal source{journal.records, journal.records.size()};
    job.past = history::Past{source};
    job.journal = &journal;
    applied = 0;
    EXPECT_EQ(job.run_all([&] {
      const auto actor = call_often<A>(journal, place_of_state);
      if (fails) throw std::runtime_error{"not yet"};
      EXPECT_EQ(actor.template remote<&A::sum>().get(), calls * (calls - 1) / 2);
    }),
              fails ? 1 : 0)
        << job.sink.end.error;
    again = applied;
    EXPECT_TRUE(!fails || again == calls);
  }
  return again;
}

TEST(Snapshots, SaveALostActorTheCallsBeforeThem) {
  EXPECT_EQ(applied_again_after_a_loss<Ledger>(calls - behind_the_last_state), behind_the_last_state);
  EXPECT_EQ(applied_again_after_a_loss<Account>(0), calls);
}

TEST(Snapshots, SaveAResumeTheCallsBeforeThem) {
  EXPECT_EQ(applied_again_by_a_resume<Ledger>(calls - behind_the_last_state), behind_the_last_state);
  EXPECT_EQ(applied_again_by_a_resume<Account>(0), calls);
}

}  // namespace
}  // namespace crema
