// ActorOptions::max_pending_calls, on real ranks in one process.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "crema/actor.hpp"
#include "crema/cluster.hpp"
#include "crema/dataset.hpp"
#include "crema/task.hpp"
#include "crema/wait.hpp"
#include "loopback_cluster.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;

/// What the driver returned; fails the test when the job did not end well.
template <class Driver>
auto on(int ranks, Driver driver) {
  LoopbackCluster cluster{ranks};
  decltype(driver()) result{};
  EXPECT_EQ(cluster.run_all([&] { result = driver(); }), 0) << cluster.sink.end.error << cluster.log();
  return result;
}

class Backpressure : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, Backpressure, testing::Values(1, 2, 3, 5), testing::PrintToStringParamName());

constexpr int callers = 8;
constexpr int calls_each = 2000;

class Sequence {
 public:
  void add(int caller, int number) { seen_[caller].push_back(number); }
  std::map<int, std::vector<int>> seen() const { return seen_; }

 private:
  std::map<int, std::vector<int>> seen_;
};

int add_many(const Actor<Sequence>& sequence, int caller) {
  std::vector<Future<void>> added;
  for (int i = 0; i < calls_each; ++i) added.push_back(sequence.remote<&Sequence::add>(caller, i));
  get(added);
  return caller;
}

class Caller {
 public:
  int add_all(Actor<Sequence> sequence, int caller) { return add_many(sequence, caller); }
};

/// What a Sequence saw of eight callers that each sent 2,000 numbers.
std::map<int, std::vector<int>> seen_by(std::int64_t bound, bool from_actors) {
  const auto sequence = with(ActorOptions{.max_pending_calls = bound}).actor<Sequence>();
  std::vector<Future<int>> done;
  std::vector<Actor<Caller>> actors;
  for (int i = 0; i < callers; ++i) {
    if (from_actors) {
      actors.push_back(actor<Caller>());
      done.push_back(actors.back().remote<&Caller::add_all>(sequence, i));
    } else {
      done.push_back(remote<add_many>(sequence, i));
    }
  }
  get(done);
  return sequence.remote<&Sequence::seen>().get();
}

void expect_all_in_order(const std::map<int, std::vector<int>>& seen) {
  std::vector<int> expected(calls_each);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(callers));
  for (const auto& [caller, numbers] : seen) EXPECT_TRUE(numbers == expected) << "of caller " << caller;
}

TEST_P(Backpressure, EachOfEightTasksKeepsItsOrder) {
  for (const std::int64_t bound : {0, 1, 10, 1000})
    expect_all_in_order(on(GetParam(), [=] { return seen_by(bound, false); }));
}

TEST_P(Backpressure, EachOfEightActorsKeepsItsOrder) {
  for (const std::int64_t bound : {0, 10}) expect_all_in_order(on(GetParam(), [=] { return seen_by(bound, true); }));
}

std::atomic<int> made{0};
std::atomic<int> done{0};

class Slow {
 public:
  void work() {
    std::this_thread::sleep_for(100us);
    ++done;
  }
  int count() const { return done; }
};

/// The most calls of one caller that were made and not done.
int most_pending(const Actor<Slow>& slow, int calls) {
  int most = 0;
  std::vector<Future<void>> all;
  for (int i = 0; i < calls; ++i) {
    all.push_back(slow.remote<&Slow::work>());
    most = std::max(most, ++made - done);
  }
  get(all);
  return most;
}

TEST_P(Backpressure, ACallerIsAheadByTheMailboxAndAsManyOnTheirWay) {
  for (const int bound : {1, 5, 100}) {
    made = done = 0;
    const int most = on(GetParam(), [&] {
      const auto slow = with(ActorOptions{.name = "slow", .max_pending_calls = bound}).actor<Slow>();
      EXPECT_EQ(slow.remote<&Slow::count>().get(), 0);
      return most_pending(find_actor<Slow>("slow"), 400);
    });
    EXPECT_LE(most, bound + std::min(bound, 64));
    EXPECT_GE(most, std::min(bound, 2));  // nor does it wait for every call
    EXPECT_EQ(done, 400);
  }
}

