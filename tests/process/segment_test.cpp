#include "process/segment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "crema/errors.hpp"

namespace crema::process {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
  return bytes;
}

/// As a lane and its rank in one process, which keeps what was used.
class SegmentTest : public ::testing::Test {
 protected:
  SegmentTest() {
    Arena::of_process().keep_at_most(64 << 20);
    detail::use_for_large_buffers(Segment::smallest, &Segment::make);
  }
  ~SegmentTest() override {
    detail::use_for_large_buffers(0, nullptr);
    Arena::of_process().keep_at_most(0);
  }

  static Bytes filled(std::span<const std::byte> with) {
    ByteBuffer buffer;
    buffer.append(with);
    return Bytes{std::move(buffer)};
  }
  Bytes lent(const Bytes& bytes) {
    const Passing passing = pass(bytes, true);
    return Segment::borrow(passing.told, bytes.size(), ended_);
  }
  /// What a lane has made and does not read further.
  static Bytes taken(Bytes&& made) {
    const Passing passing = pass(std::exchange(made, {}));
    Segment::holding(passing.memory)->hand_over(nullptr);
    return Segment::take(passing.told, passing.memory.size(), Arena::Owner::rank);
  }
  static bool none_used(std::size_t size) {
    detail::StorageElsewhere* const found = Segment::used_before(size);
    detail::ByteStorage::drop(found);
    return found == nullptr;
  }
  static int killed_by(const std::function<void()>& body) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::signal(SIGSEGV, SIG_DFL);
      body();
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

  int told_ = 0;
  std::shared_ptr<EndedLoans> ended_ = std::make_shared<EndedLoans>([this] { ++told_; });
};

TEST_F(SegmentTest, ALargeBufferIsPassedWithoutACopy) {
  const auto payload = pattern(5'000'001);
  const Bytes made = filled(payload);
  ASSERT_NE(Segment::of(made), nullptr);
  const Passing passing = pass(made);
  EXPECT_EQ(passing.memory.data(), made.data());
  const Bytes there = Segment::borrow(passing.told, payload.size(), ended_);
  EXPECT_TRUE(std::ranges::equal(there.span(), payload));
  // One memory under both.
  const_cast<std::byte*>(made.data())[4'000'000] = std::byte{99};
  EXPECT_EQ(there.data()[4'000'000], std::byte{99});
  // And it goes on from there as it is.
  const Passing further = pass(there);
  EXPECT_EQ(further.memory.data(), there.data());
  EXPECT_EQ(further.told.slot, passing.told.slot);
}

TEST_F(SegmentTest, ABufferThatGrowsKeepsWhatIsInIt) {
  const auto payload = pattern(2'000'000);
  ByteBuffer buffer;
  std::set<const std::byte*> places;
  for (std::size_t at = 0; at < payload.size(); at += 1000) {
    buffer.append(std::span{payload}.subspan(at, 1000));
    if (at > 2 * Segment::smallest) places.insert(buffer.data());
  }
  const Bytes made{std::move(buffer)};
  ASSERT_NE(Segment::of(made), nullptr);
  EXPECT_TRUE(std::ranges::equal(made.span(), payload));
  EXPECT_EQ(places.size(), 3U);  // slots of 256 KiB, 1 MiB and 4 MiB
}

TEST_F(SegmentTest, WhatABufferGrewTooMuchIsGivenBack) {
  ByteBuffer buffer{40 << 20};
  std::memset(buffer.extend(40 << 20), 1, 40 << 20);
  buffer.clear();
  buffer.append(pattern(30 << 20));
  Bytes made{std::move(buffer)};
  const std::byte* const place = made.data();
  EXPECT_EQ(place[35 << 20], std::byte{1});
  const Bytes there = taken(std::move(made));
  EXPECT_TRUE(std::ranges::equal(there.span(), pattern(30 << 20)));
  EXPECT_EQ(place[35 << 20], std::byte{0});  // a page that was not there
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
  EXPECT_TRUE(std::ranges::equal(Segment::borrow(passing.told, payload.size(), ended_).span(), payload));
}

