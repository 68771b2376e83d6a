#include "process/arena.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "crema/errors.hpp"

namespace crema::process {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::size_t mebibyte = 1 << 20;
constexpr std::size_t page = 4096;

Arena& arena() { return Arena::of_process(); }
/// In a rank, which has all of it mapped.
std::byte* place_of(std::uint32_t slot) { return arena().begin_writing(slot, 0); }

/// As a rank. The arena is the process's own: each test begins and ends with one that keeps nothing.
class ArenaTest : public ::testing::Test {
 protected:
  ArenaTest() { arena().keep_at_most(64 * mebibyte); }
  ~ArenaTest() override { arena().keep_at_most(0); }

  static Arena::Slot filled(std::size_t bytes, int with = 1) {
    const auto slot = arena().claim_fresh(bytes).value();
    std::memset(arena().begin_writing(slot.number, bytes), with, bytes);
    return slot;
  }
  /// How many of the first so many bytes have pages.
  static std::size_t bytes_there(std::uint32_t slot, std::size_t bytes) {
    std::vector<unsigned char> there(bytes / page);
    EXPECT_EQ(::mincore(place_of(slot), bytes, there.data()), 0);
    return page *
           static_cast<std::size_t>(std::ranges::count_if(there, [](unsigned char one) { return (one & 1U) != 0; }));
  }
  /// Runs in a process that is forked, as lanes are; returns how it ended.
  static int in_lane(Arena::Owner name, const std::function<void()>& body) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::signal(SIGSEGV, SIG_DFL);
      arena().become_lane(name);
      body();
      ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
  }
};

TEST_F(ArenaTest, EverySizeHasSlotsWithRoomToGrow) {
  std::set<std::uint32_t> numbers;
  std::vector<Arena::Slot> slots;
  for (std::size_t bytes = 1; bytes <= std::size_t{1} << 32U; bytes = bytes * 3 + 1) {
    const auto slot = arena().claim_fresh(bytes);
    ASSERT_TRUE(slot) << bytes;
    EXPECT_GE(slot->size, bytes);
    EXPECT_LE(slot->size, std::max<std::size_t>(4 * bytes, 256 << 10));
    EXPECT_EQ(slot->used, 0U);
    EXPECT_EQ(arena().size_of(slot->number), slot->size);
    numbers.insert(slot->number);
    slots.push_back(*slot);
  }
  EXPECT_EQ(numbers.size(), 20U);
  EXPECT_FALSE(arena().claim_fresh((std::size_t{1} << 40U) + 1));
  for (const Arena::Slot& slot : slots) arena().release(slot, 0);
}

TEST_F(ArenaTest, SlotsDoNotOverlap) {
  std::vector<Arena::Slot> slots;
  for (int i = 0; i < 20; ++i)
    slots.push_back(arena().claim_fresh(std::size_t{1} << static_cast<unsigned>(16 + i % 5)).value());
  std::ranges::sort(slots, {}, [](const Arena::Slot& slot) { return place_of(slot.number); });
  for (std::size_t i = 0; i + 1 < slots.size(); ++i)
    EXPECT_LE(place_of(slots[i].number) + slots[i].size, place_of(slots[i + 1].number));
  for (const Arena::Slot& slot : slots) arena().release(slot, 0);
}

