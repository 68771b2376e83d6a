#include "process/zygote.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "crema/errors.hpp"
#include "process/lane_memory.hpp"
#include "processes.hpp"

namespace crema::process {
namespace {

using lane::Channel;
using lane::Identity;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

void sleep_for_ever(const Identity&, Channel&) {
  while (true) ::pause();
}

/// Recursion that the compiler cannot turn into a loop.
int overflow(int depth) {
  std::array<volatile char, 4096> frame{};
  frame[static_cast<std::size_t>(depth) % frame.size()] = static_cast<char>(depth);
  return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

/// Starts a program of two processes: one that the lane waits for, and one that has left it, as daemons do.
/// `room` tells the first, `running` the second.
void start_programs(const Identity&, Channel& channel) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) ::_exit(1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    const pid_t daemon = ::fork();
    if (daemon == 0) {
      const pid_t self = ::getpid();
      static_cast<void>(!::write(ends[1], &self, sizeof(self)));
    }
    while (true) ::pause();
  }
  pid_t daemon = 0;
  static_cast<void>(!::read(ends[0], &daemon, sizeof(daemon)));
  channel.waits_for_room(ActorId{static_cast<std::uint64_t>(child)});
  channel.runs(TaskId{static_cast<std::uint64_t>(daemon)});
}

class ZygoteTest : public ::testing::Test {
 protected:
  std::unique_ptr<LaneMapping> start(LaneFunction function, std::uint32_t number = 1) {
    const Descriptor memory = create_lane_memory();
    zygote_.start({RankId{3}, LaneId{number}, "here", 7}, function, memory, Arena::of_process().name_lane());
    return std::make_unique<LaneMapping>(memory.get());
  }

  LaneEnd next_end() {
    std::vector<LaneEnd> ends;
    EXPECT_TRUE(loop_until(zygote_.board(), [&] {
      ends = zygote_.take_ends();
      return !ends.empty();
    }));
    EXPECT_EQ(ends.size(), 1U);
    return ends.empty() ? LaneEnd{} : ends.front();
  }

  int status_of(LaneFunction function) {
    const auto lane = start(function);
    const LaneEnd end = next_end();
    EXPECT_EQ(end.lane, LaneId{1});
    EXPECT_EQ(end.refused, 0);
    return end.wait_status;
  }
  int signal_of(LaneFunction function) {
    const int status = status_of(function);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
  }

  Zygote zygote_;
};

TEST_F(ZygoteTest, EveryWayToDieIsTold) {
  EXPECT_EQ(signal_of([](const Identity&, Channel&) { std::abort(); }), SIGABRT);
  EXPECT_EQ(signal_of([](const Identity&, Channel&) { ::kill(::getpid(), SIGKILL); }), SIGKILL);
  EXPECT_EQ(signal_of([](const Identity&, Channel&) {
              volatile std::uintptr_t nowhere = 8;
              *reinterpret_cast<volatile int*>(nowhere) = 1;
            }),
            SIGSEGV);
  EXPECT_EQ(signal_of([](const Identity&, Channel&) { std::_Exit(overflow(0)); }), SIGSEGV);
  EXPECT_EQ(signal_of([](const Identity&, Channel&) { ::raise(SIGFPE); }), SIGFPE);
  EXPECT_EQ(signal_of([](const Identity&, Channel&) { ::_exit(3); }), -3);
  EXPECT_EQ(signal_of([](const Identity&, Channel&) { std::exit(4); }), -4);
}

template <int signal>
void raise(const Identity&, Channel&) {
  ::raise(signal);
  ::_exit(1);
}

TEST_F(ZygoteTest, EveryFatalSignalIsTold) {
  const std::map<int, LaneFunction> raisers{
      {SIGQUIT, &raise<SIGQUIT>},     {SIGILL, &raise<SIGILL>},   {SIGTRAP, &raise<SIGTRAP>},
      {SIGABRT, &raise<SIGABRT>},     {SIGBUS, &raise<SIGBUS>},   {SIGFPE, &raise<SIGFPE>},
      {SIGKILL, &raise<SIGKILL>},     {SIGSEGV, &raise<SIGSEGV>}, {SIGALRM, &raise<SIGALRM>},
      {SIGVTALRM, &raise<SIGVTALRM>}, {SIGPROF, &raise<SIGPROF>}, {SIGXCPU, &raise<SIGXCPU>},
      {SIGXFSZ, &raise<SIGXFSZ>},     {SIGSYS, &raise<SIGSYS>},   {SIGIO, &raise<SIGIO>}};
  for (const auto& [signal, raiser] : raisers) EXPECT_EQ(signal_of(raiser), signal) << ::strsignal(signal);
}

TEST_F(ZygoteTest, ProgramsOfALaneEndWhenNobodyReadsWhatTheyWrite) {
  EXPECT_EQ(signal_of([](const Identity&, Channel&) {
              const int status = std::system("kill -PIPE $$; exit 9");
              ::raise(SIGPIPE);  // a lane itself hears of it from write
              ::_exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE ? 5 : 1);
            }),
            -5);
}

