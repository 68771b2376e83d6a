// Large values that tasks and actors have stored, and whose rank is lost, over the loopback transport: they come again
// from the journal where it has them, else from their tasks, which run once more for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "crema/actor.hpp"
#include "crema/cluster.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "losing.hpp"
#include "memory_journal.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

using Numbers = std::vector<double>;
constexpr std::size_t many = 20'000;  // 160 kB: they stay with the rank that made them

constexpr RankId lost_worker{4};

std::atomic<int> runs;
std::atomic<int> begun_on_lost;
std::atomic<bool> may_go_on;
std::atomic<bool> lost_worker_is_to_run;

/// Whichever worker is quicker: no such task goes on before the one that is to be lost has one.
void wait_for_lost_worker() {
  if (this_task().rank() == lost_worker) lost_worker_is_to_run = false;
  while (lost_worker_is_to_run) std::this_thread::sleep_for(1ms);
}

Numbers numbers(double first) {
  Numbers values(many);
  std::iota(values.begin(), values.end(), first);
  return values;
}
double first_of(const Numbers& values) { return values.front(); }
int own_rank() {
  std::this_thread::sleep_for(2ms);
  return this_task().rank().number;
}
int plus_one(int value) { return value + 1; }

/// Keeps what tasks have stored.
class Shelf {
 public:
  void keep(Future<Numbers> values) {
    ++calls_;
    kept_.push_back(std::move(values));
  }
  double look() const {
    double sum = 0;
    for (const Future<Numbers>& values : kept_) sum += values.get().front();
    return sum;
  }
  int calls() const { return calls_; }
  /// Not const: its answer comes behind what was let go of before.
  void wait() {}
  void clear() { kept_.clear(); }
  Numbers copy(double first) {
    ++calls_;
    return numbers(first);
  }
  Future<Numbers> stored(double first) {
    ++calls_;
    return put(numbers(first));
  }

 private:
  int calls_ = 0;
  std::vector<Future<Numbers>> kept_;
};

/// The head knows that nobody holds them any more.
void let_go(const Actor<Shelf>& shelf) {
  shelf.remote<&Shelf::clear>();
  shelf.remote<&Shelf::wait>().get();
}

Future<Numbers> stored(double first) {
  wait_for_lost_worker();
  ++runs;
  return put(numbers(first));
}
Numbers made_numbers(double first) {
  ++runs;
  return numbers(first);
}
Future<Numbers> stored_by_another(double first) { return remote<stored>(first); }
std::pair<Numbers, Future<Numbers>> stored_and_made(double first) {
  ++runs;
  return {numbers(first), put(numbers(first + 1))};
}
Future<std::pair<Numbers, Future<int>>> stored_with_future(int first) {
  ++runs;
  return put(std::pair{numbers(first), remote<plus_one>(first)});
}
std::vector<Future<Numbers>> many_stored(int first) {
  ++runs;
  std::vector<Future<Numbers>> values;
  for (int i = 0; i < 6; ++i) values.push_back(put(numbers(10 * first + i)));
  return values;
}
Numbers made_of(const Numbers& values) { return numbers(values.front() + 0.5); }
Numbers made_of_that(const Numbers& values) { return numbers(values.front() + 0.25); }
/// Gives another value each time it runs.
int give_to(Actor<Shelf> shelf, double first) {
  wait_for_lost_worker();
  const auto values = put(numbers(first));
  shelf.remote<&Shelf::keep>(values).get();
  return ++runs;
}
int give_to_and_fail(Actor<Shelf> shelf, double first) {
  give_to(shelf, first);
  throw std::runtime_error{"no more"};
}
int give_to_and_wait(Actor<Shelf> shelf, double first) {
  const int run = give_to(shelf, first);
  if (this_task().rank() == lost_worker) ++begun_on_lost;
  while (!may_go_on) std::this_thread::sleep_for(1ms);
  return run;
}
int give_to_and_go_on(Actor<Shelf> shelf, double first) {
  ++runs;
  if (this_task().restore<int>()) return 1;
  give_to(shelf, first);
  this_task().checkpoint(1);
  if (this_task().rank() == lost_worker) ++begun_on_lost;
  while (!may_go_on) std::this_thread::sleep_for(1ms);
  return 1;
}
int child_gives(Actor<Shelf> shelf, double first) { return remote<give_to>(shelf, first).get(); }
Future<Numbers> child_keeps(Actor<Shelf> shelf, double first) {
  remote([](Actor<Shelf> to, double value) { to.remote<&Shelf::copy>(value).get(); }, shelf, first).get();
  return put(numbers(first));
}

