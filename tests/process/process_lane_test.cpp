#include "process/process_lane.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <new>
#include <set>
#include <thread>

#include "crema/errors.hpp"
#include "process/segment.hpp"
#include "processes.hpp"

namespace crema::process {
namespace {

using lane::Channel;
using lane::Identity;
using wire::Frame;
using wire::FrameType;

/// A frame of this many bytes, all of them `number` in turn.
Frame numbered(FrameType type, std::uint64_t number, std::size_t size = 8) {
  ByteBuffer payload;
  std::byte* place = payload.extend(size);
  for (std::size_t i = 0; i < size; ++i) place[i] = static_cast<std::byte>(number + i * 13);
  Frame frame = wire::make_frame(type, std::move(payload));
  frame.header.sequence = number;
  return frame;
}

void expect_numbered(const Frame& frame, std::uint64_t number, std::size_t size) {
  ASSERT_EQ(frame.header.sequence, number);
  ASSERT_EQ(frame.payload.size(), size);
  const Frame expected = numbered(FrameType::outcome, number, size);
  ASSERT_TRUE(std::ranges::equal(frame.payload.span(), expected.payload.span())) << "frame " << number;
}

/// Answers all work with what was given.
void echo(const Identity& self, Channel& channel) {
  while (auto frame = channel.next_work()) {
    Frame answer = wire::make_frame(FrameType::outcome, {}, self.lane);
    answer.header.sequence = frame->header.sequence;
    answer.header.payload_size = frame->payload.size();
    answer.payload = std::move(frame->payload);
    channel.post(std::move(answer), true);
  }
}

/// How many pages there are of these bytes in the arena.
std::ptrdiff_t pages_of(const std::byte* place, std::size_t size) {
  constexpr std::size_t page = 4096;
  std::vector<unsigned char> there(size / page);
  auto* const first = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(place) / page * page);
  EXPECT_EQ(::mincore(first, there.size() * page, there.data()), 0);
  return std::ranges::count_if(there, [](unsigned char one) { return (one & 1U) != 0; });
}

class ProcessLaneTest : public ::testing::Test {
 protected:
  std::unique_ptr<lane::Lane> start(LaneFunction function, std::uint32_t number = 1) {
    return factory_.start(LaneId{number}, function);
  }

  bool until(const std::function<bool()>& condition) {
    const auto sink = [this](Frame frame) { frames_.push_back(std::move(frame)); };
    return loop_until(zygote_.board(), [&] {
      factory_.take(sink);
      factory_.take_ends(sink, [this](const auto& end) { lost_.push_back(end.lane); });
      return condition();
    });
  }
  bool frames_come(std::size_t count) {
    return until([&] { return frames_.size() >= count; });
  }

