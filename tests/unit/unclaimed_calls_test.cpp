// Calls of actors that a history has and that the start which goes on from it does not make again: what counts, and
// what is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "crema/actor.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "loopback_cluster.hpp"
#include "memory_journal.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// What the programs of these tests do otherwise than in their first run.
std::atomic<bool> otherwise;
std::atomic<int> applied;

class Till {
 public:
  int add(int amount) {
    ++applied;
    return sum_ += amount;
  }
  int refund(int amount) { return add(-amount); }
  /// Tells another as well.
  int add_to_both(Actor<Till> other, int amount) {
    if (!otherwise) other.remote<&Till::add>(amount).get();
    return add(amount);
  }
  int sum() const { return sum_; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& sum_;
  }

 private:
  int sum_ = 0;
};

int add_one(Actor<Till> till) { return till.remote<&Till::add>(1).get(); }
int add_through_child(Actor<Till> till) { return remote<add_one>(till).get(); }
/// Of what has failed only that it has is known, so that it runs again.
int add_one_and_fail(Actor<Till> till) {
  if (!otherwise) add_one(till);
  throw std::runtime_error{"sold out"};
}
int add_in_steps(Actor<Till> till) {
  const int done = this_task().restore<int>().value_or(0);
  for (int step = done; step < 3; ++step) {
    if (step < 2 || !otherwise) till.remote<&Till::add>(1).get();
    if (step < 2) this_task().checkpoint(step + 1);
  }
  return 3;
}

class UnclaimedCalls : public ::testing::Test {
 protected:
  UnclaimedCalls() { otherwise = false; }

  /// Runs a driver, and goes on from the first `cut` records of what there is.
  int run(const std::function<void()>& driver, std::size_t cut) {
    LoopbackCluster cluster{4};
    cluster.options.calls_between_states = calls_between_states_;
    testing::CutJournal source{records_, cut};
    cluster.past = history::Past{source};
    testing::MemoryJournal journal;
    journal.records = records_;
    journal.records.resize(cut);
    cluster.journal = &journal;
    cluster.options.keeps_history = true;
    applied = 0;
    const int code = cluster.run_all(driver);
    records_ = journal.records;
    error_ = cluster.sink.end.error;
    return code;
  }
  int run(const std::function<void()>& driver) { return run(driver, records_.size()); }
  /// A first run that ends well, and one of the same that does some things otherwise. Returns its exit code.
  int run_otherwise(const std::function<void()>& driver) {
    EXPECT_EQ(run(driver), 0) << error_;
    otherwise = true;
    return run(driver);
  }
  /// So many records from the first on have `of_type` among them so many times.
  std::size_t behind(journal::RecordType type, int times) const {
    for (std::size_t i = 0; i < records_.size(); ++i)
      if (records_[i].type == type && --times == 0) return i + 1;
    ADD_FAILURE() << "there are not so many records";
    return records_.size();
  }

  std::uint64_t calls_between_states_ = 1'000'000;
  std::vector<journal::Record> records_;
  std::string error_;
};

TEST_F(UnclaimedCalls, OfTheDriverEndTheRunWithAListOfThem) {
  int sum = 0;
  const auto driver = [&sum] {
    const auto till = actor<Till>();
    if (!otherwise) {
      till.remote<&Till::add>(5).get();
      till.remote<&Till::refund>(2).get();
    }
    sum = till.remote<&Till::add>(1).get();
  };
  ASSERT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(sum, 4);
  otherwise = true;
  EXPECT_EQ(run(driver), 1);
  EXPECT_EQ(sum, 4) << "what is recorded has happened, whoever says so";
  EXPECT_THAT(error_, AllOf(HasSubstr("2 actor calls of the interrupted run were not made again by this one: "),
                            HasSubstr("Till::add (call "), HasSubstr("Till::refund (call ")));
  // A program that does what the first did goes on from there all the same.
  otherwise = false;
  EXPECT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(sum, 4);
  EXPECT_EQ(applied, 3) << "once each, to have the actor's state";
}

