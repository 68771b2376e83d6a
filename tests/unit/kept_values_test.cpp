// What becomes of values that are too large for a record, of what the user lets the journal keep, and of sync.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "crema/actor.hpp"
#include "crema/csv.hpp"
#include "crema/dataset.hpp"
#include "crema/errors.hpp"
#include "crema/sync.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "journal/blob.hpp"
#include "loopback_cluster.hpp"
#include "memory_journal.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

using testing::CutJournal;
using ::testing::HasSubstr;
using testing::MemoryJournal;

std::atomic<int> runs;
std::atomic<int> chance;

std::vector<int> large(int x) {
  ++runs;
  return std::vector<int>(50'000, x);
}
std::vector<int> large_by_chance(int) {
  ++runs;
  return std::vector<int>(50'000, chance);
}
std::vector<int> shifted(std::vector<int> values, int by) {
  ++runs;
  for (int& value : values) value += by;
  return values;
}
int last_of(const std::vector<int>& values) { return values.back(); }
int square(int x) {
  ++runs;
  return x * x;
}
int in_turn(int x) {
  const std::vector<Future<int>> futures{with({.journal = JournalPolicy::never}).remote<square>(x)};
  return get(futures).front();
}
Future<std::vector<int>> stored(int x) {
  ++runs;
  return put(std::vector<int>(50'000, x));
}

class Shelf {
 public:
  std::vector<int> put_on(int x) {
    ++applied;
    items_.assign(50'000, items_.empty() ? x : items_.back() + x);
    return items_;
  }
  int last() const {
    ++asked;
    return items_.back();
  }
  static inline std::atomic<int> applied;
  static inline std::atomic<int> asked;

 private:
  std::vector<int> items_;
};

class KeptValues : public ::testing::Test {
 protected:
  /// Runs a driver, and goes on from what is recorded.
  int run(const std::function<void()>& driver) {
    LoopbackCluster cluster{ranks_};
    CutJournal source{records_, records_.size()};
    cluster.past = history::Past{source, {}, looks_at_files_ ? blobs() : ""};
    damage_ = source.damage();
    records_.resize(source.given());
    MemoryJournal journal;
    journal.records = records_;
    journal.folder = blobs();
    cluster.journal = &journal;
    runs = 0;
    Shelf::applied = Shelf::asked = 0;
    const int code = cluster.run_all(driver);
    EXPECT_EQ(cluster.objects_left, 0U);
    records_ = journal.records;
    error_ = cluster.sink.end.error;
    return code;
  }
  /// Runs a driver that asks for a large value that is kept. Returns why it did not get it; empty: it did.
  std::string ask_for_kept() {
    std::string why;
    EXPECT_EQ(run([&] {
                try {
                  static_cast<void>(with({.journal = JournalPolicy::always}).remote<large>(7).get());
                } catch (const TaskError& error) {
                  why = error.what();
                }
              }),
              0);
    return why;
  }
  [[nodiscard]] std::string blobs() const { return (folder_.path() / "blobs").string(); }
  [[nodiscard]] std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> found;
    if (std::filesystem::exists(blobs()))
      for (const auto& entry : std::filesystem::directory_iterator{blobs()}) found.push_back(entry.path());
    return found;
  }

  int ranks_ = 3;
  testing::TemporaryFolder folder_;
  std::vector<journal::Record> records_;
  std::string error_;
  bool looks_at_files_ = false;
  std::string damage_;  // of what the last run went on from
};

TEST_F(KeptValues, ALargeValueIsMadeAgainOnlyWhenSomebodyAsks) {
  bool asks = true;
  int got = 0;
  const auto driver = [&] {
    const Future<std::vector<int>> value = remote<large>(5);
    const Future<std::vector<int>> other = remote<large>(6);
    static_cast<void>(wait(std::vector{value, other}, {.count = 2}));
    if (asks) got = value.get().back() + remote<last_of>(other).get();
  };
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(got, 11);
  EXPECT_EQ(runs, 2);
  asks = false;
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(runs, 0);
  asks = true;
  got = 0;
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(got, 11);
  EXPECT_EQ(runs, 1);  // last_of's value is recorded
  EXPECT_TRUE(files().empty());
}

TEST_F(KeptValues, WhatNeedsALargeValueHasItMade) {
  int got = 0;
  bool more = false;
  const auto driver = [&] {
    const Future<std::vector<int>> value = remote<large>(5);
    got = remote<last_of>(value).get();
    if (more)
      got += remote([](const std::vector<int>& values, int by) { return values.front() * by; }, value, 10).get();
  };
  ASSERT_EQ(run(driver), 0);
  more = true;
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(got, 55);
  EXPECT_EQ(runs, 1);
}

TEST_F(KeptValues, WhatSeveralAreMadeOfIsMadeOnceThoughTheyAreAskedForOneByOne) {
  std::vector<int> got;
  std::function<void(Future<std::vector<int>>&, std::vector<Future<std::vector<int>>>&)> ask;
  const auto driver = [&] {
    const TaskOptions once{.max_retries = 0};
    auto whole = with(once).remote<large>(7);
    std::vector<Future<std::vector<int>>> parts;
    {
      const auto half = with(once).remote<shifted>(whole, 0);
      for (int by = 0; by < 6; ++by) parts.push_back(with(once).remote<shifted>(half, by));
    }
    ask(whole, parts);
  };
  ask = [](auto&, auto& parts) { static_cast<void>(wait(parts, {.count = parts.size()})); };
  ASSERT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(runs, 8);
  ask = [&](auto& whole, auto& parts) {
    whole = {};
    for (std::size_t i = 0; i < 4; ++i) {
      got.push_back(parts[i].get().back());
      parts[i] = {};
    }
  };
  ASSERT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(got, (std::vector{7, 8, 9, 10}));
  EXPECT_EQ(runs, 6);
  // Parts that nobody can ask for any more hold nothing.
  ask = [&](auto& whole, auto& parts) {
    got = whole.get();
    parts.clear();
  };
  ASSERT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(got.back(), 7);
  EXPECT_EQ(runs, 1);
}

TEST_F(KeptValues, AValueThatDiffersWhenItIsMadeAgainIsAnError) {
  std::string message;
  const auto driver = [&] {
    try {
      static_cast<void>(remote<large_by_chance>(1).get());
    } catch (const TaskError& error) {
      message = error.what();
    }
  };
  chance = 1;
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(message, "");
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(message, "");
  chance = 2;
  ASSERT_EQ(run(driver), 0);
  EXPECT_THAT(message, HasSubstr("its value differs from the one that the journal knows of"));
  EXPECT_THAT(message, HasSubstr("large_by_chance"));
}

TEST_F(KeptValues, AlwaysKeepsLargeValuesInFiles) {
  for (const int ranks : {1, 3}) {
    ranks_ = ranks;
    records_.clear();
    std::filesystem::remove_all(blobs());
    std::vector<int> got;
    const auto driver = [&] {
      const auto always = with({.journal = JournalPolicy::always});
      got = {always.remote<large>(7).get().back(), always.remote<square>(3).get(),
             remote<last_of>(always.remote<stored>(8)).get()};
    };
    ASSERT_EQ(run(driver), 0) << error_;
    EXPECT_EQ(got, (std::vector{7, 9, 8}));
    EXPECT_EQ(runs, 3);
    EXPECT_EQ(files().size(), 2);
    for (int again = 0; again < 2; ++again) {
      got.clear();
      ASSERT_EQ(run(driver), 0) << error_;
      EXPECT_EQ(got, (std::vector{7, 9, 8}));
      EXPECT_EQ(runs, 0);
      EXPECT_EQ(files().size(), 2);
    }
  }
}

TEST_F(KeptValues, AResumeIsCutAtADamagedFile) {
  looks_at_files_ = true;
  ASSERT_EQ(ask_for_kept(), "");
  EXPECT_EQ(runs, 1);
  ASSERT_EQ(ask_for_kept(), "");
  EXPECT_EQ(std::pair(runs.load(), damage_), std::pair(0, std::string{}));
  const std::vector<std::pair<std::function<void(const std::filesystem::path&)>, std::string>> damages{
      {[](const auto& file) {
         std::fstream{file, std::ios::in | std::ios::out | std::ios::binary}.seekp(1000).put('x');
       },
       "is damaged: its checksum differs"},
      {[](const auto& file) { std::filesystem::resize_file(file, 500); },
       "has 500 bytes and not the 200008 that were written"},
      {[](const auto& file) { std::filesystem::remove(file); }, "cannot be read: No such file or directory"}};
  for (const auto& [damage, told] : damages) {
    ASSERT_EQ(files().size(), 1);
    const std::filesystem::path file = files().front();
    damage(file);
    EXPECT_EQ(ask_for_kept(), "");
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(damage_, "the value in blobs/" + file.filename().string() + " " + told);
    std::filesystem::remove(file);  // the new value has a file of its own
  }
  EXPECT_EQ(ask_for_kept(), "");
  EXPECT_EQ(std::pair(runs.load(), damage_), std::pair(0, std::string{}));
}

TEST_F(KeptValues, AFileThatIsDamagedLaterIsNamed) {
  ASSERT_EQ(ask_for_kept(), "");
  ASSERT_EQ(files().size(), 1);
  const std::filesystem::path file = files().front();
  {
    std::fstream damaged{file, std::ios::in | std::ios::out | std::ios::binary};
    damaged.seekp(1000);
    damaged.put('x');
  }
  EXPECT_THAT(ask_for_kept(), HasSubstr(file.string() + "\" is damaged"));
  std::filesystem::resize_file(file, 500);
  EXPECT_THAT(ask_for_kept(), HasSubstr("has 500 bytes and not the 200008 that were written"));
  std::filesystem::remove(file);
  EXPECT_THAT(ask_for_kept(), HasSubstr("cannot be read: No such file or directory"));
}

TEST_F(KeptValues, AFileThatCannotBeWrittenFailsTheTask) {
  std::ofstream{blobs()} << "in the way";
  const std::string why = ask_for_kept();
  EXPECT_THAT(why, HasSubstr("keeping a large value in the journal"));
  EXPECT_THAT(why, HasSubstr("Not a directory"));
}

TEST_F(KeptValues, NeverRunsAgain) {
  int got = 0;
  const auto driver = [&] {
    got = with({.journal = JournalPolicy::never}).remote<square>(3).get() + remote<in_turn>(4).get();
  };
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(got, 25);
  EXPECT_EQ(runs, 2);
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(got, 25);
  EXPECT_EQ(runs, 2);  // in_turn is recorded, but whoever got the future from it would need the value
}

TEST_F(KeptValues, LargeResultsOfCallsAreKept) {
  std::vector<int> got;
  const auto driver = [&] {
    const auto shelf = actor<Shelf>();
    got.clear();
    for (int i = 1; i <= 3; ++i) got.push_back(shelf.remote<&Shelf::put_on>(i).get().back());
    got.push_back(shelf.remote<&Shelf::last>().get());
  };
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(got, (std::vector{1, 3, 6, 6}));
  EXPECT_EQ(files().size(), 3);
  got.clear();
  ASSERT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(got, (std::vector{1, 3, 6, 6}));
  EXPECT_EQ(Shelf::applied, 3);
  EXPECT_EQ(files().size(), 3);
}

TEST_F(KeptValues, ConstMethodsAreNotAppliedAgain) {
  int got = 0;
  const auto driver = [&] {
    const auto shelf = actor<Shelf>();
    static_cast<void>(shelf.remote<&Shelf::put_on>(2));
    got = 0;
    for (int i = 0; i < 4; ++i) got += shelf.remote<&Shelf::last>().get();
  };
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(got, 8);
  EXPECT_EQ(Shelf::asked, 4);
  ASSERT_EQ(run(driver), 0);
  EXPECT_EQ(got, 8);
  EXPECT_EQ(Shelf::asked, 0);
  EXPECT_EQ(Shelf::applied, 1);
}

/// Has the disk when the test says so.
class SlowDisk : public MemoryJournal {
 public:
  void append(journal::RecordType type, std::span<const std::byte> payload, std::span<const std::byte> rest) override {
    MemoryJournal::append(type, payload, rest);
    appended_ = records.size();
  }
  [[nodiscard]] std::uint64_t durable() const override { return durable_; }
  void hurry() override { hurried_ = true; }

  std::atomic<bool> hurried_{false};
  std::atomic<std::uint64_t> appended_{0};
  std::atomic<std::uint64_t> durable_{0};
};

TEST(Sync, WaitsForTheDisk) {
  SlowDisk disk;
  LoopbackCluster cluster{2};
  cluster.journal = &disk;
  std::uint64_t recorded_before = 0;
  std::uint64_t on_disk_after = 0;
  std::thread slow{[&] {
    while (!disk.hurried_) std::this_thread::yield();
    disk.durable_ = disk.appended_.load();
  }};
  EXPECT_EQ(cluster.run_all([&] {
    static_cast<void>(remote<square>(3).get());
    recorded_before = disk.appended_;
    sync();
    on_disk_after = disk.durable_;
    disk.hurried_ = false;
  }),
            0);
  slow.join();
  EXPECT_GT(recorded_before, 0U);
  EXPECT_GE(on_disk_after, recorded_before);
}

TEST(Sync, ReturnsWithoutAJournal) {
  for (const int ranks : {1, 3}) {
    LoopbackCluster cluster{ranks};
    int got = 0;
    EXPECT_EQ(cluster.run_all([&] {
      sync();
      got = remote(
                [](int x) {
                  sync();
                  return x;
                },
                4)
                .get();
    }),
              0);
    EXPECT_EQ(got, 4);
  }
  EXPECT_THROW(sync(), UsageError);
}

TEST_F(KeptValues, PartsOfEarlierStartsAreLookedAt) {
  const std::filesystem::path folder = folder_.path() / "written";
  const auto driver = [&] {
    range(40)
        .map([](std::int64_t row) {
          ++runs;
          return row;
        })
        .write_csv(folder.string());
  };
  ASSERT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(runs, 40);
  ASSERT_EQ(run(driver), 0) << error_;
  EXPECT_EQ(runs, 0);

  const auto write = [&](const std::string& text) { std::ofstream{folder / "part-000007.csv"} << text; };
  write("value\n8\n");  // and no 7
  EXPECT_EQ(run(driver), 1);
  EXPECT_THAT(error_, HasSubstr("part-000007.csv\": it was written with other content than it has; nobody else"));
  write("value\n70\n");
  EXPECT_EQ(run(driver), 1);
  EXPECT_THAT(error_, HasSubstr("part-000007.csv\": it was written with 8 bytes and has 9; nobody else"));
  std::filesystem::remove(folder / "part-000007.csv");
  EXPECT_EQ(run(driver), 1);
  EXPECT_THAT(error_, HasSubstr("part-000007.csv\": it was written with 8 bytes and cannot be found: No such file"));
  write("value\n7\n");
  EXPECT_EQ(run(driver), 0) << error_;

  // Half way, too: then nothing says that the folder is whole.
  const auto is_task = [](const journal::Record& record) { return record.type == journal::RecordType::task; };
  records_.erase(std::next(std::find_if(records_.rbegin(), records_.rend(), is_task)).base(), records_.end());
  std::filesystem::rename(folder / "_SUCCESS", folder / "_UNFINISHED");
  write("value\n8\n");
  EXPECT_EQ(run(driver), 1);
  EXPECT_FALSE(std::filesystem::exists(folder / "_SUCCESS"));
  write("value\n7\n");
  EXPECT_EQ(run(driver), 0) << error_;
  EXPECT_TRUE(std::filesystem::exists(folder / "_SUCCESS"));

  // Who has taken all of it away knows why.
  std::filesystem::remove_all(folder);
  EXPECT_EQ(run(driver), 0) << error_;
}

/// Large enough to be dealt past the caches.
using LargeRow = std::array<std::int64_t, 20>;

TEST_F(KeptValues, DealtBlocksOfLargeRowsAreKnownByWhatTheyAreMadeOf) {
  const auto digests = [&](std::uint64_t seed, std::int64_t odd) {
    records_.clear();
    EXPECT_EQ(run([&] {
                const auto rows = from_items(std::vector<std::int64_t>{0, 1, 2})
                                      .flat_map(
                                          [](std::int64_t block, std::int64_t changed) {
                                            std::vector<LargeRow> made(1000, LargeRow{block});
                                            made[777][19] = changed;
                                            return made;
                                          },
                                          odd);
                EXPECT_EQ(rows.random_shuffle(seed).count(), 3000U);
              }),
              0)
        << error_;
    std::multiset<std::pair<std::uint64_t, std::uint64_t>> found;
    for (const journal::Record& record : records_) {
      if (record.type != journal::RecordType::task) continue;
      const history::Task task = history::read_task(record.payload);
      if (task.large.size > 100'000) found.emplace(task.large.digest.high, task.large.digest.low);
    }
    return found;
  };
  const auto first = digests(5, 1);
  EXPECT_EQ(first.size(), 3U);
  EXPECT_EQ(digests(5, 1), first);
  for (const auto& digest : digests(6, 1)) EXPECT_FALSE(first.contains(digest));
  for (const auto& digest : digests(5, 2)) EXPECT_FALSE(first.contains(digest));
}

}  // namespace
}  // namespace crema
