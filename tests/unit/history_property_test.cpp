// Random programs on real ranks in one process: whatever part of their history is left, going on from it ends as an
// unbroken run does, and every update of an actor counts once.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "crema/actor.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "losing.hpp"
#include "memory_journal.hpp"

namespace crema {
namespace {

using testing::CutJournal;
using testing::MemoryJournal;

/// What an actor has come to, and how many calls it took.
struct State {
  std::int64_t total = 0;
  std::int64_t calls = 0;

  friend bool operator==(const State&, const State&) = default;
  friend std::ostream& operator<<(std::ostream& out, const State& state) {
    return out << state.total << " in " << state.calls << " calls";
  }
};

std::mutex states_mutex;
std::map<int, std::map<int, State>>
    states;  // by rank and number, as actors left them at the run's end; equal ones summed

/// By number, without what a rank had that was lost.
std::map<int, State> states_but_of(RankId lost) {
  std::map<int, State> all;
  for (const auto& [rank, actors] : states) {
    if (rank == lost.number) continue;
    for (const auto& [number, state] : actors) {
      all[number].total += state.total;
      all[number].calls += state.calls;
    }
  }
  return all;
}

/// Any order of callers leads to the same state, so it can be compared between runs.
class Tally {
 public:
  explicit Tally(int number) : number_{number} {}
  ~Tally() {
    const std::lock_guard lock{states_mutex};
    State& left = states[rank_.number][number_];
    left.total += state_.total;
    left.calls += state_.calls;
  }
  std::int64_t add(std::int64_t amount) {
    state_.total += amount;
    ++state_.calls;
    return amount;
  }
  /// Tells another as well, and waits for it.
  std::int64_t add_to_both(Actor<Tally> other, std::int64_t amount) {
    add(amount);
    return other.remote<&Tally::add>(amount + 1).get() + 1;
  }
  /// Tells another as well, and does not wait.
  void pass_on(Actor<Tally> other, std::int64_t amount) {
    other.remote<&Tally::add>(amount + 2);
    add(amount);
  }
  /// The answer depends on the calls before it, and what is done with it must fit the one that was recorded.
  std::int64_t next() {
    add(0);
    return ++numbers_;
  }
  /// What others are told depends on the calls before it.
  std::int64_t tell_number(Actor<Tally> other, bool wait) {
    add(0);
    const auto told = other.remote<&Tally::add>(++numbers_);
    return wait ? told.get() - numbers_ : 0;
  }
  /// The value may come from another start.
  std::int64_t add_value_of(Future<std::int64_t> future) { return add(future.get() % 10); }
  std::int64_t look() const { return numbers_; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& state_.total& state_.calls& numbers_;
  }

