// The stall report of real ranks in one process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

#include "crema/actor.hpp"
#include "crema/task.hpp"
#include "crema/wait.hpp"
#include "loopback_cluster.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class Stall : public testing::TestWithParam<int> {
 protected:
  Stall() { cluster.options.stall_after = 20ms; }

  /// Runs the driver, waits until the log has this text, ends the job, and returns the log with ids replaced by N.
  std::string log_of(const std::function<void()>& driver, const std::string& text) {
    const int exit_code = cluster.run_all([&] {
      driver();
      const auto limit = std::chrono::steady_clock::now() + 20s;
      while (cluster.log().find(text) == std::string::npos && std::chrono::steady_clock::now() < limit)
        std::this_thread::sleep_for(1ms);
      over = true;
      throw std::runtime_error{"the end"};  // what is stuck would keep the job for ever
    });
    EXPECT_EQ(exit_code, 1);
    return without_ids(cluster.log());
  }

  /// The text with N for the numbers of tasks, calls and values, and without the namespace of this test.
  static std::string without_ids(std::string text) {
    for (const std::string word : {"task ", "call ", "value "}) {
      for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
        const std::size_t begin = at + word.size();
        const std::size_t end = text.find_first_not_of("0123456789", begin);
        if (end != begin) text.replace(begin, std::min(end, text.size()) - begin, "N");
      }
    }
    const std::string space = "crema::(anonymous namespace)::";
    for (std::size_t at = text.find(space); at != std::string::npos; at = text.find(space))
      text.erase(at, space.size());
    return text;
  }

  [[nodiscard]] std::size_t count(const std::string& what) const {
    const std::string text = cluster.log();
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++found;
    return found;
  }

  LoopbackCluster cluster{GetParam()};
  static inline std::atomic<bool> over{false};
  static inline std::atomic<int> arrived{0};
  void SetUp() override {
    over = false;
    arrived = 0;
  }

 public:
  class Partner {
   public:
    /// Asks the next once all are here.
    int ask(Actor<Partner> next, int all) {
      ++arrived;
      while (arrived < all) std::this_thread::sleep_for(1ms);
      return next.remote<&Partner::answer>().get();
    }
    int answer() { return 1; }
    int flood(Actor<Partner> other) {
      for (int i = 0; i < 5; ++i) other.remote<&Partner::answer>();
      return 5;
    }
    int take(int x) { return x; }
    int hold(int x) { return endless(x); }
    int ask_for_flood(Actor<Partner> flooder, Actor<Partner> self) {
      return flooder.remote<&Partner::flood>(self).get();
    }
  };
  static int endless(int) {
    while (!over) std::this_thread::sleep_for(1ms);
    return 1;
  }
  static int patient(int x) { return remote<endless>(x).get() + 1; }
  static int deep(int levels) { return levels == 0 ? endless(0) : remote<deep>(levels - 1).get(); }
};
INSTANTIATE_TEST_SUITE_P(Ranks, Stall, testing::Values(1, 2, 3, 5), testing::PrintToStringParamName());

/// Actors that ask each other in a circle, named a, b, …
void ask_in_a_circle(int count) {
  std::vector<Actor<Stall::Partner>> partners;
  for (int i = 0; i < count; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    partners.push_back(with(ActorOptions{.name = name}).actor<Stall::Partner>());
  }
  for (std::size_t i = 0; i < partners.size(); ++i)
    partners[i].remote<&Stall::Partner::ask>(partners[(i + 1) % partners.size()], count);
}

TEST_P(Stall, ACircleOfTwoActorsIsNamed) {
  EXPECT_THAT(
      log_of([] { ask_in_a_circle(2); }, "a circle"),
      HasSubstr("a circle: Stall::Partner::ask (call N of actor \"a\") waits for Stall::Partner::answer (call N of "
                "actor \"b\"), which waits behind Stall::Partner::ask (call N of actor \"b\"), which waits for "
                "Stall::Partner::answer (call N of actor \"a\"), which waits behind Stall::Partner::ask (call N "
                "of actor \"a\"); none of them can go on"));
}

TEST_P(Stall, ACircleOfThreeActorsIsNamed) {
  const std::string log = log_of([] { ask_in_a_circle(3); }, "a circle");
  std::string circle = "a circle: Stall::Partner::ask (call N of actor \"a\") waits for";
  for (const char* next : {"b", "c", "a"}) {
    circle += " Stall::Partner::answer (call N of actor \"" + std::string{next} +
              "\"), which waits behind Stall::Partner::ask (call N of actor \"" + next + "\")";
    circle += next == std::string{"a"} ? "; none" : ", which waits for";
  }
  EXPECT_THAT(log, HasSubstr(circle));
  const std::string rank = GetParam() > 2 ? "rank 1 (actors) on testhost: lane" : "on testhost: lane";
  EXPECT_THAT(log, HasSubstr(rank));
}