TEST_P(Backpressure, HandlesCarryTheBound) {
  made = done = 0;
  const int most = on(GetParam(), [] {
    return remote<most_pending>(with(ActorOptions{.max_pending_calls = 3}).actor<Slow>(), 200).get();
  });
  EXPECT_LE(most, 6);
  EXPECT_EQ(done, 200);
}

TEST_P(Backpressure, ShardsAreBoundedEach) {
  made = done = 0;
  const int most = on(GetParam(), [] {
    const auto shards = with(ActorOptions{.max_pending_calls = 2}).actor_shards<Slow>(2);
    return most_pending(shards[1], 100);
  });
  EXPECT_LE(most, 4);
}

int half(int x) { return x / 2; }

class Asker {
 public:
  int ask(int x) { return remote<half>(x).get(); }
};

int ask_often(const Actor<Asker>& asker) {
  std::vector<Future<int>> answers;
  for (int i = 0; i < 40; ++i) answers.push_back(asker.remote<&Asker::ask>(2 * i));
  const std::vector<int> halves = get(answers);
  return std::accumulate(halves.begin(), halves.end(), 0);
}

TEST_P(Backpressure, ATaskThatWaitsForRoomGivesItsSlotAway) {
  // The actor needs a worker for each call, and on up to three ranks the waiting task holds the only one.
  EXPECT_EQ(
      on(GetParam(), [] { return remote<ask_often>(with(ActorOptions{.max_pending_calls = 1}).actor<Asker>()).get(); }),
      780);
}

std::atomic<bool> may_go{false};

class Gate {
 public:
  int pass(int x) {
    while (!may_go) std::this_thread::sleep_for(1ms);
    return x;
  }
};

int pass_three(const Actor<Gate>& gate) {
  std::vector<Future<int>> passed;
  for (int i = 1; i <= 3; ++i) passed.push_back(gate.remote<&Gate::pass>(i));
  const std::vector<int> values = get(passed);
  return std::accumulate(values.begin(), values.end(), 0);
}

std::atomic<int> begun{0};

/// Starts tasks of which each makes three calls.
template <auto method, class Class>
std::vector<Future<int>> start_callers(const Actor<Class>& actor, int count) {
  std::vector<Future<int>> tasks;
  for (int i = 0; i < count; ++i) {
    tasks.push_back(remote(
        [](Actor<Class> there) {
          ++begun;
          for (int call = 0; call < 3; ++call) there.template remote<method>(call);
          return 1;
        },
        actor));
  }
  return tasks;
}

TEST_P(Backpressure, MoreTasksMayWaitForRoomThanMayWaitForResults) {
  may_go = false;
  begun = 0;
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto gate = with(ActorOptions{.max_pending_calls = 1}).actor<Gate>();
                 const auto tasks = start_callers<&Gate::pass>(gate, 300);
                 std::this_thread::sleep_for(200ms);
                 // 256 may wait, and behind one more no task of that depth begins.
                 if (cluster().workers == 1) {
                   EXPECT_LE(begun, 257);
                 }
                 may_go = true;
                 const std::vector<int> ones = get(tasks);
                 return std::accumulate(ones.begin(), ones.end(), 0);
               }),
            300);
}

int halve(int number) { return number / 2; }

/// Needs a task for each call.
class Halver {
 public:
  void take(int number) {
    // Until as many wait as may: of two workers each may have 256.
    if (cluster().workers == 1)
      while (begun < 257) std::this_thread::sleep_for(1ms);
    sum_ += remote<halve>(number).get();
  }
  int sum() const { return sum_; }

 private:
  int sum_ = 0;
};

TEST_P(Backpressure, AnActorWithAFullMailboxGetsTheTasksItNeeds) {
  begun = 0;
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto halver = with(ActorOptions{.max_pending_calls = 1}).actor<Halver>();
                 get(start_callers<&Halver::take>(halver, 600));
                 // Calls of others than the driver may still be on their way.
                 int sum = 0;
                 while (sum < 600) sum = halver.remote<&Halver::sum>().get();
                 return sum;
               }),
            600);
}

class Recursive {
 public:
  int call_self(Actor<Recursive> self, int times) {
    for (int i = 0; i < times; ++i) self.remote<&Recursive::add>();
    return added_;
  }
  void add() { ++added_; }
  int added() const { return added_; }

 private:
  int added_ = 0;
};

