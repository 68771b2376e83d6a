#include "process/segment.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "common/storage_pool.hpp"
#include "crema/errors.hpp"
#include "process/kept_mappings.hpp"

namespace crema::process {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
  return bytes;
}

/// As a lane does.
class SegmentTest : public ::testing::Test {
 protected:
  SegmentTest() { detail::use_for_large_buffers(Segment::smallest, &Segment::make); }
  ~SegmentTest() override { detail::use_for_large_buffers(0, nullptr); }

  static Bytes filled(std::span<const std::byte> with) {
    ByteBuffer buffer;
    buffer.append(with);
    return Bytes{std::move(buffer)};
  }
  static Bytes taken(const Passing& passing, bool writes = true) {
    return Segment::take(Descriptor{::dup(passing.descriptor)}, passing.told, writes);
  }
  static std::size_t bytes_held(const Passing& passing) {
    struct stat status {};
    ::fstat(passing.descriptor, &status);
    return static_cast<std::size_t>(status.st_blocks) * 512;
  }
};

TEST_F(SegmentTest, ALargeBufferIsPassedWithoutACopy) {
  const auto payload = pattern(5'000'001);
  const Bytes made = filled(payload);
  ASSERT_NE(Segment::of(made), nullptr);
  const Passing passing = pass(made);
  EXPECT_EQ(passing.memory.data(), made.data());
  const Bytes there = taken(passing);
  EXPECT_TRUE(std::ranges::equal(there.span(), payload));
  EXPECT_NE(there.data(), made.data());
  // One memory under both.
  const_cast<std::byte*>(made.data())[4'000'000] = std::byte{99};
  EXPECT_EQ(there.data()[4'000'000], std::byte{99});
  // And it goes on from there as it is.
  const Passing further = pass(there);
  EXPECT_EQ(further.memory.data(), there.data());
  EXPECT_EQ(taken(further, false).data()[4'000'000], std::byte{99});
}

TEST_F(SegmentTest, ABufferThatGrowsKeepsWhatIsInIt) {
  const auto payload = pattern(3'000'000);
  ByteBuffer buffer;
  for (std::size_t at = 0; at < payload.size(); at += 1000) buffer.append(std::span{payload}.subspan(at, 1000));
  const Bytes made{std::move(buffer)};
  ASSERT_NE(Segment::of(made), nullptr);
  EXPECT_TRUE(std::ranges::equal(made.span(), payload));
}

TEST_F(SegmentTest, WhatABufferGrewTooMuchIsGivenBack) {
  ByteBuffer buffer{40 << 20};
  std::memset(buffer.extend(40 << 20), 1, 40 << 20);
  buffer.clear();
  buffer.append(pattern(30 << 20));
  const Bytes made{std::move(buffer)};
  const Passing passing = pass(made);
  EXPECT_EQ(bytes_held(passing), 40U << 20U);
  Segment::of(made)->finish(passing.told.size, false);
  EXPECT_EQ(bytes_held(passing), 30U << 20U);
  EXPECT_TRUE(std::ranges::equal(taken(passing).span(), pattern(30 << 20)));
}

TEST_F(SegmentTest, SmallBuffersStayOnTheHeap) {
  EXPECT_EQ(filled(pattern(Segment::smallest / 2)).elsewhere(), nullptr);
}