TEST_P(Stall, ACircleThroughAFullMailboxIsNamed) {
  const auto start = [] {
    const auto a = with(ActorOptions{.name = "a", .max_pending_calls = 1}).actor<Partner>();
    const auto b = with(ActorOptions{.name = "b"}).actor<Partner>();
    a.remote<&Partner::ask_for_flood>(b, a);
  };
  EXPECT_THAT(
      log_of(start, "a circle"),
      HasSubstr("a circle: Stall::Partner::ask_for_flood (call N of actor \"a\") waits for Stall::Partner::flood "
                "(call N of actor \"b\"), which waits for room in the mailbox of actor \"a\", behind "
                "Stall::Partner::ask_for_flood (call N of actor \"a\");"));
}

TEST_P(Stall, WhoWaitsForATaskThatNeverEndsIsTold) {
  const std::string worker = std::to_string(GetParam() > 2 ? 2 : GetParam() - 1);
  // On one worker the task runs there; on several it may be elsewhere.
  const std::string chain =
      "runs Stall::patient (task N), which waits for Stall::endless (task N), which runs on rank ";
  const std::string log = log_of([] { remote<patient>(1); }, "Stall::endless (task");
  EXPECT_THAT(log, HasSubstr(GetParam() == 5 ? chain : chain + worker));
  EXPECT_THAT(log, HasSubstr("lane 1 runs the driver\n"));
  EXPECT_THAT(log, HasSubstr("no progress for 0.0"));
  EXPECT_THAT(log, Not(HasSubstr("a circle")));
  EXPECT_THAT(log, HasSubstr("[warning]"));
}

TEST_P(Stall, WhoHasGivenUpWaitingIsInNoCircle) {
  // Beyond the bound of those that may wait, one fails, and with it all above; those below go on with the same lanes.
  const int levels = 300 * GetParam();
  const std::string log = log_of([levels] { EXPECT_THROW(remote<deep>(levels).get(), TaskError); }, "no progress");
  EXPECT_THAT(log, Not(HasSubstr("a circle")));
}

TEST_P(Stall, ATaskWithoutItsInputAndTheDriversWaitAreTold) {
  const auto start = [] {
    const auto sum = remote<patient>(remote<endless>(1));
    EXPECT_TRUE(wait(std::vector{sum}, {.timeout = 100ms}).ready.empty());
  };
  const std::string log = log_of(start, "waits for its input");
  EXPECT_THAT(log,
              HasSubstr("Stall::patient (task N), which waits for its input Stall::endless (task N), which runs on"));
  EXPECT_THAT(log, HasSubstr("runs the driver, which waits for a limited time for Stall::patient (task N)"));
}

TEST_P(Stall, FindersCallsOfPoolsAndCallsWithoutTheirArgumentsAreTold) {
  const std::string log = log_of(
      [this] {
        remote([](int x) { return find_actor<Partner>("late", 1h).remote<&Partner::take>(x).get(); }, 1);
        const ActorPool<Partner> pool{1};
        pool.map<&Partner::hold>(std::vector{1, 2});
        const auto taker = with(ActorOptions{.name = "taker"}).actor<Partner>();
        taker.remote<&Partner::take>(remote<endless>(1));
        while (count("its argument") < 3) std::this_thread::sleep_for(1ms);
      },
      "no progress");
  EXPECT_THAT(log, HasSubstr("which waits for an actor named \"late\" to be created"));
  EXPECT_THAT(log, HasSubstr("Stall::Partner::hold (call N of a pool), which waits for one of the pool, which runs "
                             "Stall::Partner::hold (call N of actor"));
  EXPECT_THAT(log, HasSubstr("Stall::Partner::take (call N of actor \"taker\"), which waits for its argument "
                             "Stall::endless (task N), which runs on rank"));
}

TEST_P(Stall, IsRepeatedAtDoublingIntervals) {
  const std::string log = log_of(
      [this] {
        const auto end = remote<endless>(1);
        while (count("no progress") < 4) std::this_thread::sleep_for(1ms);
      },
      "no progress");
  std::vector<double> seconds;
  const std::string report = "no progress for ";
  for (std::size_t at = log.find(report); at != std::string::npos; at = log.find(report, at + 1))
    seconds.push_back(std::stod(log.substr(at + report.size())));
  ASSERT_GE(seconds.size(), 4U);
  // Each counts from when the one before was due: that may have come late.
  double wait = 0.02;
  double due = 0;
  for (const double at : seconds) {
    due += wait;
    EXPECT_GE(at, due * 0.99);  // it is told in three digits
    wait *= 2;
  }
}

TEST_P(Stall, IsNotReportedWithoutWorkNorWhileThereIsProgress) {
  cluster.options.stall_after = 200ms;
  EXPECT_EQ(cluster.run_all([] {
    const auto idle = actor<Partner>();
    EXPECT_EQ(idle.remote<&Partner::answer>().get(), 1);
    std::this_thread::sleep_for(500ms);
    for (int i = 0; i < 25; ++i)
      remote(
          [](int x) {
            std::this_thread::sleep_for(20ms);
            return x;
          },
          i)
          .get();
  }),
            0);
  EXPECT_EQ(cluster.log(), "");
}

}  // namespace
}  // namespace crema