TEST_F(ArenaTest, WhatIsReleasedServesTheNextOfAboutThatSize) {
  const Arena::Slot slot = filled(2 * mebibyte, 7);
  EXPECT_FALSE(arena().claim_used(2 * mebibyte));  // it is in use
  arena().release(slot, 2 * mebibyte);
  EXPECT_EQ(arena().bytes(), 2 * mebibyte);
  EXPECT_FALSE(arena().claim_used(2 * mebibyte + page));
  EXPECT_FALSE(arena().claim_used(3 * mebibyte / 2));
  const auto again = arena().claim_used(2 * mebibyte - 100'000);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->number, slot.number);
  EXPECT_EQ(again->used, 2 * mebibyte);
  EXPECT_EQ(arena().bytes(), 0U);
  EXPECT_EQ(place_of(slot.number)[mebibyte], std::byte{7});
  EXPECT_FALSE(arena().claim_used(2 * mebibyte));
  arena().release(slot, 2 * mebibyte);
}

TEST_F(ArenaTest, BeyondItsBoundTheOldestGoes) {
  const Arena::Slot first = filled(30 * mebibyte);
  const Arena::Slot second = filled(20 * mebibyte);
  const Arena::Slot third = filled(25 * mebibyte);
  arena().release(second, 20 * mebibyte);
  arena().release(first, 30 * mebibyte);
  arena().release(third, 25 * mebibyte);
  EXPECT_EQ(arena().bytes(), 55 * mebibyte);
  EXPECT_EQ(bytes_there(second.number, 20 * mebibyte), 0U);
  EXPECT_EQ(bytes_there(first.number, 30 * mebibyte), 30 * mebibyte);
  arena().keep_at_most(26 * mebibyte);
  EXPECT_EQ(arena().bytes(), 25 * mebibyte);
  EXPECT_EQ(bytes_there(first.number, 30 * mebibyte), 0U);
  // One that is larger than all that may be kept is not.
  const Arena::Slot large = filled(27 * mebibyte);
  arena().release(large, 27 * mebibyte);
  EXPECT_EQ(arena().bytes(), 25 * mebibyte);
  EXPECT_EQ(bytes_there(large.number, 27 * mebibyte), 0U);
  // Their address space serves again.
  const auto next = arena().claim_fresh(20 * mebibyte);
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->number == second.number || next->number == first.number || next->number == large.number);
  arena().release(*next, 0);
}

TEST_F(ArenaTest, OfManySlotsTheOldestGo) {
  std::vector<Arena::Slot> slots;
  for (std::size_t i = 0; i < Arena::most_kept_slots + 100; ++i) slots.push_back(filled(page));
  for (const Arena::Slot& slot : slots) arena().release(slot, page);
  EXPECT_EQ(arena().bytes(), Arena::most_kept_slots * page);
  for (std::size_t i = 0; i < slots.size(); ++i) EXPECT_EQ(bytes_there(slots[i].number, page) == 0, i < 100) << i;
}

TEST_F(ArenaTest, WhatFindsNoUseIsFreedOneByOne) {
  std::vector<Arena::Slot> slots;
  for (int i = 0; i < 3; ++i) slots.push_back(filled(mebibyte));
  for (const Arena::Slot& slot : slots) arena().release(slot, mebibyte);
  const auto now = Arena::Clock::now();
  arena().free_unused(now);  // too early
  EXPECT_EQ(arena().bytes(), 3 * mebibyte);
  const auto later = now + 2 * Arena::patience;
  for (std::size_t left = 3; left > 0; --left) {
    EXPECT_EQ(arena().bytes(), left * mebibyte);
    arena().free_unused(later);
    EXPECT_EQ(bytes_there(slots[3 - left].number, mebibyte), 0U);
  }
  EXPECT_EQ(arena().bytes(), 0U);
}

TEST_F(ArenaTest, OnlyWhatALaneHasIsTakenOver) {
  const Arena::Owner lane = arena().name_lane();
  const Arena::Owner other = arena().name_lane();
  EXPECT_NE(lane, other);
  int tell[2];
  ASSERT_EQ(::pipe(tell), 0);
  EXPECT_EQ(in_lane(lane,
                    [&] {
                      for (const bool passes_on : {true, false}) {
                        const Arena::Slot slot = filled(mebibyte, 5);
                        if (passes_on) arena().pass_on(slot.number);
                        EXPECT_EQ(::write(tell[1], &slot.number, sizeof slot.number), ssize_t{sizeof slot.number});
                      }
                    }),
            0);
  std::uint32_t slot = 0;
  std::uint32_t own = 0;
  ASSERT_EQ(::read(tell[0], &slot, sizeof slot), ssize_t{sizeof slot});
  ASSERT_EQ(::read(tell[0], &own, sizeof own), ssize_t{sizeof own});
  EXPECT_FALSE(arena().take_over(own, lane));  // it has not told of it
  arena().release_claims(lane);
  EXPECT_EQ(bytes_there(own, mebibyte), 0U);
  EXPECT_EQ(bytes_there(slot, mebibyte), mebibyte);
  EXPECT_FALSE(arena().take_over(slot, other));
  EXPECT_FALSE(arena().take_over(slot + 1, lane));
  EXPECT_FALSE(arena().take_over(~std::uint32_t{0}, lane));
  EXPECT_TRUE(arena().take_over(slot, lane));
  EXPECT_FALSE(arena().take_over(slot, lane));
  EXPECT_EQ(place_of(slot)[mebibyte - 1], std::byte{5});
  arena().release_all(lane);  // which has nothing any more
  EXPECT_EQ(bytes_there(slot, mebibyte), mebibyte);
  arena().release({slot, mebibyte, 0}, 0);
  for (const int end : tell) ::close(end);
}