TEST_F(SegmentTest, WhatLiesOnTheHeapIsCopiedOnce) {
  detail::use_for_large_buffers(0, nullptr);
  const auto payload = pattern(200'000);
  const Bytes heap = filled(payload);
  ASSERT_EQ(heap.elsewhere(), nullptr);
  const Passing passing = pass(heap);
  EXPECT_NE(passing.memory.data(), heap.data());
  EXPECT_TRUE(std::ranges::equal(taken(passing).span(), payload));
}

TEST_F(SegmentTest, APartIsPassedAloneWhereItIsSmall) {
  const auto payload = pattern(1'000'000);
  const Bytes made = filled(payload);
  const Bytes most = made.slice(100'001, 800'000);
  EXPECT_EQ(pass(most).descriptor, Segment::of(made)->descriptor());
  EXPECT_TRUE(std::ranges::equal(taken(pass(most)).span(), most.span()));
  // A small one would keep all of it.
  const Bytes little = made.slice(100'001, 70'000);
  const Passing passing = pass(little);
  EXPECT_NE(passing.memory.data(), little.data());
  EXPECT_TRUE(std::ranges::equal(taken(passing).span(), little.span()));
  // Unless it is wanted for a while only.
  EXPECT_EQ(pass(little, true).descriptor, Segment::of(made)->descriptor());
  EXPECT_TRUE(std::ranges::equal(taken(pass(little, true)).span(), little.span()));
}

TEST_F(SegmentTest, MoreThanThereIsIsAnError) {
  const Bytes made = filled(pattern(100'000));
  const Passing passing = pass(made);
  struct stat status {};
  ::fstat(passing.descriptor, &status);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  for (const PassedPayload told : {PassedPayload{0, size + 1}, PassedPayload{1, size}, PassedPayload{size + 1, 0},
                                   PassedPayload{~std::uint64_t{0}, 2}, PassedPayload{8, std::uint64_t{1} << 62U}}) {
    EXPECT_THAT(([&] { Segment::take(Descriptor{::dup(passing.descriptor)}, told, true); }),
                ThrowsMessage<Error>(HasSubstr("there are " + std::to_string(size))));
  }
}

TEST_F(SegmentTest, WhatIsPassedCannotBeTakenAway) {
  const Bytes made = filled(pattern(100'000));
  EXPECT_NE(::ftruncate(Segment::of(made)->descriptor(), 0), 0);
  // And what could be is not taken.
  Descriptor other{::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  ASSERT_EQ(::ftruncate(other.get(), 100'000), 0);
  EXPECT_THROW(Segment::take(std::move(other), {0, 100'000}, true), Error);
}

TEST_F(SegmentTest, ALaneCannotWriteIntoWhatItWasGiven) {
  const Bytes made = filled(pattern(100'000));
  const Bytes there = taken(pass(made), false);
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    const_cast<volatile std::byte*>(there.data())[5] = std::byte{1};
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  // Nor into what it has passed on and still holds.
  Segment::of(made)->finish(made.size(), true);
  const pid_t second = ::fork();
  if (second == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    const_cast<volatile std::byte*>(made.data())[5] = std::byte{1};
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(second, &status, 0), second);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

TEST_F(SegmentTest, BeyondTheBoundBytesAreOnTheHeapAndTheSame) {
  const auto payload = pattern(Segment::smallest);
  std::vector<Bytes> held;
  for (std::size_t i = 0; i < Segment::most_here() / 2; ++i) held.push_back(filled(payload));
  EXPECT_TRUE(std::ranges::all_of(held, [](const Bytes& bytes) { return Segment::of(bytes) != nullptr; }));
  const Bytes made = filled(payload);
  EXPECT_EQ(made.elsewhere(), nullptr);
  const Passing passing = pass(made);
  EXPECT_GE(passing.copied.get(), 0);
  const Bytes there = taken(passing);
  EXPECT_EQ(there.elsewhere(), nullptr);
  EXPECT_TRUE(std::ranges::equal(there.span(), payload));
  // A few large ones still find room.
  EXPECT_NE(filled(pattern(1 << 20)).elsewhere(), nullptr);
  held.clear();
  EXPECT_NE(filled(payload).elsewhere(), nullptr);
}

/// As a rank that keeps what was used.
class UsedSegmentTest : public SegmentTest {
 protected:
  UsedSegmentTest() { StoragePool::of_process().keep_at_most(64 << 20); }
  ~UsedSegmentTest() override { StoragePool::of_process().keep_at_most(0); }

  static ino_t memory_of(const Segment& segment) {
    struct stat status {};
    ::fstat(segment.descriptor(), &status);
    return status.st_ino;
  }
  static Segment* used(std::size_t size) { return static_cast<Segment*>(Segment::used_before(size)); }
  static bool none_used(std::size_t size) {
    detail::StorageElsewhere* const found = Segment::used_before(size);
    detail::ByteStorage::drop(found);
    return found == nullptr;
  }
};

TEST_F(UsedSegmentTest, WhatNobodyReadsAnyMoreIsFilledAgain) {
  ino_t memory = 0;
  {
    Bytes made = filled(pattern(1'000'000));
    memory = memory_of(*Segment::of(made));
    Passing passing = pass(made);
    EXPECT_FALSE(Segment::of(made)->finish(made.size(), false));
    Descriptor passed{::dup(passing.descriptor)};
    const PassedPayload told = passing.told;
    passing = {};
    made = {};
    EXPECT_TRUE(none_used(990'000));  // it was passed on
    Bytes there = Segment::take(std::move(passed), told, true);
    const Bytes part = there.slice(5, 10);
    there = {};
    EXPECT_TRUE(none_used(990'000));  // somebody reads it
  }
  Segment* const again = used(990'000);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(memory_of(*again), memory);
  EXPECT_TRUE(none_used(990'000));
  std::memset(again->place, 7, 990'000);
  const Bytes next = Bytes::in(again, 0, 990'000);
  EXPECT_EQ(taken(pass(next), false).data()[989'999], std::byte{7});
}

TEST_F(UsedSegmentTest, ItIsToldThatTheMakerReadsFurther) {
  const Bytes made = filled(pattern(1'000'000));
  EXPECT_TRUE(Segment::of(made)->finish(made.size(), true));
  EXPECT_TRUE(Segment::of(made)->finish(made.size(), false));  // another message has it still
}

TEST_F(UsedSegmentTest, AHeapsBytesAreCopiedIntoIt) {
  ino_t memory = 0;
  {
    const Bytes made = filled(pattern(1'000'000));
    memory = memory_of(*Segment::of(made));
  }
  detail::use_for_large_buffers(0, nullptr);
  const auto payload = pattern(999'000);
  const Passing passing = pass(filled(payload));
  EXPECT_EQ(memory_of(*Segment::holding(passing.memory)), memory);
  EXPECT_TRUE(std::ranges::equal(taken(passing).span(), payload));
}

TEST_F(UsedSegmentTest, ALaneFillsWhatWasSetAsideForIt) {
  StoragePool::of_process().keep_at_most(0);
  Segment::use_for_large_buffers();
  const auto set_aside = [](std::size_t size) {
    const Bytes made = Bytes::in(Segment::make(size), 0, size);
    Segment::set_aside(Descriptor{::dup(Segment::of(made)->descriptor())}, Segment::of(made)->capacity);
    return memory_of(*Segment::of(made));
  };
  set_aside(2'000'000);
  const ino_t memory = set_aside(1'000'000);  // in place of the other
  EXPECT_EQ(filled(pattern(2'000'000)).elsewhere(), nullptr);
  const auto payload = pattern(1'000'000);
  const Bytes made = filled(payload);
  ASSERT_NE(Segment::holding(made), nullptr);
  EXPECT_EQ(memory_of(*Segment::holding(made)), memory);
  EXPECT_TRUE(std::ranges::equal(made.span(), payload));
  EXPECT_EQ(filled(payload).elsewhere(), nullptr);  // it is in use
}

TEST_F(UsedSegmentTest, ALoanEndsWithTheLastBytesInIt) {
  const Bytes made = filled(pattern(1'000'000));
  int told = 0;
  const auto ended = std::make_shared<EndedLoans>([&] { ++told; });
  Bytes there = taken(pass(made), false);
  ended->expect_one();
  Segment::holding(there)->set_loan(42, ended, false);
  Bytes part = there.slice(10, 20);
  there = {};
  EXPECT_FALSE(ended->any());
  part = {};
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(ended->any());
  std::array<std::uint64_t, 2> loans{};
  EXPECT_EQ(ended->take(loans), 1U);
  EXPECT_EQ(loans[0], 42U);
  EXPECT_FALSE(ended->any());
}

TEST_F(UsedSegmentTest, WhatALaneIsLentAgainItHasMappedStill) {
  const Bytes made = filled(pattern(1'000'000));
  Segment& segment = *Segment::of(made);
  Passing passing = pass(made);
  passing.told.loan = 1;
  passing.told.stays = segment.let_stay_mapped() ? 1 : 0;
  EXPECT_EQ(passing.told.stays, 1U);
  const auto ended = std::make_shared<EndedLoans>([] {});
  const auto lent = [&] {
    Bytes there = taken(passing, false);
    ended->expect_one();
    Segment::holding(there)->set_loan(1, ended, passing.told.stays != 0);
    return there;
  };
  const std::byte* const first = lent().data();
  EXPECT_EQ(KeptMappings::of_process().bytes(), segment.capacity);
  std::memset(segment.place, 7, 1'000'000);
  {
    const Bytes again = lent();
    EXPECT_EQ(again.data(), first);
    EXPECT_EQ(again.data()[999'999], std::byte{7});
    EXPECT_EQ(KeptMappings::of_process().bytes(), 0U);
    const Bytes meanwhile = lent();
    EXPECT_NE(meanwhile.data(), first);
    EXPECT_EQ(meanwhile.data()[999'999], std::byte{7});
  }
  EXPECT_EQ(KeptMappings::of_process().bytes(), segment.capacity);
  // What is not to stay does not.
  passing.told.stays = 0;
  static_cast<void>(lent());
  const Mapping mapping = KeptMappings::of_process().take(memory_of(segment), 1'000'000);
  ASSERT_NE(mapping.place, nullptr);
  ::munmap(mapping.place, mapping.size);
  static_cast<void>(lent());
  EXPECT_EQ(KeptMappings::of_process().bytes(), 0U);
}

TEST_F(UsedSegmentTest, WhatLanesHaveMappedStillIsGivenBackWithTheSegment) {
  StoragePool::of_process().keep_at_most(0);
  enum class Then { nothing, lent, spare };
  for (const Then then : {Then::nothing, Then::lent, Then::spare}) {
    Bytes made = filled(pattern(1'000'000));
    const Descriptor memory{::dup(Segment::of(made)->descriptor())};
    if (then != Then::nothing) {
      EXPECT_TRUE(Segment::of(made)->let_stay_mapped());
    }
    if (then == Then::spare) Segment::of(made)->never_again();
    made = {};
    struct stat status {};
    ::fstat(memory.get(), &status);
    EXPECT_EQ(status.st_blocks == 0, then == Then::lent);
  }
}

TEST_F(UsedSegmentTest, WhatItsMakerReadsFurtherDoesNotStayMapped) {
  const Bytes made = filled(pattern(1'000'000));
  EXPECT_TRUE(Segment::of(made)->finish(made.size(), true));
  EXPECT_FALSE(Segment::of(made)->let_stay_mapped());
}

TEST_F(UsedSegmentTest, WhatIsPassedTwiceBelongsToNobodyElse) {
  const Bytes made = filled(pattern(1'000'000));
  const Passing passing = pass(made);
  // As this process has it already, it does not believe that it is another's gift.
  static_cast<void>(taken(passing));
  EXPECT_TRUE(none_used(1'000'000));
  EXPECT_EQ(made.data()[5], pattern(6)[5]);
}

TEST_F(UsedSegmentTest, ThreadsDoNotGetTheSame) {
  StoragePool::of_process().keep_at_most(0);
  Segment::use_for_large_buffers();
  std::atomic<bool> stop{false};
  std::atomic<int> filled_in_it{0};
  std::thread sets_aside{[&] {
    for (int i = 0; i < 1000 || filled_in_it == 0; ++i) {
      const std::size_t size = i % 2 == 0 ? 300'000 : 600'000;
      const Bytes made = Bytes::in(Segment::make(size), 0, size);
      Segment::set_aside(Descriptor{::dup(Segment::holding(made)->descriptor())}, Segment::holding(made)->capacity);
    }
    stop = true;
  }};
  const auto fill = [&](std::byte with) {
    while (!stop) {
      for (const std::size_t size : {300'000, 600'000}) {
        ByteBuffer buffer{size};
        std::memset(buffer.extend(size), std::to_integer<int>(with), size);
        const Bytes bytes{std::move(buffer)};
        if (Segment::holding(bytes) != nullptr) ++filled_in_it;
        EXPECT_TRUE(std::ranges::all_of(bytes.span(), [&](std::byte each) { return each == with; }));
      }
    }
  };
  std::thread first{fill, std::byte{1}};
  std::thread second{fill, std::byte{2}};
  for (std::thread* each : {&sets_aside, &first, &second}) each->join();
  EXPECT_GT(filled_in_it, 0);
  Segment::set_nothing_aside();
}

}  // namespace
}  // namespace crema::process