 private:
  const int number_;
  const RankId rank_ = this_task().rank();
  State state_;
  std::int64_t numbers_ = 0;
};

using Tallies = std::vector<Actor<Tally>>;

std::int64_t work(std::uint32_t seed, int depth, Tallies tallies);
std::vector<Future<std::int64_t>> several(std::uint32_t seed, int depth, Tallies tallies) {
  return {remote<work>(seed, depth, tallies), tallies[2].remote<&Tally::add>(seed % 10), put<std::int64_t>(seed)};
}
Future<std::int64_t> passed_on(std::uint32_t seed, int depth, Tallies tallies) {
  return remote<work>(seed, depth, tallies);
}
Actor<Tally> new_tally(int number) { return actor<Tally>(100 + number); }

/// Goes on from where it was, and calls each actor once a step.
std::int64_t in_steps(Tallies tallies) {
  auto [step, sum] = this_task().restore<std::pair<int, std::int64_t>>().value_or(std::pair{0, std::int64_t{0}});
  for (; step < 3;) {
    sum += tallies[1].remote<&Tally::add>(10 + step).get();
    tallies[2].remote<&Tally::add>(static_cast<std::int64_t>(this_task().rng()() % 10));
    ++step;
    this_task().checkpoint(std::pair{step, sum});
  }
  return sum + static_cast<std::int64_t>(this_task().rng()() % 10);
}

/// A program that its seed decides.
std::int64_t work(std::uint32_t seed, int depth, Tallies tallies) {
  std::minstd_rand random{seed * 7919 + 17};
  const auto pick = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() / 64 % n); };
  std::int64_t sum = seed % 1000;
  std::vector<Future<std::int64_t>> started;
  const auto start = [&](std::uint32_t which) { return remote<work>(seed * 31 + which, depth - 1, tallies); };
  for (std::uint32_t steps = 1 + pick(3); steps > 0; --steps) {
    // Actors call those behind them, so that none waits for itself.
    const std::uint32_t first = pick(2);
    const Actor<Tally>& tally = tallies[first];
    const Actor<Tally>& behind = tallies[first + 1 + pick(2 - first)];
    const auto amount = static_cast<std::int64_t>(1000 + pick(1000));
    switch (pick(depth > 0 ? 17 : 8)) {
      case 0:
        sum += behind.remote<&Tally::add>(amount).get();
        break;
      case 1:
        behind.remote<&Tally::add>(amount);
        break;
      case 2:
        sum += tally.remote<&Tally::add_to_both>(behind, amount).get();
        break;
      case 3:
        tally.remote<&Tally::pass_on>(behind, amount);
        break;
      case 4:
        tallies[2].remote<&Tally::add>(tally.remote<&Tally::next>().get());
        break;
      case 5:
        tally.remote<&Tally::tell_number>(tallies[2], false);
        break;
      case 6:
        sum += tally.remote<&Tally::tell_number>(tallies[2], true).get();
        break;
      case 7:
        started.push_back(behind.remote<&Tally::add>(amount));
        tally.remote<&Tally::look>();
        break;
      case 8:
        sum += start(steps).get();
        break;
      case 9:
        start(10 + steps);
        break;
      case 10:
        for (const Future<std::int64_t>& future : remote<several>(seed * 43 + steps, depth - 1, tallies).get())
          sum += future.get();
        break;
      case 11:
        sum += remote<passed_on>(seed * 47 + steps, depth - 1, tallies).get();
        break;
      case 12:
        behind.remote<&Tally::add_value_of>(put<std::int64_t>(amount));
        break;
      case 13:
        sum += behind.remote<&Tally::add>(start(30 + steps)).get();
        break;
      case 15:
        sum += remote<in_steps>(tallies).get();
        break;
      case 14: {
        const Actor<Tally> own = remote<new_tally>(static_cast<int>(seed % 97)).get();
        sum += own.remote<&Tally::add>(amount).get();
        break;
      }
      default:
        for (std::uint32_t i = 0; i < 2; ++i) started.push_back(start(40 + 10 * i + steps));
    }
  }
  // Which call is made with which value depends on who is first.
  std::int64_t place = 0;
  for (const Future<std::int64_t>& future : as_completed(started)) {
    sum += future.get();
    tallies[2].remote<&Tally::add>(future.get() % 10 + 100 * ++place);
  }
  return sum;
}

/// Some programs go on from states of their actors, others from all calls.
std::uint64_t calls_between_states(std::uint32_t seed) { return seed % 3 == 0 ? 1'000'000 : seed % 3; }

struct End {
  int exit_code = -1;
  std::string error;
  std::vector<std::int64_t> results;
  std::map<int, State> actors;

  friend bool operator==(const End&, const End&) = default;
  friend std::ostream& operator<<(std::ostream& out, const End& end) {
    out << "exit code " << end.exit_code << " " << end.error << ", results";
    for (const std::int64_t result : end.results) out << ' ' << result;
    for (const auto& [number, state] : end.actors) out << ", actor " << number << ": " << state;
    return out;
  }
};

/// What the driver does; returns all that it learns.
std::vector<std::int64_t> drive(std::uint32_t seed) {
  Tallies tallies;
  for (int i = 0; i < 3; ++i) tallies.push_back(actor<Tally>(i));
  std::vector<std::uint32_t> order{0, 1, 2};
  // What a driver starts first is no part of its keys.
  std::shuffle(order.begin(), order.end(), std::minstd_rand{std::random_device{}()});
  std::vector<Future<std::int64_t>> futures(3);
  for (const std::uint32_t i : order) futures[i] = remote<work>(seed * 100 + i, 2, tallies);
  std::int64_t place = 0;
  for (const Future<std::int64_t>& future : as_completed(futures))
    tallies[1].remote<&Tally::add>(future.get() % 10 + 100 * ++place);
  const ActorPool<Tally> pool{2, 3};
  std::vector<std::int64_t> results = get(futures);
  get(pool.map<&Tally::add>(std::vector<std::int64_t>{1, 20, 300}));
  return results;
}