class StoredValues : public ::testing::TestWithParam<bool> {
 protected:
  StoredValues() {
    runs = 0;
    begun_on_lost = 0;
    may_go_on = false;
    lost_worker_is_to_run = false;
  }
  /// Of a job with a journal, or without one.
  void choose_journal(LoopbackCluster& cluster) {
    if (!GetParam()) return;
    cluster.options.keeps_history = true;
    cluster.journal = &journal_;
    journal_.folder = (folder_.path() / "blobs").string();
  }
  void run(const std::function<void(Losing&)>& driver, RankId lost = lost_worker) {
    Losing job{5, lost};
    choose_journal(job.cluster);
    lost_worker_is_to_run = lost == lost_worker;
    ASSERT_EQ(job.run([&] {
      driver(job);
      settle();
    }),
              0)
        << job.cluster.sink.end.error << job.cluster.log();
    EXPECT_EQ(job.cluster.objects_left, 0U);
  }
  /// Tasks that run again for what they had stored hold it until they end, and nobody gets them: until the head has
  /// seen their ends, and what was let go of before.
  static void settle() {
    for (Cluster now = cluster(); now.free.cpus < now.total.cpus; now = cluster()) std::this_thread::sleep_for(1ms);
    for (std::set<int> seen; seen.size() < static_cast<std::size_t>(cluster().workers);)
      for (const int rank : get(std::vector{remote<own_rank>(), remote<own_rank>(), remote<own_rank>()}))
        seen.insert(rank);
  }
  static void lose(Losing& job) {
    const int before = cluster().ranks;
    job.lose_now();
    while (cluster().ranks == before) std::this_thread::sleep_for(1ms);
  }
  /// All workers run some of these: they have told that they are there.
  template <auto function, class... Arguments>
  static auto start(const TaskOptions& options, const Arguments&... arguments) {
    std::vector<Future<decltype(remote<function>(arguments..., 0).get())>> futures;
    for (std::set<int> there; there.size() < 3;)
      for (const int rank : get(std::vector{remote<own_rank>(), remote<own_rank>(), remote<own_rank>()}))
        there.insert(rank);
    for (int i = 0; i < 9; ++i) futures.push_back(with(options).remote<function>(arguments..., i));
    wait(futures, {.count = futures.size()});
    return futures;
  }
  /// Tasks, until one of them has begun on the worker that is to be lost.
  template <auto function>
  static std::vector<Future<int>> start_until_one_is_lost(const Actor<Shelf>& shelf) {
    std::vector<Future<int>> tasks;
    while (begun_on_lost == 0) {
      tasks.push_back(remote<function>(shelf, 1));
      std::this_thread::sleep_for(1ms);
    }
    return tasks;
  }

 private:
  testing::TemporaryFolder folder_;
  testing::MemoryJournal journal_;
};
INSTANTIATE_TEST_SUITE_P(Journals, StoredValues, ::testing::Bool(),
                         [](const auto& journal) { return journal.param ? "On" : "Off"; });
class JournaledValues : public StoredValues {};
INSTANTIATE_TEST_SUITE_P(Journals, JournaledValues, ::testing::Values(true));