TEST_F(ZygoteTest, ALaneThatEndsLeavesTheOthers) {
  const auto staying = start(&sleep_for_ever, 1);
  const auto ending = start([](const Identity&, Channel&) { ::_exit(5); }, 2);
  const LaneEnd first = next_end();
  EXPECT_EQ(first.lane, LaneId{2});
  EXPECT_EQ(WEXITSTATUS(first.wait_status), 5);
  EXPECT_TRUE(zygote_.take_ends().empty());

  zygote_.kill(LaneId{7});  // nobody
  zygote_.kill(LaneId{1});
  const LaneEnd second = next_end();
  EXPECT_EQ(second.lane, LaneId{1});
  EXPECT_EQ(WTERMSIG(second.wait_status), SIGKILL);
}

TEST_F(ZygoteTest, TheLastLinesOfStderrComeWithTheEnd) {
  const auto lane = start([](const Identity&, Channel&) {
    std::fprintf(stderr, "the oven is hot\nand now it bu");
    std::abort();
  });
  EXPECT_EQ(next_end().last_errors, "the oven is hot\nand now it bu");
}

TEST_F(ZygoteTest, LaunchersSignalsDoNotEndLanes) {
  EXPECT_EQ(signal_of([](const Identity&, Channel&) {
              for (const int signal : {SIGUSR1, SIGTERM, SIGINT, SIGHUP}) ::raise(signal);
              ::_exit(6);
            }),
            -6);
}

TEST_F(ZygoteTest, ALaneKnowsWhoItIs) {
  EXPECT_EQ(signal_of([](const Identity& self, Channel&) {
              const bool right =
                  self.rank == RankId{3} && self.lane == LaneId{1} && self.host == "here" && self.seed == 7;
              ::_exit(right ? 7 : 1);
            }),
            -7);
}

TEST_F(ZygoteTest, FinishEndsEveryLane) {
  const LaneFunction tell_pid = [](const Identity& self, Channel& channel) {
    channel.runs(TaskId{static_cast<std::uint64_t>(::getpid())});
    sleep_for_ever(self, channel);
  };
  std::vector<std::unique_ptr<LaneMapping>> lanes;
  for (std::uint32_t number = 1; number <= 3; ++number) lanes.push_back(start(tell_pid, number));
  std::vector<pid_t> pids;
  for (const auto& lane : lanes) {
    ASSERT_TRUE(comes_true([&] { return (*lane)->running.load() != 0; }));
    pids.push_back(static_cast<pid_t>((*lane)->running.load()));
  }
  for (const pid_t pid : pids) EXPECT_TRUE(lives(pid));
  zygote_.finish();
  for (const pid_t pid : pids) EXPECT_FALSE(lives(pid));
}

