#include "store/object_store.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "common/storage_pool.hpp"
#include "small_disk.hpp"
#include "woken.hpp"

namespace crema::store {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kib = 1024;

/// Bytes that differ from id to id.
Bytes value_of(std::uint64_t id, std::size_t size) {
  ByteBuffer buffer{size};
  std::mt19937_64 random{id};
  while (buffer.size() + 8 <= size) buffer.put(random());
  while (buffer.size() < size) buffer.put<std::uint8_t>(7);
  return Bytes{std::move(buffer)};
}

/// A store, and somebody who waits for its disk.
class Stored {
 public:
  /// Without a folder it has one of its own.
  explicit Stored(std::uint64_t budget, const std::filesystem::path& folder = {}, std::vector<FreedMemory*> freed = {})
      : store{{budget, folder.empty() ? folder_.path() : folder, std::move(freed)}, [this] { woken_.wake(); }} {}

  /// The answer: empty, or an error. Waits for it.
  std::string put(std::uint64_t id, std::size_t size) {
    std::optional<std::string> answer;
    put_later(id, size, answer);
    wait([&] { return answer.has_value(); });
    return *answer;
  }
  void put_later(std::uint64_t id, std::size_t size, std::optional<std::string>& answer) {
    store.put(TaskId{id}, value_of(id, size), [&answer](const std::string& error) { answer = error; });
  }
  /// Whether what comes back is what was put.
  bool holds(std::uint64_t id, std::size_t size) {
    std::optional<bool> same;
    store.get({TaskId{id}}, [&](const Bytes& value, const std::string& error) {
      const Bytes expected = value_of(id, size);
      same = error.empty() &&
             std::equal(value.span().begin(), value.span().end(), expected.span().begin(), expected.span().end());
    });
    wait([&] { return same.has_value(); });
    return *same;
  }
  template <class Condition>
  void wait(Condition condition) {
    woken_.wait(store, condition);
  }
  [[nodiscard]] std::vector<std::string> files() const { return folder_.names(); }

 private:
  testing::TemporaryFolder folder_;
  testing::Woken woken_;