TEST_P(Backpressure, AnActorsCallsToItselfDoNotWait) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto self = with(ActorOptions{.max_pending_calls = 1}).actor<Recursive>();
                 EXPECT_EQ(self.remote<&Recursive::call_self>(self, 50).get(), 0);
                 // Calls of others than the driver may still be on their way.
                 int added = 0;
                 for (int i = 0; i < 10'000 && added < 50; ++i) added = self.remote<&Recursive::added>().get();
                 return added;
               }),
            50);
}

std::string error_of(const Future<int>& future) {
  try {
    return std::to_string(future.get());
  } catch (const TaskError& error) {
    return error.message();
  }
}

TEST_P(Backpressure, KillingTheActorLetsItsCallersGo) {
  may_go = false;
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto gate = with(ActorOptions{.max_pending_calls = 1}).actor<Gate>();
                 const auto waiting = remote<pass_three>(gate);
                 std::this_thread::sleep_for(20ms);
                 gate.kill();
                 // Their first call runs, or was killed; in either case the task gets to its end.
                 EXPECT_NE(error_of(waiting).find("killed"), std::string::npos);
                 may_go = true;
                 return 1;
               }),
            1);
}

class Broken {
 public:
  Broken() { throw std::runtime_error{"no power"}; }
  int value(int) { return 1; }
};

TEST_P(Backpressure, AConstructorThatThrewLetsItsCallersGo) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto broken = with(ActorOptions{.max_pending_calls = 2}).actor<Broken>();
                 std::vector<Future<int>> calls;
                 for (int i = 0; i < 100; ++i) calls.push_back(broken.remote<&Broken::value>(i));
                 int failed = 0;
                 for (const auto& call : calls)
                   if (error_of(call).find("no power") != std::string::npos) ++failed;
                 return failed;
               }),
            100);
}

int spill(int) { throw std::domain_error{"spilt milk"}; }

TEST_P(Backpressure, CallsWhoseArgumentsFailLetTheirCallerGo) {
  may_go = true;
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto gate = with(ActorOptions{.max_pending_calls = 1}).actor<Gate>();
                 std::vector<Future<int>> calls;
                 for (int i = 0; i < 20; ++i) calls.push_back(gate.remote<&Gate::pass>(remote<spill>(i)));
                 int failed = 0;
                 for (const auto& call : calls)
                   if (error_of(call).find("spilt milk") != std::string::npos) ++failed;
                 EXPECT_EQ(gate.remote<&Gate::pass>(8).get(), 8);
                 return failed;
               }),
            20);
}

TEST(BackpressureOptions, ANegativeBoundIsRefusedWithASentence) {
  on(1, [] {
    try {
      with(ActorOptions{.max_pending_calls = -3}).actor<Slow>();
      ADD_FAILURE() << "no exception";
    } catch (const UsageError& error) {
      EXPECT_STREQ(
          error.what(),
          "creating an actor with ActorOptions::max_pending_calls = -3: it is a number of calls, 1 or more, or "
          "0 for no bound");
    }
    return 0;
  });
}

std::atomic<int> sent;
std::atomic<int> most_waiting;

/// Slower than what sends to it.
class Sink {
 public:
  void take(const std::string& text) {
    most_waiting = std::max(most_waiting.load(), sent - taken_);
    bytes_ += text.size();
    ++taken_;
    std::this_thread::sleep_for(50us);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  int taken_ = 0;
  std::size_t bytes_ = 0;
};
std::int64_t send(std::int64_t row, const Actor<Sink>& sink) {
  ++sent;
  sink.remote<&Sink::take>(std::string(1000, 'x'));
  return row;
}

TEST_P(Backpressure, RowsOfADatasetWaitForAnActor) {
  sent = most_waiting = 0;
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto sink = with(ActorOptions{.max_pending_calls = 10}).actor<Sink>();
                 EXPECT_EQ(range(3000).map<send>(sink).count(), 3000U);
                 std::size_t bytes = 0;
                 while (bytes < 3'000'000) bytes = sink.remote<&Sink::bytes>().get();
                 return bytes;
               }),
            3'000'000U);
  // In the mailbox, and that much ahead of it on each of the lanes, with a block.
  EXPECT_LE(most_waiting, 200);
}

}  // namespace
}  // namespace crema