TEST_P(StoredValues, AreStoredOnceMoreByTheTasksThatGiveThem) {
  run([](Losing& job) {
    const auto direct = start<stored>({});
    const auto nested = start<stored_by_another>({});
    const int before = runs;
    lose(job);
    for (int i = 0; i < 9; ++i) {
      EXPECT_EQ(direct[static_cast<std::size_t>(i)].get(), numbers(i));
      EXPECT_EQ(remote<first_of>(nested[static_cast<std::size_t>(i)]).get(), i);
    }
    EXPECT_GT(runs, before);
    EXPECT_LT(runs, 2 * before);
  });
}

TEST_P(StoredValues, OfTasksWhoseOwnValueNobodyGetsTwice) {
  run([](Losing& job) {
    const auto shelf = actor<Shelf>();
    const auto given = start<give_to>({}, shelf);
    const std::vector<int> before = get(given);
    EXPECT_EQ(runs, 9);
    lose(job);
    EXPECT_EQ(shelf.remote<&Shelf::look>().get(), 36);
    EXPECT_GT(runs, 9);
    EXPECT_EQ(get(given), before);
    EXPECT_EQ(shelf.remote<&Shelf::calls>().get(), 9);
    let_go(shelf);
  });
}

TEST_P(StoredValues, OfTasksThatNobodyKnowsAnyMore) {
  run([](Losing& job) {
    const auto shelf = actor<Shelf>();
    get(start<child_gives>({}, shelf));
    lose(job);
    EXPECT_EQ(shelf.remote<&Shelf::look>().get(), 36);
    EXPECT_EQ(shelf.remote<&Shelf::calls>().get(), 9);
    EXPECT_GT(runs, 9);
    let_go(shelf);
  });
}

TEST_P(StoredValues, OfTasksThatHaveFailed) {
  run([](Losing& job) {
    const auto shelf = actor<Shelf>();
    const auto given = start<give_to_and_fail>({}, shelf);
    for (const auto& future : given) EXPECT_THROW(future.get(), TaskError);
    lose(job);
    EXPECT_EQ(shelf.remote<&Shelf::look>().get(), 36);
    for (const auto& future : given) EXPECT_THROW(future.get(), TaskError);
    EXPECT_EQ(shelf.remote<&Shelf::calls>().get(), 9);
    let_go(shelf);
  });
}

TEST_P(StoredValues, OfTasksThatRun) {
  run([](Losing& job) {
    const auto shelf = actor<Shelf>();
    const auto given = start_until_one_is_lost<give_to_and_wait>(shelf);
    lose(job);
    const auto added = static_cast<int>(given.size());
    const int again = begun_on_lost;
    may_go_on = true;
    get(given);
    EXPECT_EQ(shelf.remote<&Shelf::look>().get(), added);
    EXPECT_EQ(shelf.remote<&Shelf::calls>().get(), added);
    EXPECT_EQ(runs, added + again);
    let_go(shelf);
  });
}

TEST_P(StoredValues, OfTasksThatGoOnFromBehindThem) {
  run([](Losing& job) {
    const auto shelf = actor<Shelf>();
    const auto given = start_until_one_is_lost<give_to_and_go_on>(shelf);
    lose(job);
    const auto added = static_cast<int>(given.size());
    may_go_on = true;
    EXPECT_EQ(get(given), std::vector<int>(given.size(), 1));
    EXPECT_EQ(shelf.remote<&Shelf::look>().get(), added);
    EXPECT_EQ(shelf.remote<&Shelf::calls>().get(), added);
    let_go(shelf);
  });
}

TEST_P(StoredValues, AreStoredOnceMoreForAllThatWasMadeOfThem) {
  run([](Losing& job) {
    auto stored = start<many_stored>({});
    std::vector<Future<Numbers>> made;
    for (const auto& values : get(stored))
      for (const auto& value : values) made.push_back(remote<made_of_that>(remote<made_of>(value)));
    wait(made, {.count = made.size()});
    stored.clear();
    settle();
    lose(job);
    const int before = runs;
    for (std::size_t i = 0; i < made.size(); ++i)
      EXPECT_EQ(made[i].get().front(), 10 * static_cast<double>(i / 6) + static_cast<double>(i % 6) + 0.75);
    EXPECT_GT(runs, before);
    EXPECT_LE(runs, before + 9) << "one value at a time";
  });
}