TEST_F(ArenaTest, WhatALaneHadThatDiedIsFree) {
  const Arena::Owner lane = arena().name_lane();
  int tell[2];
  ASSERT_EQ(::pipe(tell), 0);
  const int status = in_lane(lane, [&] {
    const std::vector<std::uint32_t> numbers{filled(3 * mebibyte).number, filled(100'000).number};
    arena().pass_on(numbers[1]);  // and is killed before it tells
    EXPECT_EQ(::write(tell[1], numbers.data(), 8), 8);
    ::raise(SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  std::vector<std::uint32_t> numbers(2);
  ASSERT_EQ(::read(tell[0], numbers.data(), 8), 8);
  EXPECT_EQ(bytes_there(numbers[0], 3 * mebibyte), 3 * mebibyte);
  arena().release_claims(lane);
  EXPECT_EQ(bytes_there(numbers[0], 3 * mebibyte), 0U);
  const auto first = arena().claim_fresh(3 * mebibyte);
  EXPECT_EQ(first.value().number, numbers[0]);
  EXPECT_GT(bytes_there(numbers[1], 96 << 10), 0U);
  arena().release_all(lane);
  EXPECT_EQ(bytes_there(numbers[1], 96 << 10), 0U);
  const auto second = arena().claim_fresh(100'000);
  EXPECT_EQ(second.value().number, numbers[1]);
  for (const auto& slot : {first, second}) arena().release(*slot, 0);
  for (const int end : tell) ::close(end);
}

TEST_F(ArenaTest, WhatABufferGrewTooMuchIsGivenBack) {
  const Arena::Slot slot = filled(4 * mebibyte, 3);
  arena().give_back_behind(slot.number, mebibyte + 1);
  EXPECT_EQ(bytes_there(slot.number, 4 * mebibyte), mebibyte + page);
  EXPECT_EQ(place_of(slot.number)[mebibyte], std::byte{3});
  arena().release(slot, 0);
}

/// Linux makes them of shared memory when told to, since 6.1.
bool system_has_large_pages() {
  constexpr std::size_t large = 2 * mebibyte;
  const int file = ::memfd_create("test", 0);
  EXPECT_EQ(::ftruncate(file, large), 0);
  auto* const room = static_cast<std::byte*>(::mmap(nullptr, 2 * large, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  std::byte* const place = room + (large - reinterpret_cast<std::uintptr_t>(room) % large) % large;
  EXPECT_EQ(::mmap(place, large, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0), place);
  *place = std::byte{1};
  constexpr int collapse = 25;  // MADV_COLLAPSE
  const bool made = ::madvise(place, large, collapse) == 0;
  ::munmap(room, 2 * large);
  ::close(file);
  return made;
}

TEST_F(ArenaTest, LargePagesAreThereBeforeTheyAreTouched) {
  Arena::Slot slot = arena().claim_fresh(5 * mebibyte + 100).value();
  arena().add_large_pages(slot, 5 * mebibyte + 100);
  if (!system_has_large_pages()) {
    EXPECT_EQ(slot.used, 0U);
  } else {
    EXPECT_EQ(slot.used, 4 * mebibyte);
    EXPECT_EQ(bytes_there(slot.number, slot.size), 4 * mebibyte);
    // What part of one goes leaves the others.
    std::memset(place_of(slot.number), 5, 4 * mebibyte);
    arena().give_back_behind(slot.number, 3 * mebibyte);
    EXPECT_EQ(bytes_there(slot.number, slot.size), 3 * mebibyte);
    EXPECT_EQ(place_of(slot.number)[3 * mebibyte - 1], std::byte{5});
  }
  arena().release(slot, 0);
  Arena::Slot small = arena().claim_fresh(2 * mebibyte - 1).value();
  arena().add_large_pages(small, 2 * mebibyte - 1);
  EXPECT_EQ(bytes_there(small.number, small.size), 0U);
  // One that has pages stays as it is.
  std::memset(place_of(small.number), 6, page);
  small.used = page;
  arena().add_large_pages(small, small.size);
  EXPECT_EQ(bytes_there(small.number, small.size), page);
  arena().release(small, 0);
}

TEST_F(ArenaTest, IsFilledWhereverItsPagesAre) {
  for (const std::size_t bytes : {100'000UL, 2 * mebibyte, 5 * mebibyte + 123}) {
    for (const char first : {'a', 'q'}) {
      std::vector<std::byte> content(bytes);
      for (std::size_t i = 0; i < bytes; ++i)
        content[i] = static_cast<std::byte>(static_cast<std::size_t>(first) + i % 13);
      auto slot = arena().claim_used(bytes);
      EXPECT_EQ(slot.has_value(), first == 'q');
      if (!slot) slot = arena().claim_fresh(bytes);
      arena().add_large_pages(*slot, bytes);
      const std::byte* const place = arena().begin_writing(slot->number, bytes);
      arena().fill(*slot, content);
      EXPECT_TRUE(std::ranges::equal(content, std::span{place, bytes})) << bytes << first;
      arena().end_writing(slot->number);
      arena().release(*slot, bytes);
    }
  }
}

TEST_F(ArenaTest, LanesWriteWhatTheyFillAlone) {
  const Arena::Slot slot = filled(mebibyte, 9);
  EXPECT_EQ(arena().begin_reading(slot.number, mebibyte), place_of(slot.number));
  EXPECT_EQ(in_lane(arena().name_lane(),
                    [&] {
                      EXPECT_EQ(arena().begin_reading(slot.number, mebibyte)[mebibyte - 1], std::byte{9});
                      filled(mebibyte);
                    }),
            0);
  const auto write_to = [&](auto find_place) {
    const int status = in_lane(arena().name_lane(), [&] { const_cast<std::byte*>(find_place())[5] = std::byte{1}; });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  };
  write_to([&] { return arena().begin_reading(slot.number, mebibyte); });
  // Nor past the end of what it fills.
  write_to([&] {
    const Arena::Slot own = filled(mebibyte);
    return arena().begin_writing(own.number, 0) + own.size;
  });
  EXPECT_EQ(place_of(slot.number)[5], std::byte{9});
  arena().release(slot, 0);
}

TEST_F(ArenaTest, ALaneFillsAgainWhatItHadSealed) {
  EXPECT_EQ(in_lane(arena().name_lane(),
                    [&] {
                      const Arena::Slot slot = filled(mebibyte, 5);
                      arena().seal(slot.number);
                      EXPECT_EQ(arena().begin_reading(slot.number, mebibyte)[7], std::byte{5});
                      arena().end_reading(slot.number);
                      arena().unseal(slot.number);
                      arena().release(slot, mebibyte);
                      const auto again = arena().claim_used(mebibyte);
                      EXPECT_EQ(again.value().number, slot.number);
                      arena().begin_writing(slot.number, mebibyte)[7] = std::byte{6};
                      EXPECT_EQ(arena().begin_reading(slot.number, mebibyte)[7], std::byte{6});
                    }),
            0);
}

/// Bytes of shared pages that this process has mapped.
std::size_t mapped_shared() {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssShmem:")) return std::stoul(line.substr(9)) * 1024;
  return 0;
}

TEST_F(ArenaTest, ALaneHasNoMoreMappedThanItMay) {
  constexpr std::size_t bound = 20 * mebibyte;
  arena().let_lanes_map(bound);
  std::vector<Arena::Slot> slots;
  for (int i = 0; i < 12; ++i) slots.push_back(filled(4 * mebibyte, i));
  EXPECT_EQ(in_lane(arena().name_lane(),
                    [&] {
                      const std::size_t before = mapped_shared() + mebibyte;  // and what says whose the slots are
                      for (int i = 0; i < 36; ++i) {
                        const std::uint32_t slot = slots[static_cast<std::size_t>(i % 12)].number;
                        const std::byte* const place = arena().begin_reading(slot, 4 * mebibyte);
                        for (std::size_t at = 0; at < 4 * mebibyte; at += page)
                          EXPECT_EQ(place[at], static_cast<std::byte>(i % 12));
                        arena().end_reading(slot);
                        EXPECT_LE(mapped_shared(), before + bound);
                      }
                      EXPECT_GE(mapped_shared(), before + 15 * mebibyte);  // it keeps what it may
                      std::vector<Arena::Slot> own;
                      for (int i = 0; i < 12; ++i) own.push_back(filled(4 * mebibyte, i));
                      // What is in use stays as it is.
                      for (int i = 0; i < 12; ++i)
                        EXPECT_EQ(arena().begin_writing(own[static_cast<std::size_t>(i)].number, 0)[mebibyte],
                                  static_cast<std::byte>(i));
                      for (const Arena::Slot& slot : own)
                        for (int i = 0; i < 2; ++i) arena().end_writing(slot.number);
                      filled(mebibyte);
                      EXPECT_LE(mapped_shared(), before + 2 * bound);
                    }),
            0);
  arena().let_lanes_map(Arena::least_mapped);
  for (const Arena::Slot& slot : slots) arena().release(slot, 0);
}

TEST_F(ArenaTest, WhatALaneReleasesStaysWithinTheBound) {
  const Arena::Owner lane = arena().name_lane();
  EXPECT_EQ(in_lane(lane,
                    [&] {
                      std::vector<Arena::Slot> own;
                      for (int i = 0; i < 4; ++i) own.push_back(filled(20 * mebibyte));
                      Arena::Slot& large = own.emplace_back(arena().claim_fresh(20 * mebibyte).value());
                      arena().add_large_pages(large, 20 * mebibyte);
                      for (const Arena::Slot& slot : own) arena().release(slot, 20 * mebibyte);
                      EXPECT_EQ(arena().bytes(), 60 * mebibyte);
                    }),
            0);
  EXPECT_EQ(arena().bytes(), 60 * mebibyte);
  // All of it is where it is counted.
  arena().keep_at_most(0);
  EXPECT_EQ(arena().bytes(), 0U);
  const auto slot = arena().claim_fresh(20 * mebibyte).value();
  EXPECT_EQ(bytes_there(slot.number, slot.size), 0U);
  arena().release(slot, 0);
}

/// Fills slots and releases them; false: somebody else has written there.
bool fill_and_look(int seed, int turns) {
  bool right = true;
  for (int i = 0; i < turns; ++i) {
    const std::size_t bytes = static_cast<std::size_t>(1 + (i + seed) % 3) * 64'000;
    auto slot = arena().claim_used(bytes);
    if (!slot) slot = arena().claim_fresh(bytes);
    auto* const place = reinterpret_cast<volatile int*>(arena().begin_writing(slot->number, bytes));
    const int mark = seed * 100'000 + i;
    place[0] = mark;
    place[bytes / 8] = mark;
    if (i % 7 == 0) std::this_thread::yield();
    right = right && place[0] == mark && place[bytes / 8] == mark;
    arena().end_writing(slot->number);
    arena().release(*slot, bytes);
  }
  return right;
}

TEST_F(ArenaTest, NobodyGetsWhatAnotherHas) {
  arena().keep_at_most(400'000);   // less than all release: pages come and go
  arena().let_lanes_map(300'000);  // and so do mappings
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    const Arena::Owner name = arena().name_lane();
    children.push_back(::fork());
    if (children.back() == 0) {
      arena().become_lane(name);
      bool other = false;
      std::thread thread{[&] { other = fill_and_look(10 * i + 1, 3000); }};
      const bool mine = fill_and_look(10 * i + 2, 3000);
      thread.join();
      ::_exit(mine && other ? 0 : 1);
    }
  }
  EXPECT_TRUE(fill_and_look(99, 3000));
  for (const pid_t child : children) {
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  arena().let_lanes_map(Arena::least_mapped);
  EXPECT_LE(arena().bytes(), 400'000U + 7 * 200'000U);
  arena().keep_at_most(0);
  EXPECT_EQ(arena().bytes(), 0U);
}

TEST_F(ArenaTest, WhereverLanesAreKilledNothingIsLost) {
  arena().keep_at_most(400'000);
  for (int turn = 0; turn < 60; ++turn) {
    const Arena::Owner name = arena().name_lane();
    const pid_t child = ::fork();
    if (child == 0) {
      arena().become_lane(name);
      fill_and_look(1, 1 << 30);
    }
    EXPECT_TRUE(fill_and_look(2, 20 + 7 * turn));
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    arena().release_claims(name);
    arena().release_all(name);
  }
  arena().keep_at_most(0);
  EXPECT_EQ(arena().bytes(), 0U);
  // The first slots can all be had again, and have no pages.
  std::vector<Arena::Slot> slots;
  for (std::uint32_t number = 0; number < 10; ++number) {
    slots.push_back(arena().claim_fresh(256 << 10).value());
    EXPECT_EQ(slots.back().number, number);
    EXPECT_EQ(slots.back().used, 0U);
    EXPECT_EQ(bytes_there(number, slots.back().size), 0U);
  }
  for (const Arena::Slot& slot : slots) arena().release(slot, 0);
}

TEST_F(ArenaTest, WhatFindsNoSlotIsCopied) {
  std::vector<std::byte> bytes(300'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  const std::uint64_t first = arena().put_unmapped(bytes);
  const std::uint64_t second = arena().put_unmapped(std::span{bytes}.first(5));
  EXPECT_NE(first, second);
  EXPECT_TRUE(std::ranges::equal(arena().take_unmapped(first, bytes.size()).span(), bytes));
  EXPECT_TRUE(std::ranges::equal(arena().take_unmapped(second, 5).span(), std::span{bytes}.first(5)));
  for (const auto& [place, size] :
       {std::pair{std::uint64_t{0}, std::size_t{5}}, std::pair{second, std::size_t{1} << 40U},
        std::pair{~std::uint64_t{0}, std::size_t{5}}})
    EXPECT_THAT(([place = place, size = size] { arena().take_unmapped(place, size); }),
                ThrowsMessage<Error>(HasSubstr("was overwritten")));
  // When none is left, the place serves again.
  EXPECT_EQ(arena().put_unmapped(bytes), first);
  EXPECT_TRUE(std::ranges::equal(arena().take_unmapped(first, bytes.size()).span(), bytes));
}

/// Calls `body` in a process that has not made its arena yet and may have files of no more than this size.
void with_file_limit(rlim_t bytes, const std::function<bool()>& body) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        rlimit limit{};
        limit.rlim_cur = limit.rlim_max = bytes;
        ::setrlimit(RLIMIT_FSIZE, &limit);
        ::_exit(body() ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(SmallArena, HasFewSlotsAndSmallerOnes) {
  with_file_limit(400 << 20, [] {  // a level has 16 MiB
    arena().keep_at_most(64 << 20);
    std::vector<Arena::Slot> slots;
    while (const auto slot = arena().claim_fresh(200'000)) slots.push_back(*slot);
    // Those of 256 KiB, and when they are taken those of 1, 4 and 16 MiB.
    if (slots.size() != 64 + 16 + 4 + 1 || arena().claim_fresh(17 << 20)) return false;
    // What is kept is nobody's, whatever it was used for.
    for (const Arena::Slot& slot : slots) arena().release(slot, 200'000);
    return arena().claim_fresh(1000).has_value() && arena().claim_fresh(15 << 20).has_value();
  });
}

TEST(SmallArena, TellsWhatLimitIsInItsWay) {
  with_file_limit(10 << 20, [] {
    try {
      arena();
    } catch (const Error& error) {
      return std::string_view{error.what()}.find("Cannot allocate memory; raise the limits of address space") !=
             std::string_view::npos;
    }
    return false;
  });
}

}  // namespace
}  // namespace crema::process