TEST_F(ZygoteTest, ProgramsThatALaneHasStartedEndWithIt) {
  for (const bool killed : {true, false}) {
    const auto other = start(
        [](const Identity& self, Channel& channel) {
          start_programs(self, channel);
          sleep_for_ever(self, channel);
        },
        1);
    const auto lane = killed ? start(
                                   [](const Identity& self, Channel& channel) {
                                     start_programs(self, channel);
                                     sleep_for_ever(self, channel);
                                   },
                                   2)
                             : start(
                                   [](const Identity& self, Channel& channel) {
                                     start_programs(self, channel);
                                     ::_exit(3);
                                   },
                                   2);
    ASSERT_TRUE(comes_true([&] { return (*other)->running.load() != 0 && (*lane)->running.load() != 0; }));
    const auto child = static_cast<pid_t>((*lane)->room.load());
    const auto daemon = static_cast<pid_t>((*lane)->running.load());
    if (killed) {
      EXPECT_TRUE(lives(child) && lives(daemon));
      zygote_.kill(LaneId{2});
    }
    EXPECT_EQ(next_end().lane, LaneId{2});
    EXPECT_TRUE(comes_true([&] { return !lives(child) && !lives(daemon); }));
    // Those of other lanes go on, and end with theirs.
    const auto others_child = static_cast<pid_t>((*other)->room.load());
    const auto others_daemon = static_cast<pid_t>((*other)->running.load());
    EXPECT_TRUE(lives(others_child) && lives(others_daemon));
    if (killed) {
      zygote_.kill(LaneId{1});
      EXPECT_EQ(next_end().lane, LaneId{1});
    } else {
      zygote_.finish();
    }
    EXPECT_TRUE(comes_true([&] { return !lives(others_child) && !lives(others_daemon); }));
  }
}

// A zygote that writes to a terminal nobody reads must see that its rank is gone all the same.
TEST(Zygote, OneThatCannotWriteEndsWithItsRank) {
  const Descriptor memory = create_lane_memory();
  const LaneMapping shared{memory.get()};
  std::array<int, 2> terminal{};
  ASSERT_EQ(::pipe(terminal.data()), 0);
  const pid_t rank = ::fork();
  ASSERT_GE(rank, 0);
  if (rank == 0) {
    ::dup2(terminal[1], STDOUT_FILENO);
    Zygote zygote;
    zygote.start(
        {RankId{0}, LaneId{1}, "here", 7},
        [](const Identity&, Channel& channel) {
          channel.waits_for_room(ActorId{static_cast<std::uint64_t>(::getppid())});
          channel.runs(TaskId{static_cast<std::uint64_t>(::getpid())});
          while (true) std::puts("0123456789012345678901234567890123456789");
        },
        memory, Arena::of_process().name_lane());
    while (true) ::pause();
  }
  EXPECT_TRUE(comes_true([&] { return shared->running.load() != 0; }));
  std::this_thread::sleep_for(std::chrono::milliseconds{200});  // by then all pipes are full
  ::kill(rank, SIGKILL);
  ASSERT_EQ(::waitpid(rank, nullptr, 0), rank);
  EXPECT_TRUE(comes_true([&] { return !lives(static_cast<pid_t>(shared->room.load())); }));
  EXPECT_TRUE(comes_true([&] { return !lives(static_cast<pid_t>(shared->running.load())); }));
  ::close(terminal[0]);
  ::close(terminal[1]);
}

TEST_F(ZygoteTest, AKilledZygoteIsNoticedAndItsLanesEnd) {
  const auto lane = start([](const Identity& self, Channel& channel) {
    channel.waits_for_room(ActorId{static_cast<std::uint64_t>(::getppid())});
    channel.runs(TaskId{static_cast<std::uint64_t>(::getpid())});
    sleep_for_ever(self, channel);
  });
  ASSERT_TRUE(comes_true([&] { return (*lane)->running.load() != 0; }));
  EXPECT_TRUE(zygote_.take_ends().empty());
  ::kill(static_cast<pid_t>((*lane)->room.load()), SIGKILL);
  const auto pid = static_cast<pid_t>((*lane)->running.load());
  EXPECT_TRUE(comes_true([&] { return !lives(pid); }));
  EXPECT_THAT(
      [&] {
        loop_until(zygote_.board(), [&] {
          zygote_.board().mark_report();  // as a rank does from time to time
          zygote_.take_ends();
          return false;
        });
      },
      ThrowsMessage<Error>(HasSubstr("was it killed")));
}