TEST_P(StoredValues, LikeResultsAreMadeOnceMoreForAllThatWasMadeOfThem) {
  run([](Losing& job) {
    auto whole = start<made_numbers>({.max_retries = 1});
    std::vector<Future<Numbers>> parts;
    for (const auto& one : whole) {
      const auto half = with({.max_retries = 1}).remote<made_of>(one);
      for (int i = 0; i < 4; ++i) parts.push_back(with({.max_retries = 1}).remote<made_of_that>(half));
    }
    wait(parts, {.count = parts.size()});
    whole.clear();
    settle();
    lose(job);
    const int before = runs;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ(parts[i].get().front(), static_cast<double>(i / 4) + 0.75);
      parts[i] = {};
    }
    EXPECT_GT(runs, before);
    EXPECT_LE(runs, before + 9) << "one part at a time";
  });
}

TEST_P(StoredValues, AreNotStoredOnceMoreForWhatNobodyAskedForAndMayNotRunAgain) {
  run([](Losing& job) {
    auto stored = start<many_stored>({});
    std::vector<Future<Numbers>> asked, unasked;
    std::vector<Future<double>> used;
    for (const auto& values : get(stored)) {
      asked.push_back(remote<made_of>(values.front()));
      unasked.push_back(with({.max_retries = 0}).remote<made_of>(values.back()));
      used.push_back(remote<first_of>(unasked.back()));
    }
    wait(asked, {.count = asked.size()});
    (void)get(used);
    stored.clear();
    settle();
    lose(job);
    for (const auto& one : asked) (void)one.get();
    settle();
    unasked.clear();
  });
}

TEST_P(StoredValues, BesideALargeResultOfTheSameTask) {
  run([](Losing& job) {
    const auto both = start<stored_and_made>({});
    lose(job);
    for (int i = 0; i < 9; ++i) {
      const auto [made, kept] = both[static_cast<std::size_t>(i)].get();
      EXPECT_EQ(made, numbers(i));
      EXPECT_EQ(kept.get(), numbers(i + 1));
    }
  });
}

TEST_P(StoredValues, WithFuturesInside) {
  run([](Losing& job) {
    const auto outer = start<stored_with_future>({});
    lose(job);
    for (int i = 0; i < 9; ++i) {
      const auto [values, inside] = outer[static_cast<std::size_t>(i)].get();
      EXPECT_EQ(values, numbers(i));
      EXPECT_EQ(inside.get(), i + 1);
    }
  });
}

TEST_P(StoredValues, WhoseTasksHadCalledThroughOthers) {
  run([](Losing& job) {
    const auto shelf = actor<Shelf>();
    const auto kept = start<child_keeps>({}, shelf);
    lose(job);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(kept[static_cast<std::size_t>(i)].get(), numbers(i));
    EXPECT_EQ(shelf.remote<&Shelf::calls>().get(), 9);
  });
}

TEST_P(StoredValues, AreLostWhereTheirTasksMustNotRunAgain) {
  run([](Losing& job) {
    const auto once = start<stored>({.max_retries = 0});
    lose(job);
    int lost = 0;
    for (const auto& future : once) {
      try {
        static_cast<void>(future.get());
      } catch (const WorkerLost& error) {
        ++lost;
        EXPECT_THAT(error.what(), HasSubstr("its task has no attempt left (TaskOptions::max_retries)"));
      }
    }
    EXPECT_GT(lost, 0);
    EXPECT_LT(lost, 9);
    EXPECT_EQ(runs, 9);
  });
}