/// Goes on from the first `cut` records of the journal, and leaves there what there is then. `changed`: as where
/// something has changed, although nothing has.
End run(std::uint32_t seed, MemoryJournal& journal, std::size_t cut, bool changed = false) {
  End end;
  LoopbackCluster cluster{4, seed};
  cluster.actor_ranks = 2;
  cluster.options.calls_between_states = calls_between_states(seed);
  if (seed % 2 == 1) cluster.network.delay_up_to(4);
  CutJournal source{journal.records, cut};
  cluster.past = history::Past{source};
  journal.records.resize(cut);
  if (changed) {
    cluster.past.forget_actors();
    journal.append(journal::RecordType::forgotten, {});
  }
  cluster.journal = &journal;
  states.clear();
  end.exit_code = cluster.run_all([&] { end.results = drive(seed); });
  end.error = cluster.sink.end.error;
  end.actors = states_but_of(RankId{-1});
  return end;
}

class Histories : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(Histories, EndAsAnUnbrokenRunWhereverTheyAreCut) {
  MemoryJournal unbroken;
  const End expected = run(GetParam(), unbroken, 0);
  ASSERT_EQ(expected.exit_code, 0) << expected.error;
  for (std::size_t cut = 0; cut <= unbroken.records.size(); ++cut) {
    MemoryJournal second = unbroken;
    ASSERT_EQ(run(GetParam(), second, cut), expected) << "cut after record " << cut;
    // And once more: what the second start has recorded fits what the first has.
    const std::size_t again = cut + (second.records.size() - cut) / 2;
    MemoryJournal third = second;
    ASSERT_EQ(run(GetParam(), third, again), expected) << "cut after record " << cut << ", then " << again;
  }
}

TEST_P(Histories, EndAsAnUnbrokenRunWhereverARankWithActorsIsLost) {
  MemoryJournal unbroken;
  const End expected = run(GetParam(), unbroken, 0);
  ASSERT_EQ(expected.exit_code, 0) << expected.error;
  int lost = 0;
  int kept = 0;
  for (std::size_t packets = 0; packets < 150; packets += 5) {
    states.clear();
    MemoryJournal journal;
    Losing job{4, RankId{1}, GetParam()};
    job.cluster.actor_ranks = packets % 2 == 0 ? 2 : 1;  // with one, the head takes the actors over
    if (GetParam() % 2 == 1) job.cluster.network.delay_up_to(4);
    job.cluster.options.keeps_history = true;
    job.cluster.options.calls_between_states = calls_between_states(GetParam());
    job.cluster.journal = &journal;
    job.lose_after(packets);
    std::vector<std::int64_t> results;
    ASSERT_EQ(job.run([&] { results = drive(GetParam()); }), 0) << packets << ": " << job.cluster.sink.end.error;
    ASSERT_EQ(results, expected.results) << packets;
    const bool is_lost = job.cluster.network.is_cut(job.lost);
    const std::map<int, State> actors = states_but_of(is_lost ? job.lost : RankId{-1});
    for (int number = 0; number < 3; ++number) {
      // One that nobody needs any more when it is lost is not built anew.
      const auto actor = actors.find(number);
      if (!is_lost || actor != actors.end()) {
        ASSERT_EQ(actor->second, expected.actors.at(number)) << packets;
      }
      if (is_lost && actor != actors.end()) ++kept;
    }
    if (job.cluster.network.is_cut(job.lost)) ++lost;
  }
  EXPECT_GT(lost, 5);
  EXPECT_GT(kept, lost);
}

TEST_P(Histories, WithoutActorsTheyEndAsAnUnbrokenRun) {
  MemoryJournal unbroken;
  const End expected = run(GetParam(), unbroken, 0);
  for (std::size_t cut = 0; cut <= unbroken.records.size(); cut += 3) {
    MemoryJournal second = unbroken;
    ASSERT_EQ(run(GetParam(), second, cut, true), expected) << "cut after record " << cut;
    const std::size_t again = cut + (second.records.size() - cut) / 2;
    MemoryJournal third = second;
    ASSERT_EQ(run(GetParam(), third, again, cut % 2 == 1), expected)
        << "cut after record " << cut << ", then " << again;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Histories, ::testing::Range(1U, 9U));

}  // namespace
}  // namespace crema