TEST_F(SegmentTest, APartIsPassedAloneWhereItIsSmall) {
  const auto payload = pattern(1'000'000);
  const Bytes made = filled(payload);
  const Bytes most = made.slice(100'001, 800'000);
  EXPECT_EQ(pass(most).told.slot, Segment::of(made)->slot());
  EXPECT_TRUE(std::ranges::equal(Segment::borrow(pass(most).told, most.size(), ended_).span(), most.span()));
  // A small one would keep all of it.
  const Bytes little = made.slice(100'001, 70'000);
  const Passing passing = pass(little);
  EXPECT_NE(passing.told.slot, Segment::of(made)->slot());
  EXPECT_TRUE(std::ranges::equal(Segment::borrow(passing.told, little.size(), ended_).span(), little.span()));
  // Unless it is wanted for a while only.
  EXPECT_EQ(pass(little, true).told.slot, Segment::of(made)->slot());
  const Bytes part = lent(little);
  EXPECT_TRUE(std::ranges::equal(part.span(), little.span()));
  // Who has it for a while does not keep all of it either.
  EXPECT_NE(pass(part).told.slot, Segment::of(made)->slot());
}

TEST_F(SegmentTest, WhatCannotBeIsAnError) {
  Bytes made = filled(pattern(100'000));
  const Passing passing = pass(made);
  Segment::of(made)->hand_over(nullptr);
  const std::uint32_t slot = passing.told.slot;
  const std::size_t size = Arena::of_process().size_of(slot);
  const auto expect_refused = [](const PassedPayload& told, std::size_t bytes, Arena::Owner lane) {
    EXPECT_THAT(([&] { Segment::take(told, bytes, lane); }),
                ThrowsMessage<Error>(HasSubstr("cannot be; the memory that says so was overwritten")));
  };
  expect_refused({.slot = slot}, size + 1, Arena::Owner::rank);
  expect_refused({.slot = slot, .offset = 1}, size, Arena::Owner::rank);
  expect_refused({.slot = slot, .offset = ~std::uint64_t{0}}, 2, Arena::Owner::rank);
  expect_refused({.slot = slot, .offset = 8}, std::size_t{1} << 62U, Arena::Owner::rank);
  expect_refused({.slot = ~std::uint32_t{0}}, 5, Arena::Owner::rank);
  expect_refused({.slot = slot}, 5, Arena::of_process().name_lane());
  // What it tells of its pages is believed as far as it can be.
  const Bytes there =
      Segment::take({.slot = slot, .used = ~std::uint64_t{0}, .capacity = ~std::uint64_t{0}}, 5, Arena::Owner::rank);
  EXPECT_EQ(there.elsewhere()->capacity, size);
}

TEST_F(SegmentTest, ALaneCannotWriteIntoWhatItWasGiven) {
  const Bytes made = filled(pattern(100'000));
  const auto write_into = [](const Bytes& bytes) { const_cast<volatile std::byte*>(bytes.data())[5] = std::byte{1}; };
  EXPECT_EQ(killed_by([&] {
              Arena::of_process().become_lane(Arena::of_process().name_lane());
              write_into(lent(made));
            }),
            SIGSEGV);
  // Nor into what it has passed on and still holds.
  EXPECT_EQ(killed_by([&] {
              Segment::of(made)->hand_over(ended_);
              write_into(made);
            }),
            SIGSEGV);
  EXPECT_EQ(killed_by([&] { write_into(made); }), 0);
}

TEST_F(SegmentTest, WhatWasHeldCanBeFilledAgain) {
  Bytes made = filled(pattern(1'000'000));
  const PassedPayload told = pass(made).told;
  Segment::of(made)->hand_over(ended_);
  {
    const Bytes there = Segment::take(told, made.size(), Arena::Owner::rank);
    made = {};
    EXPECT_EQ(told_, 1);  // it does not read it any more
    EXPECT_TRUE(none_used(1'000'000));
  }
  detail::StorageElsewhere* const again = Segment::used_before(1'000'000);
  ASSERT_NE(again, nullptr);
  std::memset(again->place, 7, 1'000'000);
  EXPECT_EQ(again->place[999'999], std::byte{7});
  detail::ByteStorage::drop(again);
}

TEST_F(SegmentTest, WhatNobodyReadsAnyMoreIsFilledAgain) {
  std::uint32_t slot = 0;
  {
    Bytes made = filled(pattern(1'000'000));
    slot = Segment::of(made)->slot();
    const PassedPayload told = pass(made).told;
    Segment::of(made)->hand_over(nullptr);
    made = {};
    EXPECT_TRUE(none_used(990'000));  // it was passed on
    Bytes there = Segment::take(told, 1'000'000, Arena::Owner::rank);
    const Bytes part = there.slice(5, 10);
    there = {};
    EXPECT_TRUE(none_used(990'000));  // somebody reads it
  }
  auto* const again = static_cast<Segment*>(Segment::used_before(990'000));
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->slot(), slot);
  EXPECT_TRUE(none_used(990'000));
  std::memset(again->place, 7, 990'000);
  const Bytes next = Bytes::in(again, 0, 990'000);
  EXPECT_EQ(lent(next).data()[989'999], std::byte{7});
}

TEST_F(SegmentTest, AHeapsBytesAreCopiedIntoWhatWasUsed) {
  std::uint32_t slot = 0;
  {
    const Bytes made = filled(pattern(1'000'000));
    slot = Segment::of(made)->slot();
  }
  detail::use_for_large_buffers(0, nullptr);
  const auto payload = pattern(999'000);
  const Passing passing = pass(filled(payload));
  EXPECT_EQ(passing.told.slot, slot);
  EXPECT_TRUE(std::ranges::equal(Segment::borrow(passing.told, payload.size(), ended_).span(), payload));
}

TEST_F(SegmentTest, LargeBuffersAreFilledInWhatWasUsedAndTheLargestInFreshSlots) {
  Segment::use_for_large_buffers();
  EXPECT_EQ(filled(pattern(1'000'000)).elsewhere(), nullptr);
  std::uint32_t slot = 0;
  {
    const Bytes used = Bytes::in(Segment::make(1'000'000), 0, 1'000'000);
    slot = Segment::of(used)->slot();
  }
  ByteBuffer buffer{1'000'000};
  buffer.append(pattern(1'000'000));
  const Bytes made{std::move(buffer)};
  ASSERT_NE(Segment::of(made), nullptr);
  EXPECT_EQ(Segment::of(made)->slot(), slot);
  EXPECT_NE(ByteBuffer{Segment::smallest_filled}.data(), nullptr);
  EXPECT_NE(Bytes{ByteBuffer{Segment::smallest_filled}}.elsewhere(), nullptr);
}

TEST_F(SegmentTest, ALoanEndsWithTheLastBytesInIt) {
  const Bytes made = filled(pattern(1'000'000));
  Bytes there = lent(made);
  Bytes part = there.slice(10, 20);
  there = {};
  EXPECT_FALSE(ended_->any());
  part = {};
  EXPECT_EQ(told_, 1);
  EXPECT_TRUE(ended_->any());
  std::array<std::uint64_t, 2> loans{};
  EXPECT_EQ(ended_->take(loans), 1U);
  EXPECT_EQ(loans[0], Segment::of(made)->slot());
  EXPECT_FALSE(ended_->any());
}

/// Where the limits leave no room: in a process that has not made its arena yet.
TEST(SegmentWithoutRoom, BytesAreCopiedAndTheSame) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        // Each level has 1 MiB.
        rlimit limit{};
        limit.rlim_cur = limit.rlim_max = 30 << 20;
        ::setrlimit(RLIMIT_FSIZE, &limit);
        const auto payload = pattern(2'000'000);
        ByteBuffer buffer;
        buffer.append(payload);
        const Bytes made{std::move(buffer)};
        const Passing passing = pass(made);
        const bool unmapped = passing.told.kind == PassedPayload::Kind::unmapped;
        const auto ended = std::make_shared<EndedLoans>([] {});
        const Bytes there = Segment::borrow(passing.told, payload.size(), ended);
        const Bytes back = Segment::take(pass(made).told, payload.size(), Arena::Owner::rank);
        const bool same =
            std::ranges::equal(there.span(), payload) && std::ranges::equal(back.span(), payload) && !ended->any();
        // And nothing is written where the limit would end the process.
        bool refused = false;
        std::vector<PassedPayload> passed;
        try {
          while (passed.size() < 30) passed.push_back(pass(made).told);
        } catch (const Error& error) {
          refused = std::string_view{error.what()}.find("ulimit -f") != std::string_view::npos;
        }
        // What was taken makes room.
        bool all = passed.size() > 5;
        for (const PassedPayload& told : passed)
          all = all && std::ranges::equal(Segment::borrow(told, payload.size(), ended).span(), payload);
        for (int i = 0; i < 30; ++i)
          all = all && Segment::borrow(pass(made).told, payload.size(), ended).size() == payload.size();
        ::_exit(unmapped && same && refused && all ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace crema::process