 public:
  ObjectStore store;
};

TEST(ObjectStore, WithinTheBudgetNothingIsWritten) {
  Stored stored{64 * kib};
  for (std::uint64_t id = 0; id < 4; ++id) EXPECT_EQ(stored.put(id, 16 * kib), "");
  EXPECT_EQ(stored.store.bytes_in_memory(), 64 * kib);
  EXPECT_EQ(stored.store.bytes_spilled(), 0U);
  for (std::uint64_t id = 0; id < 4; ++id) EXPECT_TRUE(stored.holds(id, 16 * kib));
}

TEST(ObjectStore, BeyondItValuesComeBackFromTheDisk) {
  Stored stored{64 * kib};
  for (std::uint64_t id = 0; id < 100; ++id) {
    EXPECT_EQ(stored.put(id, 10 * kib + id), "");
    EXPECT_LE(stored.store.bytes_in_memory(), 64 * kib);
  }
  EXPECT_GE(stored.store.bytes_spilled(), 100 * 10 * kib - 64 * kib);
  for (std::uint64_t id = 0; id < 100; ++id) EXPECT_TRUE(stored.holds(id, 10 * kib + id)) << id;
  EXPECT_EQ(stored.store.size(), 100U);
}

TEST(ObjectStore, AValueLargerThanTheBudgetIsKeptToo) {
  Stored stored{kib};
  EXPECT_EQ(stored.put(1, 300 * kib), "");
  EXPECT_EQ(stored.store.bytes_in_memory(), 0U);
  EXPECT_TRUE(stored.holds(1, 300 * kib));
}

TEST(ObjectStore, TheLeastRecentlyUsedGoesFirst) {
  Stored stored{40 * kib};
  for (std::uint64_t id = 0; id < 4; ++id) stored.put(id, 10 * kib);
  EXPECT_TRUE(stored.holds(0, 10 * kib));
  stored.put(4, 10 * kib);
  stored.wait([&] { return stored.store.bytes_spilled() == 20 * kib; });  // 1 and 2: an eighth is left free
  EXPECT_TRUE(stored.holds(0, 10 * kib));
  EXPECT_EQ(stored.store.bytes_in_memory(), 30 * kib);  // it had not gone
  EXPECT_TRUE(stored.holds(1, 10 * kib));
  EXPECT_EQ(stored.store.bytes_in_memory(), 40 * kib);
}

TEST(ObjectStore, WhatWasWrittenOnceIsNotWrittenAgain) {
  Stored stored{20 * kib};
  for (std::uint64_t id = 0; id < 4; ++id) stored.put(id, 10 * kib);
  for (int round = 0; round < 5; ++round)
    for (std::uint64_t id = 0; id < 4; ++id) EXPECT_TRUE(stored.holds(id, 10 * kib));
  EXPECT_LE(stored.store.bytes_spilled(), 40 * kib);
}

TEST(ObjectStore, ValuesInUseStayInMemoryAndHoldUpNobody) {
  Stored stored{20 * kib};
  std::vector<Bytes> used;
  for (std::uint64_t id = 0; id < 5; ++id) {
    EXPECT_EQ(stored.put(id, 10 * kib), "");
    stored.store.get({TaskId{id}}, [&](const Bytes& value, const std::string&) { used.push_back(value); });
    stored.wait([&] { return used.size() == id + 1; });
  }
  EXPECT_GE(stored.store.bytes_in_memory(), 40 * kib);
  used.clear();
  EXPECT_EQ(stored.put(9, 10 * kib), "");
  EXPECT_LE(stored.store.bytes_in_memory(), 20 * kib);
}

TEST(ObjectStore, WhatIsFreedWhileTheDiskHasItIsGone) {
  Stored stored{16 * kib};
  std::vector<std::optional<std::string>> answers(20);
  for (std::uint64_t id = 0; id < 20; ++id) stored.put_later(id, 8 * kib, answers[id]);
  EXPECT_FALSE(stored.store.keeps_up());
  for (std::uint64_t id = 0; id < 20; id += 2) stored.store.free(TaskId{id});
  stored.wait([&] { return stored.store.keeps_up(); });
  EXPECT_EQ(stored.store.size(), 10U);
  for (std::uint64_t id = 1; id < 20; id += 2) EXPECT_TRUE(stored.holds(id, 8 * kib));
  bool found = false;
  stored.store.get({TaskId{1}}, [&](const Bytes&, const std::string&) {});
  for (std::uint64_t id = 1; id < 20; id += 2) {
    stored.store.get({TaskId{id}}, [&](const Bytes&, const std::string&) { found = id > 15; });
    stored.store.free(TaskId{id});
  }
  EXPECT_EQ(stored.store.size(), 0U);
  EXPECT_EQ(stored.store.bytes_in_memory(), 0U);
  EXPECT_EQ(stored.put(50, 8 * kib), "");
  EXPECT_TRUE(stored.holds(50, 8 * kib));
}

TEST(ObjectStore, NoFileHasAName) {
  Stored stored{kib};
  stored.put(1, 100 * kib);
  EXPECT_EQ(stored.store.bytes_spilled(), 100 * kib);
  EXPECT_THAT(stored.files(), IsEmpty());
}

TEST(ObjectStore, AFullDiskRefusesWhatDoesNotFitAndKeepsTheRest) {
  const testing::SmallDisk disk;  // 2 MiB
  if (!disk.unavailable().empty()) GTEST_SKIP() << "mounting a small tmpfs needs root: " << disk.unavailable();
  Stored stored{512 * kib, disk.folder().path()};
  std::vector<std::uint64_t> kept;
  std::string error;
  for (std::uint64_t id = 0; id < 40; ++id) {
    const std::string answer = stored.put(id, 100 * kib);
    if (answer.empty()) {
      kept.push_back(id);
    } else {
      error = answer;
    }
  }
  EXPECT_GE(kept.size(), 20U);
  EXPECT_LE(kept.size(), 27U);
  EXPECT_THAT(error, AllOf(HasSubstr("No space left on device"), HasSubstr(disk.folder().path().string()),
                           HasSubstr("--spill-dir"), HasSubstr("--memory-budget")));
  for (const std::uint64_t id : kept) EXPECT_TRUE(stored.holds(id, 100 * kib)) << id;
  // Space that is given back is used again.
  for (const std::uint64_t id : kept) stored.store.free(TaskId{id});
  for (std::uint64_t id = 100; id < 120; ++id) EXPECT_EQ(stored.put(id, 100 * kib), "") << id;
}

TEST(ObjectStore, MoreThanADiskHoldsPassesThroughIt) {
  const testing::SmallDisk disk;  // 2 MiB
  if (!disk.unavailable().empty()) GTEST_SKIP() << "mounting a small tmpfs needs root: " << disk.unavailable();
  Stored stored{256 * kib, disk.folder().path()};
  for (std::uint64_t id = 0; id < 200; ++id) {
    ASSERT_EQ(stored.put(id, 100 * kib), "") << id;
    if (id >= 10) {
      ASSERT_TRUE(stored.holds(id - 10, 100 * kib)) << id;
      stored.store.free(TaskId{id - 10});
    }
  }
  EXPECT_EQ(stored.store.size(), 10U);
}

TEST(ObjectStore, AFolderThatCannotBeWrittenIsNamed) {
  Stored stored{kib, "/no/such/folder"};
  EXPECT_THAT(stored.put(1, 2 * kib), AllOf(HasSubstr("/no/such/folder"), HasSubstr("No such file or directory")));
  EXPECT_EQ(stored.store.size(), 0U);
  EXPECT_EQ(stored.put(2, kib), "");
}

TEST(ObjectStore, WhatItsValuesLeaveOfTheBudgetIsForFreedMemory) {
  constexpr std::size_t size = 3 << 20;
  StoragePool& pool = StoragePool::of_process();
  Stored stored{3 * size, {}, {&pool}};
  ASSERT_EQ(stored.put(1, size), "");
  ASSERT_EQ(stored.put(2, size), "");
  stored.store.free(TaskId{1});
  const auto kept = [&] {
    detail::ByteStorage* const found = pool.take(StoragePool::rounded(size));
    detail::ByteStorage::drop(found);
    return found != nullptr;
  };
  EXPECT_TRUE(kept());
  ASSERT_EQ(stored.put(3, size / 2), "");
  EXPECT_TRUE(kept());
  ASSERT_EQ(stored.put(4, size), "");
  EXPECT_FALSE(kept());
  stored.store.free(TaskId{2});
  EXPECT_TRUE(kept());
  pool.keep_at_most(0);
}

struct Freed final : FreedMemory {
  void keep_at_most(std::size_t most) override { has = std::min(has, bound = most); }
  void free_unused(Clock::time_point) noexcept override { ++looks; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return has += grows; }
  mutable std::size_t has = 0;
  std::size_t grows = 0;  // whenever somebody looks
  std::size_t bound = 0;
  int looks = 0;
};

TEST(ObjectStore, SeveralThatKeepFreedMemoryShareWhatIsLeft) {
  Freed first;
  Freed second;
  Stored stored{10 * kib, {}, {&first, &second}};
  ASSERT_EQ(stored.put(1, kib), "");
  EXPECT_EQ(first.bound, 9 * kib);
  EXPECT_EQ(second.bound, 9 * kib);
  first.has = 4 * kib;
  second.has = 3 * kib;
  ASSERT_EQ(stored.put(2, kib), "");
  EXPECT_EQ(first.bound, 5 * kib);
  EXPECT_EQ(second.bound, 4 * kib);
  ASSERT_EQ(stored.put(3, 6 * kib), "");
  EXPECT_EQ(first.has, 0U);
  EXPECT_EQ(second.has, 2 * kib);
  stored.store.turn();
  EXPECT_GE(first.looks, 1);
  EXPECT_EQ(second.looks, first.looks);
}

TEST(ObjectStore, FreedMemoryThatGrowsMeanwhileIsNotTakenForTooMuch) {
  Freed first;
  Freed second;
  first.grows = second.grows = 100;
  Stored stored{10 * kib, {}, {&first, &second}};
  ASSERT_EQ(stored.put(1, kib), "");
  EXPECT_GT(first.bound, 8 * kib);
  EXPECT_GT(second.bound, 8 * kib);
}

TEST(ObjectStore, FreedMemoryThatFindsNoUseGoes) {
  constexpr std::size_t size = 3 << 20;
  StoragePool& pool = StoragePool::of_process();
  Stored stored{3 * size, {}, {&pool}};
  ASSERT_EQ(stored.put(1, size), "");
  stored.store.free(TaskId{1});
  EXPECT_GE(pool.bytes(), size);
  const auto deadline = StoragePool::Clock::now() + 60 * StoragePool::patience;
  while (pool.bytes() > 0 && StoragePool::Clock::now() < deadline) stored.store.turn();
  EXPECT_EQ(pool.bytes(), 0U);
  pool.keep_at_most(0);
}

}  // namespace
}  // namespace crema::store
