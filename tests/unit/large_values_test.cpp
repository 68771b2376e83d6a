// Values that stay with the rank that made them: where they go, how often, and when they are let go.

#include <gmock/gmock.h>

#include <numeric>
#include <thread>

#include "crema/actor.hpp"
#include "crema/cluster.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "loopback_cluster.hpp"
#include "small_disk.hpp"

namespace crema {
namespace {

using ::testing::HasSubstr;

using Numbers = std::vector<double>;

constexpr std::size_t many = 50'000;  // 400 kB

Numbers numbers(double first, std::size_t count) {
  Numbers values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}
double first_of(const Numbers& values) { return values.front(); }
double total(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }
double last_of_all(const std::vector<Numbers>& values) {
  double last = 0;
  for (const Numbers& part : values) last += part.back();
  return last;
}
std::vector<Numbers> parts(int count) {
  std::vector<Numbers> all;
  for (int i = 0; i < count; ++i) all.push_back(numbers(i, many));
  return all;
}
Future<Numbers> numbers_later(double first) { return remote<numbers>(first, many); }
Future<Numbers> numbers_much_later(double first) { return remote<numbers_later>(first); }
std::vector<Future<Numbers>> futures_of_numbers(double first) { return {remote<numbers>(first, many)}; }
double first_of_first(const std::vector<Future<Numbers>>& futures) { return futures.front().get().front(); }
double get_first(const Future<Numbers>& future) { return future.get().front(); }

class Shelf {
 public:
  void keep(Future<Numbers> future) { future_ = std::move(future); }
  double look() const { return future_.get().front(); }
  double add(const Numbers& values) { return sum_ += values.front(); }
  Numbers copy() const { return numbers(sum_, many); }

 private:
  Future<Numbers> future_;
  double sum_ = 0;
};

/// Packets of at least this size that went from one of these ranks to the other.
int large_packets(const LoopbackCluster& cluster, int from, int to) {
  int count = 0;
  for (const auto& record : cluster.network.log())
    if (record.from.number == from && record.to.number == to && record.bytes.size() >= many * sizeof(double)) ++count;
  return count;
}

/// The head has seen all that this lane let go of before.
void let_go() { cluster(); }

class LargeValues : public ::testing::TestWithParam<int> {
 protected:
  void run(const std::function<void()>& driver) {
    EXPECT_EQ(job.run_all([&] {
      driver();
      let_go();
    }),
              0)
        << job.sink.end.error;
    EXPECT_EQ(job.objects_left, 0U);
  }