TEST_F(UnclaimedCalls, ThatHadNotEndedAreAppliedOnce) {
  int sum = 0;
  const auto driver = [&sum] {
    const auto till = actor<Till>();
    if (!otherwise) static_cast<void>(till.remote<&Till::add>(5));
    sum = till.remote<&Till::add>(1).get();
  };
  ASSERT_EQ(run(driver), 0) << error_;
  otherwise = true;
  EXPECT_EQ(run(driver, behind(journal::RecordType::call, 1)), 1);
  EXPECT_EQ(sum, 6);
  EXPECT_EQ(applied, 2);
  EXPECT_THAT(error_, HasSubstr("1 actor calls"));
  otherwise = false;
  EXPECT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(sum, 6);
}

TEST_F(UnclaimedCalls, OfATaskThatIsNotStartedAgain) {
  int sum = 0;
  const auto driver = [&sum] {
    const auto till = actor<Till>();
    if (!otherwise) remote<add_through_child>(till).get();
    sum = till.remote<&Till::sum>().get();
  };
  ASSERT_EQ(run(driver), 0) << error_;
  const std::vector<journal::Record> all = records_;
  otherwise = true;
  // Neither the task nor its child had ended.
  EXPECT_EQ(run(driver, behind(journal::RecordType::call, 1)), 1);
  EXPECT_EQ(sum, 1);
  EXPECT_THAT(error_, AllOf(HasSubstr("1 actor calls"), HasSubstr("Till::add (call ")));
  // Both have: nobody has to make it again.
  records_ = all;
  EXPECT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(sum, 1);
}

TEST_F(UnclaimedCalls, OfAFailedTaskAreItsOwn) {
  int sum = 0;
  const auto driver = [&sum] {
    const auto till = actor<Till>();
    EXPECT_THROW(remote<add_one_and_fail>(till).get(), TaskError);
    sum = till.remote<&Till::sum>().get();
  };
  ASSERT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(sum, 1) << "it has made the call again, which counts once";
  otherwise = true;
  EXPECT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(sum, 1);
}

TEST_F(UnclaimedCalls, BeforeACheckpointAreNotMadeAgain) {
  int sum = 0;
  const auto driver = [&sum] {
    const auto till = actor<Till>();
    remote<add_in_steps>(till).get();
    sum = till.remote<&Till::sum>().get();
  };
  ASSERT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(run(driver, behind(journal::RecordType::checkpoint, 2)), 0) << error_;
  EXPECT_EQ(sum, 3);
}

/// What the other of two has in the end.
int sum_of_other() {
  const auto till = actor<Till>();
  const auto other = actor<Till>();
  till.remote<&Till::add_to_both>(other, 5).get();
  return other.remote<&Till::sum>().get();
}

TEST_F(UnclaimedCalls, OfAMethodThatHasEnded) {
  int sum = 0;
  EXPECT_EQ(run_otherwise([&sum] { sum = sum_of_other(); }), 0) << error_;
  EXPECT_EQ(sum, 5);
}

TEST_F(UnclaimedCalls, OfAMethodThatHasNotEnded) {
  int sum = 0;
  const auto driver = [&sum] { sum = sum_of_other(); };
  ASSERT_EQ(run(driver), 0) << error_;
  otherwise = true;
  // The method's own call and the one that it makes have their places.
  EXPECT_EQ(run(driver, behind(journal::RecordType::call, 2)), 1);
  EXPECT_EQ(sum, 5);
  EXPECT_THAT(error_, AllOf(HasSubstr("1 actor calls"), Not(HasSubstr("add_to_both"))));
}

TEST_F(UnclaimedCalls, ThatAStateCoversAreToldAsWell) {
  calls_between_states_ = 1;
  int sum = 0;
  const auto driver = [&sum] {
    const auto till = actor<Till>();
    if (!otherwise) till.remote<&Till::add>(5).get();
    sum = till.remote<&Till::add>(1).get();
  };
  EXPECT_EQ(run_otherwise(driver), 1);
  EXPECT_EQ(sum, 6);
  EXPECT_EQ(applied, 0);
  EXPECT_THAT(error_, AllOf(HasSubstr("1 actor calls"), HasSubstr("Till::add (call ")));
}

}  // namespace
}  // namespace crema