  Zygote zygote_;
  ProcessLaneFactory factory_{zygote_, {RankId{0}, {}, "here", 7}};
  std::vector<Frame> frames_;
  std::vector<LaneId> lost_;
};

TEST_F(ProcessLaneTest, FramesOfEverySizeGoThereAndBackInOrder) {
  const auto lane = start(&echo);
  const std::vector<std::size_t> sizes{0, 1, 100, 65'000, Segment::smallest - 1, Segment::smallest, 200'000, 3'000'000};
  for (std::size_t i = 0; i < 10 * sizes.size(); ++i)
    lane->give_work(numbered(FrameType::run_task, i, sizes[i % sizes.size()]));
  lane->wake();
  ASSERT_TRUE(frames_come(10 * sizes.size()));
  for (std::size_t i = 0; i < frames_.size(); ++i) expect_numbered(frames_[i], i, sizes[i % sizes.size()]);
  EXPECT_TRUE(lost_.empty());
}

TEST_F(ProcessLaneTest, FarMoreThanTheRingsHoldIsNotLost) {
  const auto lane = start(&echo);
  constexpr std::uint64_t count = 50'000;
  for (std::uint64_t i = 0; i < count; ++i) lane->give_work(numbered(FrameType::run_task, i, i % 200));
  lane->wake();
  ASSERT_TRUE(frames_come(count));
  for (std::uint64_t i = 0; i < count; ++i) expect_numbered(frames_[i], i, i % 200);
}

TEST_F(ProcessLaneTest, ManyLargePayloadsGoThereAndBackInOrder) {
  const auto lane = start(&echo);
  constexpr std::uint64_t count = 6000;  // more than a ring has places of
  for (std::uint64_t i = 0; i < count; ++i) lane->give_work(numbered(FrameType::run_task, i, 70'000));
  lane->wake();
  ASSERT_TRUE(frames_come(count));
  for (std::uint64_t i = 0; i < count; ++i) expect_numbered(frames_[i], i, 70'000);
}

TEST_F(ProcessLaneTest, ALargePayloadLiesInOneMemoryWhereverItIsUsed) {
  const auto lane = start(&echo);
  lane->give_work(numbered(FrameType::run_task, 1, 1'000'000));
  lane->wake();
  ASSERT_TRUE(frames_come(1));
  expect_numbered(frames_[0], 1, 1'000'000);
  EXPECT_NE(frames_[0].payload.elsewhere(), nullptr);
  // Given to a lane again, it is the same memory still.
  Frame again{frames_[0].header, frames_[0].payload};
  lane->give_work(std::move(again));
  lane->wake();
  ASSERT_TRUE(frames_come(2));
  expect_numbered(frames_[1], 1, 1'000'000);
  EXPECT_EQ(frames_[1].payload.data(), frames_[0].payload.data());
  const std::byte* const place = frames_[0].payload.data();
  frames_.clear();
  EXPECT_TRUE(until([&] { return pages_of(place, 1'000'000) == 0; }));  // the lane has told
}

/// With a rank that keeps what was used.
class UsedMemoryTest : public ProcessLaneTest {
 protected:
  UsedMemoryTest() { Arena::of_process().keep_at_most(64 << 20); }
  ~UsedMemoryTest() override { Arena::of_process().keep_at_most(0); }

  static constexpr std::size_t size = 1'000'000;
  static bool is_kept() {
    detail::StorageElsewhere* const found = Segment::used_before(size);
    detail::ByteStorage::drop(found);
    return found != nullptr;
  }
  /// Work with a payload of which nobody but the lane knows then.
  void lend(lane::Lane& lane) {
    lane.give_work(numbered(FrameType::run_task, 1, size));
    lane.wake();
  }
};

TEST_F(UsedMemoryTest, ALaneFillsAgainWhatItHasMadeBefore) {
  const auto lane = start([](const Identity&, Channel& channel) {
    while (auto frame = channel.next_work())
      channel.post(numbered(FrameType::outcome, frame->header.sequence, size), true);
  });
  std::set<const std::byte*> memory;
  for (std::uint64_t i = 0; i < 10; ++i) {
    lane->give_work(numbered(FrameType::run_task, i));
    lane->wake();
    ASSERT_TRUE(frames_come(1));
    expect_numbered(frames_[0], i, size);
    memory.insert(frames_[0].payload.data());
    frames_.clear();
  }
  EXPECT_EQ(memory.size(), 1U);
  // What is still read is not filled.
  std::vector<Frame> held;
  for (std::uint64_t i = 0; i < 5; ++i) {
    lane->give_work(numbered(FrameType::run_task, i));
    lane->wake();
    ASSERT_TRUE(frames_come(1));
    held.push_back(std::exchange(frames_, {}).front());
  }
  for (std::uint64_t i = 0; i < 5; ++i) expect_numbered(held[i], i, size);
}

TEST_F(UsedMemoryTest, WhatALaneReadsIsNotFilledAgain) {
  const auto lane = start([](const Identity&, Channel& channel) {
    std::optional<Frame> frame = channel.next_work();
    const Bytes part = frame->payload.slice(500'000, 10);
    frame.reset();
    channel.post(numbered(FrameType::outcome, 1), true);
    channel.next_reply();
    channel.post(numbered(FrameType::outcome, std::to_integer<std::uint64_t>(part.data()[0])), true);
    channel.next_reply();
  });
  lend(*lane);
  ASSERT_TRUE(frames_come(1));
  EXPECT_FALSE(is_kept());
  lane->reply(numbered(FrameType::reply, 0));
  lane->wake();
  ASSERT_TRUE(frames_come(2));
  EXPECT_EQ(frames_[1].header.sequence, (1 + 500'000 * 13) % 256);
  EXPECT_FALSE(is_kept());
  lane->reply(numbered(FrameType::reply, 0));
  lane->wake();
  EXPECT_TRUE(until([&] { return lane->stopped(); }));
}

TEST_F(UsedMemoryTest, WhatALaneHasReadIsFilledAgain) {
  const auto lane = start([](const Identity&, Channel& channel) {
    channel.next_work();
    channel.next_work();  // tells that the first is read, before it sleeps
  });
  lend(*lane);
  EXPECT_TRUE(until([&] { return is_kept(); }));
}

TEST_F(UsedMemoryTest, WhatALaneHasReadIsFilledAgainWhileItComputes) {
  const auto lane = start([](const Identity&, Channel& channel) {
    channel.next_work();
    while (true) ::pause();
  });
  lend(*lane);
  EXPECT_TRUE(until([&] { return is_kept(); }));
}

TEST_F(UsedMemoryTest, WhatALaneIsLentItFindsAtOnePlace) {
  const auto lane = start([](const Identity&, Channel& channel) {
    while (auto frame = channel.next_work())
      channel.post(numbered(FrameType::outcome, reinterpret_cast<std::uintptr_t>(frame->payload.data())), true);
  });
  ByteBuffer buffer;
  buffer.append(numbered(FrameType::run_task, 1, 4 * size).payload.span());
  const Bytes payload = pass(Bytes{std::move(buffer)}).memory;
  const auto place_of = [&](std::size_t begin, std::size_t length) {
    lane->give_work(wire::frame_of(FrameType::run_task, payload.slice(begin, length), {}));
    lane->wake();
    EXPECT_TRUE(frames_come(1));
    EXPECT_TRUE(until([&] { return !payload.shared(); }));  // the loan has ended
    return frames_.empty() ? 0 : std::exchange(frames_, {})[0].header.sequence;
  };
  const std::uint64_t place = place_of(0, 4 * size);
  EXPECT_NE(place, reinterpret_cast<std::uintptr_t>(payload.data()));  // in a view to read
  EXPECT_EQ(place_of(0, 4 * size), place);
  EXPECT_EQ(place_of(4096, size), place + 4096);
}

TEST_F(UsedMemoryTest, ALaneThatPassesWhatIsNotItsOwnIsEnded) {
  const auto lane = start([](const Identity&, Channel& channel) {
    channel.post(numbered(FrameType::outcome, 1, size), true);
    Bytes made = Bytes::in(Segment::make(size), 0, size);
    // As if the rank had it already.
    const std::uint32_t slot = Segment::holding(made)->slot();
    Arena::of_process().pass_on(slot);
    for (std::uint32_t owner = 0; !Arena::of_process().take_over(slot, Arena::Owner{owner});) ++owner;
    channel.post(wire::frame_of(FrameType::outcome, std::move(made), {}), true);
    while (true) ::pause();
  });
  EXPECT_TRUE(until([&] { return !lost_.empty(); }));
  ASSERT_EQ(frames_.size(), 1U);
  expect_numbered(frames_[0], 1, size);
}

TEST_F(UsedMemoryTest, WhatALaneHasMadeAndReadsFurtherIsNotFilledAgain) {
  const auto lane = start([](const Identity&, Channel& channel) {
    Bytes made = Bytes::in(Segment::make(size), 0, size);
    std::memset(Segment::holding(made)->place, 5, size);
    channel.post(wire::frame_of(FrameType::outcome, made, {}), true);
    channel.next_reply();
    channel.post(wire::frame_of(FrameType::outcome, made, {}), true);
    channel.next_reply();
    channel.post(numbered(FrameType::outcome, std::to_integer<std::uint64_t>(made.data()[size - 1])), true);
    made = {};
    while (true) ::pause();
  });
  for (int turn = 0; turn < 2; ++turn) {
    ASSERT_TRUE(frames_come(1));
    EXPECT_EQ(frames_[0].payload.data()[size - 1], std::byte{5});
    frames_.clear();
    EXPECT_FALSE(is_kept());
    lane->reply(numbered(FrameType::reply, 0));
    lane->wake();
  }
  ASSERT_TRUE(frames_come(1));
  EXPECT_EQ(frames_[0].header.sequence, 5U);
  EXPECT_TRUE(until([&] { return is_kept(); }));  // it has told that it has done with it
}

TEST_F(UsedMemoryTest, WhatALaneWasFillingThatHasDiedIsFree) {
  const auto lane = start([](const Identity&, Channel& channel) {
    const Bytes made = Bytes::in(Segment::make(size), 0, size);
    std::memset(Segment::holding(made)->place, 5, size);
    channel.post(numbered(FrameType::outcome, Segment::holding(made)->slot()), true);
    while (true) ::pause();
  });
  ASSERT_TRUE(frames_come(1));
  const auto slot = static_cast<std::uint32_t>(frames_[0].header.sequence);
  EXPECT_GT(pages_of(Arena::of_process().begin_writing(slot, 0), size), 0);
  lane->kill();
  ASSERT_TRUE(until([&] { return !lost_.empty(); }));
  EXPECT_EQ(pages_of(Arena::of_process().begin_writing(slot, 0), size), 0);
  const auto next = Arena::of_process().claim_fresh(size);
  EXPECT_EQ(next.value().number, slot);
  Arena::of_process().release(*next, 0);
}

TEST_F(UsedMemoryTest, WhatALaneReadThatHasDiedIsFilledAgain) {
  const auto lane = start([](const Identity&, Channel& channel) {
    const auto frame = channel.next_work();
    channel.post(numbered(FrameType::outcome, 1), true);
    while (true) ::pause();
  });
  lend(*lane);
  ASSERT_TRUE(frames_come(1));
  EXPECT_FALSE(is_kept());
  lane->kill();
  ASSERT_TRUE(until([&] { return !lost_.empty(); }));
  EXPECT_TRUE(is_kept());
}

TEST_F(UsedMemoryTest, WhatALaneMayReadThatIsBeingKilledIsNot) {
  auto lane = start([](const Identity&, Channel& channel) {
    const auto frame = channel.next_work();
    channel.post(numbered(FrameType::outcome, 1), true);
    while (true) ::pause();
  });
  lend(*lane);
  ASSERT_TRUE(frames_come(1));
  lane.reset();
  EXPECT_FALSE(is_kept());
  EXPECT_TRUE(until([&] { return is_kept(); }));  // it is dead
  EXPECT_TRUE(lost_.empty());                     // nobody asks for it
}

TEST_F(ProcessLaneTest, WhatComesForALaneThatHasEndedIsForNobody) {
  const auto lane =
      start([](const Identity&, Channel& channel) { channel.post(numbered(FrameType::outcome, 1), true); });
  ASSERT_TRUE(frames_come(1));
  ASSERT_TRUE(until([&] { return lane->stopped(); }));
  // Until its process is reported: of another lane that is killed it is known that this comes behind it.
  const auto other = start([](const Identity&, Channel&) { ::raise(SIGKILL); }, 2);
  ASSERT_TRUE(until([&] { return !lost_.empty(); }));
  for (const std::size_t size : {std::size_t{8}, std::size_t{1'000'000}}) {
    lane->reply(numbered(FrameType::reply, 0, size));
    lane->give_work(numbered(FrameType::run_task, 0, size));
    lane->wake();
  }
  EXPECT_EQ(lost_, std::vector<LaneId>{LaneId{2}});
}

TEST_F(UsedMemoryTest, WhatALaneHoldsIsWholeWhereItPassesAPart) {
  static constexpr std::size_t most = 6 * size;
  const auto lane = start([](const Identity&, Channel& channel) {
    const Frame whole = numbered(FrameType::outcome, 1, 10 * size);
    Bytes made = Bytes::in(Segment::make(10 * size), 0, 10 * size);
    std::memcpy(Segment::holding(made)->place, whole.payload.data(), 10 * size);
    channel.post(wire::frame_of(FrameType::outcome, made.slice(0, most), {}), true);
    channel.next_reply();
    channel.post(wire::frame_of(FrameType::outcome, made, {}), true);
    while (true) ::pause();
  });
  ASSERT_TRUE(frames_come(1));
  lane->reply(numbered(FrameType::reply, 0));
  lane->wake();
  ASSERT_TRUE(frames_come(2));
  const Bytes whole = numbered(FrameType::outcome, 1, 10 * size).payload;
  EXPECT_TRUE(std::ranges::equal(frames_[0].payload.span(), whole.span().first(most)));
  EXPECT_TRUE(std::ranges::equal(frames_[1].payload.span(), whole.span()));
  EXPECT_TRUE(lost_.empty());
}

TEST_F(UsedMemoryTest, OfManyLoansEveryEndIsTold) {
  static constexpr std::size_t count = 1500;
  const auto lane = start([](const Identity&, Channel& channel) {
    std::vector<Bytes> held;
    while (auto frame = channel.next_work()) {
      held.push_back(frame->payload);
      channel.post(numbered(FrameType::outcome, 1), true);
      if (held.size() < count) continue;
      channel.next_reply();
      held.clear();
    }
  });
  ByteBuffer made;
  made.extend(1 << 20);  // of which a lane maps most
  const Bytes payload = pass(Bytes{std::move(made)}).memory;
  for (std::size_t i = 0; i < count; ++i) lane->give_work(wire::frame_of(FrameType::run_task, payload, {}));
  lane->wake();
  ASSERT_TRUE(frames_come(count));
  EXPECT_TRUE(payload.shared());
  lane->reply(numbered(FrameType::reply, 0));
  lane->wake();
  EXPECT_TRUE(until([&] { return !payload.shared(); }));
}

TEST_F(ProcessLaneTest, WhatALaneMakesInSharedMemoryIsNotCopied) {
  const auto lane = start([](const Identity&, Channel& channel) {
    Frame frame = numbered(FrameType::outcome, 3, Segment::smallest_filled);
    if (Segment::of(frame.payload) != nullptr) channel.post(std::move(frame), true);
    while (true) ::pause();
  });
  ASSERT_TRUE(frames_come(1));
  expect_numbered(frames_[0], 3, Segment::smallest_filled);
}

TEST_F(ProcessLaneTest, WorkThatHasNotBegunIsTakenBackAndLaterWorkRuns) {
  const auto lane = start([](const Identity& self, Channel& channel) {
    while (auto frame = channel.next_work()) {
      channel.runs(TaskId{frame->header.sequence});
      channel.next_reply();
      Frame answer = wire::make_frame(FrameType::outcome, {}, self.lane);
      answer.header.sequence = frame->header.sequence;
      channel.post(std::move(answer), true);
    }
  });
  for (std::uint64_t i = 1; i <= 5; ++i) lane->give_work(numbered(FrameType::run_task, i));
  lane->wake();
  ASSERT_TRUE(until([&] { return lane->running() == TaskId{1} && lane->waiting(); }));
  const auto back = lane->take_back();
  ASSERT_EQ(back.size(), 4U);
  for (std::uint64_t i = 0; i < 4; ++i) expect_numbered(back[i], i + 2, 8);
  EXPECT_TRUE(lane->take_back().empty());

  lane->give_work(numbered(FrameType::run_task, 9));
  lane->reply(numbered(FrameType::run_task, 0));
  lane->reply(numbered(FrameType::run_task, 0));
  lane->wake();
  ASSERT_TRUE(frames_come(2));
  EXPECT_EQ(frames_[0].header.sequence, 1U);
  EXPECT_EQ(frames_[1].header.sequence, 9U);
}

TEST_F(ProcessLaneTest, ALaneHearsWhatIsCancelledWhileItRuns) {
  const auto lane = start([](const Identity&, Channel& channel) {
    const auto work = channel.next_work();
    channel.runs(TaskId{1});
    while (!channel.cancelled(TaskId{42})) ::usleep(100);
    channel.post(numbered(FrameType::outcome, channel.cancelled(TaskId{43}) ? 43 : 42), true);
  });
  lane->give_work(numbered(FrameType::run_task, 1));
  lane->wake();
  ASSERT_TRUE(until([&] { return lane->running() == TaskId{1}; }));
  lane->tell_cancelled({TaskId{41}, TaskId{42}});
  ASSERT_TRUE(frames_come(1));
  EXPECT_EQ(frames_[0].header.sequence, 42U);
}

TEST_F(ProcessLaneTest, StopEndsALaneThatWaitsAndIsNoLoss) {
  const auto idle = start(&echo, 1);
  const auto waiting = start(
      [](const Identity&, Channel& channel) {
        try {
          channel.next_reply();
        } catch (const lane::LaneStopped&) {
          channel.post(numbered(FrameType::outcome, 77), true);
        }
      },
      2);
  ASSERT_TRUE(until([&] { return waiting->waiting(); }));
  EXPECT_FALSE(idle->stopped());
  idle->stop();
  waiting->stop();
  EXPECT_TRUE(until([&] { return idle->stopped() && waiting->stopped(); }));
  ASSERT_TRUE(frames_come(1));
  EXPECT_EQ(frames_[0].header.sequence, 77U);
  EXPECT_TRUE(lost_.empty());
}

TEST_F(ProcessLaneTest, WhatALostLaneHadPostedComesBeforeItsLoss) {
  const auto lane = start([](const Identity&, Channel& channel) {
    for (std::uint64_t i = 0; i < 1000; ++i)
      channel.post(numbered(FrameType::outcome, i, i == 999 ? 100'000 : 8), false);
    ::raise(SIGKILL);
  });
  std::size_t when_lost = 0;
  ASSERT_TRUE(loop_until(zygote_.board(), [&] {
    factory_.take_ends([this](Frame frame) { frames_.push_back(std::move(frame)); },
                       [&](const auto& end) {
                         when_lost = frames_.size();
                         lost_.push_back(end.lane);
                       });
    return !lost_.empty();
  }));
  EXPECT_EQ(lost_, std::vector{LaneId{1}});
  ASSERT_EQ(when_lost, 1000U);
  for (std::uint64_t i = 0; i < 1000; ++i) expect_numbered(frames_[i], i, i == 999 ? 100'000 : 8);
}

TEST_F(ProcessLaneTest, ALostLaneIsReplacedAndTheOthersGoOn) {
  const auto other = start(&echo, 1);
  auto lane = start([](const Identity&, Channel&) { ::_exit(0); }, 2);
  ASSERT_TRUE(until([&] { return !lost_.empty(); }));
  EXPECT_EQ(lost_, std::vector{LaneId{2}});
  lane = start(&echo, 3);
  lane->give_work(numbered(FrameType::run_task, 3));
  lane->wake();
  other->give_work(numbered(FrameType::run_task, 1));
  other->wake();
  ASSERT_TRUE(frames_come(2));
  EXPECT_EQ(lost_.size(), 1U);
}

TEST_F(ProcessLaneTest, ALaneThatDamagesWhatItSharesIsLostAlone) {
  const auto other = start(&echo, 1);
  // Says that a payload has another size than it has: one in the ring, one that travels apart.
  const LaneFunction damage_ring = [](const Identity&, Channel& channel) {
    Frame frame = numbered(FrameType::outcome, 1, 10);
    frame.header.payload_size = std::uint64_t{1} << 62;
    channel.post(std::move(frame), true);
    while (true) ::pause();
  };
  const LaneFunction damage_apart = [](const Identity&, Channel& channel) {
    Frame frame = numbered(FrameType::outcome, 1, 100'000);
    frame.header.payload_size = std::uint64_t{1} << 62;
    channel.post(std::move(frame), true);
    while (true) ::pause();
  };
  const auto first = start(damage_ring, 2);
  const auto second = start(damage_apart, 3);
  ASSERT_TRUE(until([&] { return lost_.size() == 2; }));
  EXPECT_TRUE(frames_.empty());
  EXPECT_THAT(lost_, ::testing::UnorderedElementsAre(LaneId{2}, LaneId{3}));
  other->give_work(numbered(FrameType::run_task, 1));
  other->wake();
  EXPECT_TRUE(frames_come(1));
}

TEST_F(ProcessLaneTest, ALaneSpeaksForNoOther) {
  const auto lane = start([](const Identity&, Channel& channel) {
    Frame frame = numbered(FrameType::outcome, 1);
    frame.header.lane = LaneId{77};
    channel.post(std::move(frame), true);
    while (true) ::pause();
  });
  ASSERT_TRUE(frames_come(1));
  EXPECT_EQ(frames_[0].header.lane, LaneId{1});
}

TEST_F(ProcessLaneTest, ManyLanesAtOnce) {
  std::vector<std::unique_ptr<lane::Lane>> lanes;
  for (std::uint32_t number = 1; number <= 50; ++number) {
    lanes.push_back(start(&echo, number));
    for (std::uint64_t i = 0; i < 20; ++i) lanes.back()->give_work(numbered(FrameType::run_task, i));
    lanes.back()->wake();
  }
  ASSERT_TRUE(frames_come(50 * 20));
  std::map<LaneId, std::uint64_t> next;
  for (const Frame& frame : frames_) expect_numbered(frame, next[frame.header.lane]++, 8);
  EXPECT_EQ(next.size(), 50U);
}

TEST_F(ProcessLaneTest, AChildThatATaskForksFillsNoSlots) {
  const auto lane = start([](const Identity&, Channel& channel) {
    const auto in_arena = [] { return Bytes{ByteBuffer{Segment::smallest_filled}}.elsewhere() != nullptr; };
    const pid_t child = ::fork();
    if (child == 0) ::_exit(in_arena() ? 1 : 2);
    int status = 0;
    ::waitpid(child, &status, 0);
    channel.post(numbered(FrameType::outcome, static_cast<std::uint64_t>(WEXITSTATUS(status))), true);
    channel.post(numbered(FrameType::outcome, in_arena() ? 1 : 2), true);
    while (true) ::pause();
  });
  ASSERT_TRUE(frames_come(2));
  EXPECT_EQ(frames_[0].header.sequence, 2U);
  EXPECT_EQ(frames_[1].header.sequence, 1U);
}

/// In a process that may make no file, and so no slot, for a payload of this size.
bool large_payloads_come_back() {
  constexpr std::size_t size = 2'000'000;
  rlimit limit{};
  limit.rlim_cur = limit.rlim_max = 30 << 20;  // each size of slots has 1 MiB
  ::setrlimit(RLIMIT_FSIZE, &limit);
  Zygote zygote;
  ProcessLaneFactory factory{zygote, {RankId{0}, {}, "here", 7}};
  const auto lane = factory.start(LaneId{1}, &echo);
  bool right = true;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Frame frame = numbered(FrameType::run_task, i, size);
    lane->give_work(frame);
    lane->wake();
    right = right && loop_until(zygote.board(), [&] {
              return factory.take([&](const Frame& back) {
                right = right && std::ranges::equal(back.payload.span(), frame.payload.span());
              });
            });
  }
  return right;
}

TEST(ProcessLaneWithoutRoom, LargePayloadsGoThereAndBack) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(::_exit(large_payloads_come_back() ? 0 : 1), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace crema::process