  LoopbackCluster job{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Ranks, LargeValues, ::testing::Values(1, 2, 3, 5));

TEST_P(LargeValues, AResultIsFetchedAsOftenAsItIsAskedFor) {
  run([] {
    const auto future = remote<numbers>(3.0, many);
    EXPECT_EQ(future.get(), numbers(3, many));
    EXPECT_EQ(future.get(), numbers(3, many));
    EXPECT_TRUE(future.ready());
  });
}

TEST_P(LargeValues, TheyArePassedToTasks) {
  run([] {
    const auto future = remote<numbers>(2.0, many);
    EXPECT_EQ(remote<first_of>(future).get(), 2);
    EXPECT_EQ(remote<total>(future).get(), total(numbers(2, many)));
    EXPECT_EQ(remote<get_first>(future).get(), 2);
    std::vector<Future<Numbers>> all;
    for (int i = 0; i < 6; ++i) all.push_back(remote<numbers>(i, many));
    EXPECT_EQ(remote<last_of_all>(all).get(), 6 * (many - 1) + 15);
    EXPECT_EQ(get(all), parts(6));
  });
}

TEST_P(LargeValues, TheyAreStoredPassedOnAndReturnedAsFutures) {
  run([] {
    const auto stored = put(numbers(7, many));
    EXPECT_EQ(remote<first_of>(stored).get(), 7);
    EXPECT_EQ(stored.get(), numbers(7, many));
    EXPECT_EQ(remote<numbers_later>(1.0).get(), numbers(1, many));
    const auto later = remote<numbers_much_later>(4.0);
    EXPECT_EQ(remote<first_of>(later).get(), 4);
    EXPECT_EQ(later.get(), numbers(4, many));
  });
}

TEST_P(LargeValues, ActorsTakeThemKeepThemAndReturnThem) {
  run([] {
    const auto shelf = actor<Shelf>();
    EXPECT_EQ(shelf.remote<&Shelf::add>(remote<numbers>(2.0, many)).get(), 2);
    EXPECT_EQ(shelf.remote<&Shelf::add>(numbers(3, many)).get(), 5);
    EXPECT_EQ(shelf.remote<&Shelf::copy>().get(), numbers(5, many));
    shelf.remote<&Shelf::keep>(remote<numbers>(8.0, many)).get();
    let_go();
    EXPECT_EQ(shelf.remote<&Shelf::look>().get(), 8);
    shelf.remote<&Shelf::keep>(Future<Numbers>{}).get();
  });
}

TEST_P(LargeValues, TheyStayAsLongAsAValueThatHoldsTheirFutures) {
  run([] {
    const auto stored = put(std::vector{remote<numbers>(3.0, many)});
    const auto made = remote<futures_of_numbers>(5.0);
    const auto outer = put(std::vector{put(std::vector{remote<numbers>(7.0, many)})});
    wait(std::vector{made}, {.count = 1});
    let_go();  // nothing but the values has the futures now
    EXPECT_EQ(stored.get().front().get(), numbers(3, many));
    EXPECT_EQ(remote<first_of_first>(stored).get(), 3);
    EXPECT_EQ(remote<first_of_first>(made).get(), 5);
    EXPECT_EQ(made.get().front().get(), numbers(5, many));
    EXPECT_EQ(remote<first_of_first>(outer.get().front()).get(), 7);
  });
}

TEST_P(LargeValues, DroppedOnesGoAtOnce) {
  run([] {
    for (int i = 0; i < 20; ++i) {
      const auto dropped = remote<numbers>(i, many);
      if (i % 2 == 0) wait(std::vector{dropped}, {.count = 1});
    }
  });
}

TEST_P(LargeValues, MoreThanMemoryHoldsPassesThroughTheDisk) {
  job.options.store.budget = 2 << 20;
  run([] {
    std::vector<Future<Numbers>> all;
    for (int i = 0; i < 60; ++i) all.push_back(remote<numbers>(i, many));
    std::vector<Future<std::string>> smaller;
    for (int i = 0; i < 600; ++i)
      smaller.push_back(remote([](int c) { return std::string(20'000, char('a' + c)); }, i % 26));
    for (int i = 0; i < 60; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].get().front(), i);
    std::vector<Future<double>> firsts;
    for (const auto& future : all) firsts.push_back(remote<first_of>(future));
    for (int i = 0; i < 60; ++i) EXPECT_EQ(firsts[static_cast<std::size_t>(i)].get(), i);
    for (int i = 0; i < 600; ++i)
      EXPECT_EQ(smaller[static_cast<std::size_t>(i)].get(), std::string(20'000, char('a' + i % 26)));
  });
  EXPECT_GT(job.bytes_spilled, 20U << 20U);
}

TEST_P(LargeValues, AFullDiskFailsTheTaskWhoseResultDoesNotFit) {
  const testing::SmallDisk disk;  // 2 MiB
  if (!disk.unavailable().empty()) GTEST_SKIP() << "mounting a small tmpfs needs root: " << disk.unavailable();
  job.options.store = {.budget = 1 << 20, .spill_folder = disk.folder().path()};
  run([] {
    std::vector<Future<Numbers>> all;
    for (int i = 0; i < 60; ++i) all.push_back(remote<numbers>(i, many));
    wait(all, {.count = all.size()});
    int refused = 0;
    int kept = 0;
    for (int i = 0; i < 60; ++i) {
      try {
        // A task of its own: the driver's rank needs no room for the value.
        EXPECT_EQ(remote<first_of>(std::exchange(all[static_cast<std::size_t>(i)], {})).get(), i);
        ++kept;
      } catch (const TaskError& error) {
        EXPECT_THAT(error.what(), HasSubstr("No space left on device"));
        ++refused;
      }
    }
    EXPECT_GT(refused, 0);
    EXPECT_GT(kept, 2);
    EXPECT_EQ(remote<first_of>(remote<numbers>(5.0, many)).get(), 5);
  });
}

std::size_t store_many(int count) {
  std::vector<Future<Numbers>> stored;
  for (int i = 0; i < count; ++i) stored.push_back(put(numbers(i, 20 * many)));
  return stored.size();
}

TEST_P(LargeValues, AFullDiskEndsWhoGoesOnStoring) {
  const testing::SmallDisk disk;  // 2 MiB
  if (!disk.unavailable().empty()) GTEST_SKIP() << "mounting a small tmpfs needs root: " << disk.unavailable();
  job.options.store = {.budget = 1 << 20, .spill_folder = disk.folder().path()};
  run([] {
    try {
      (void)remote<store_many>(1'000'000).get();
      ADD_FAILURE() << "it has stored terabytes";
    } catch (const TaskError& error) {
      EXPECT_THAT(error.what(), HasSubstr("crema::Error: storing values: writing"));
      EXPECT_THAT(error.what(), HasSubstr("No space left on device"));
    }
    // Nobody asks for what was not kept.
    EXPECT_EQ(remote<store_many>(5).get(), 5U);
  });
}

TEST(LargeValue, EachRankGetsItOnceAndTheHeadNever) {
  LoopbackCluster job{5};
  EXPECT_EQ(job.run_all([] {
    const auto value = remote<numbers>(1.0, many);
    std::vector<Future<double>> firsts;
    for (int i = 0; i < 60; ++i) firsts.push_back(remote<first_of>(value));
    for (const double first : get(firsts)) EXPECT_EQ(first, 1);
    for (int i = 0; i < 20; ++i) firsts.push_back(remote<get_first>(value));
    for (const double first : get(firsts)) EXPECT_EQ(first, 1);
    let_go();
  }),
            0);
  for (int to = 0; to < 5; ++to) {
    int came = 0;
    for (int from = 0; from < 5; ++from) came += large_packets(job, from, to);
    EXPECT_LE(came, to < 2 ? 0 : 1) << to;
  }
}

int slowly(const Numbers& values) {
  std::this_thread::sleep_for(std::chrono::milliseconds{2});
  return static_cast<int>(values.front());
}

TEST(LargeValue, TasksGoWhereTheirInputsAre) {
  LoopbackCluster job{6};
  EXPECT_EQ(job.run_all([] {
    std::vector<Future<Numbers>> values;
    for (int i = 0; i < 100; ++i) values.push_back(remote<numbers>(i, many));
    wait(values, {.count = values.size()});
    std::vector<Future<int>> seen;
    for (int i = 0; i < 100; ++i) seen.push_back(remote<slowly>(values[static_cast<std::size_t>(i * 7 % 100)]));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)].get(), i * 7 % 100);
  }),
            0);
  int moved = 0;
  for (int from = 2; from < 6; ++from)
    for (int to = 2; to < 6; ++to) moved += large_packets(job, from, to);
  EXPECT_LT(moved, 50);  // by chance about 75
}

TEST(LargeValue, AReferenceThatTravelsAndOneThatIsDroppedDoNotMeet) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    LoopbackCluster job{4, seed};
    job.network.delay_up_to(20);
    EXPECT_EQ(job.run_all([] {
      const auto shelf = actor<Shelf>();
      for (int i = 0; i < 6; ++i) {
        auto value = remote<numbers>(i, many);
        shelf.remote<&Shelf::keep>(value);
        auto first = remote<get_first>(value);
        value = {};
        EXPECT_EQ(first.get(), i);
        EXPECT_EQ(shelf.remote<&Shelf::look>().get(), i);
      }
      shelf.remote<&Shelf::keep>(Future<Numbers>{}).get();
      let_go();
    }),
              0)
        << seed << ": " << job.sink.end.error;
    EXPECT_EQ(job.objects_left, 0U) << seed;
  }
}

}  // namespace
}  // namespace crema