TEST(Zygote, LanesForgetTheLauncherAndKeepTheRest) {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "ORTE_TEST"}) ::setenv(name, "1", 1);
  ::setenv("CREMA_TEST_STAYS", "1", 1);
  Zygote zygote;
  const Descriptor memory = create_lane_memory();
  zygote.start(
      {RankId{0}, LaneId{1}, "here", 7},
      [](const Identity&, Channel&) {
        const bool forgotten = std::getenv("OMPI_COMM_WORLD_RANK") == nullptr && std::getenv("PMIX_RANK") == nullptr &&
                               std::getenv("ORTE_TEST") == nullptr;
        ::_exit(forgotten && std::getenv("CREMA_TEST_STAYS") != nullptr ? 8 : 1);
      },
      memory, Arena::of_process().name_lane());
  int status = 0;
  EXPECT_TRUE(loop_until(zygote.board(), [&] {
    const auto ends = zygote.take_ends();
    if (!ends.empty()) status = ends.front().wait_status;
    return !ends.empty();
  }));
  EXPECT_EQ(WEXITSTATUS(status), 8);
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "ORTE_TEST", "CREMA_TEST_STAYS"}) ::unsetenv(name);
}

TEST(Zygote, ALibrarysHandlerDoesNotHideHowALaneDied) {
  const auto before = std::signal(SIGXCPU, [](int) { ::_exit(1); });
  Zygote zygote;
  std::signal(SIGXCPU, before);
  const Descriptor memory = create_lane_memory();
  zygote.start(
      {RankId{0}, LaneId{1}, "here", 7}, [](const Identity&, Channel&) { ::raise(SIGXCPU); }, memory,
      Arena::of_process().name_lane());
  int status = 0;
  EXPECT_TRUE(loop_until(zygote.board(), [&] {
    const auto ends = zygote.take_ends();
    if (!ends.empty()) status = ends.front().wait_status;
    return !ends.empty();
  }));
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGXCPU);
}

// The chain of deaths: rank, zygote, lane, the programs it started.
TEST(Zygote, NothingOutlivesAKilledRank) {
  const Descriptor memory = create_lane_memory();
  const LaneMapping shared{memory.get()};
  const pid_t rank = ::fork();
  ASSERT_GE(rank, 0);
  if (rank == 0) {
    Zygote zygote;
    zygote.start(
        {RankId{0}, LaneId{1}, "here", 7},
        [](const Identity& self, Channel& channel) {
          start_programs(self, channel);
          // Behind what the test waits for.
          channel.limit_time(static_cast<std::int64_t>(::getpid()) << 32 | ::getppid());
          sleep_for_ever(self, channel);
        },
        memory, Arena::of_process().name_lane());
    while (true) ::pause();
  }
  EXPECT_TRUE(comes_true([&] { return shared->time_limit.load() != 0; }));
  const auto lane = static_cast<pid_t>(shared->time_limit.load() >> 32);
  const auto zygote = static_cast<pid_t>(shared->time_limit.load() & 0xffff'ffff);
  const auto child = static_cast<pid_t>(shared->room.load());
  EXPECT_TRUE(lives(lane) && lives(child));
  ::kill(rank, SIGKILL);
  ASSERT_EQ(::waitpid(rank, nullptr, 0), rank);
  EXPECT_TRUE(comes_true([&] { return !lives(zygote); }));
  EXPECT_TRUE(comes_true([&] { return !lives(lane); }));
  EXPECT_TRUE(comes_true([&] { return !lives(child); }));
}

}  // namespace
}  // namespace crema::process