TEST_P(JournaledValues, ComeFromTheJournalWhereItHasThem) {
  run([](Losing& job) {
    const TaskOptions always{.max_retries = 0, .journal = JournalPolicy::always};
    const auto direct = start<stored>(always);
    const auto made = start<made_numbers>(always);
    lose(job);
    for (int i = 0; i < 9; ++i) {
      EXPECT_EQ(direct[static_cast<std::size_t>(i)].get(), numbers(i));
      EXPECT_EQ(made[static_cast<std::size_t>(i)].get(), numbers(i));
    }
    EXPECT_EQ(runs, 18);
  });
}

TEST_P(JournaledValues, OfLostActorsComeFromTheJournal) {
  run(
      [](Losing& job) {
        const auto shelf = actor<Shelf>();
        const auto made = shelf.remote<&Shelf::copy>(1.0);
        const auto kept = shelf.remote<&Shelf::stored>(2.0);
        wait(std::vector{made, kept}, {.count = 2});
        lose(job);
        EXPECT_EQ(made.get(), numbers(1));
        EXPECT_EQ(kept.get(), numbers(2));
        EXPECT_EQ(shelf.remote<&Shelf::calls>().get(), 2);
      },
      RankId{1});
}

/// Something of everything that stores values. `gives`: tasks tell an actor of what they have stored.
std::vector<double> program(bool gives) {
  std::vector<double> results;
  const auto shelf = actor<Shelf>();
  std::vector<Future<Numbers>> values;
  for (int i = 0; i < 3; ++i) values.push_back(remote<stored>(i));
  values.push_back(remote<stored_by_another>(7));
  values.push_back(remote<child_keeps>(shelf, 8));
  std::vector<Future<int>> given;
  for (int i = 0; gives && i < 3; ++i) given.push_back(remote<give_to>(shelf, i));
  const auto both = remote<stored_and_made>(9);
  const auto outer = remote<stored_with_future>(10);
  for (const auto& value : values) results.push_back(remote<first_of>(value).get());
  get(given);
  results.push_back(shelf.remote<&Shelf::look>().get());
  for (const auto& value : values) results.push_back(value.get().back());
  results.push_back(both.get().second.get().front() + both.get().first.front());
  results.push_back(outer.get().second.get() + outer.get().first.front());
  results.push_back(shelf.remote<&Shelf::look>().get());
  results.push_back(shelf.remote<&Shelf::calls>().get());
  let_go(shelf);
  return results;
}

TEST_P(StoredValues, AreThereWhereverInTheJobARankIsLost) {
  std::array<std::vector<double>, 2> expected;  // by whether tasks give
  for (const bool gives : {false, true}) {
    LoopbackCluster unbroken{4};
    choose_journal(unbroken);
    ASSERT_EQ(unbroken.run_all([&] { expected[gives] = program(gives); }), 0);
  }
#ifdef __SANITIZE_ADDRESS__
  constexpr std::size_t step = 10;  // what takes seconds takes minutes there
#else
  constexpr std::size_t step = 2;
#endif
  std::size_t lost = 0;
  for (std::size_t packets = 0; packets < 120; packets += step) {
    Losing job{4, RankId{3}, packets};
    testing::MemoryJournal journal;
    choose_journal(job.cluster);
    if (GetParam()) job.cluster.journal = &journal;
    const bool gives = packets % 4 != 2;
    job.cluster.network.delay_up_to(static_cast<int>(packets % 7));
    if (packets % 3 == 0) job.cluster.options.store.budget = 200'000;  // one value: the others wait for the disk
    job.lose_after(packets);
    std::vector<double> results;
    ASSERT_EQ(job.run([&] {
      results = program(gives);
      settle();
    }),
              0)
        << packets << ": " << job.cluster.sink.end.error;
    EXPECT_EQ(results, expected[gives]) << packets;
    EXPECT_EQ(job.cluster.objects_left, 0U) << packets;
    if (job.cluster.network.is_cut(job.lost)) ++lost;
  }
  EXPECT_GT(lost, 40 / step);
}

}  // namespace
}  // namespace crema
