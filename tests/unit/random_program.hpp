#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <new>
#include <ostream>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include "crema/actor.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"

// Programs that their seed decides: nested tasks, actors that call actors, completions in the order they come,
// checkpoints, stored values, pools. Their lanes may be threads, or processes, of which a task's may crash.
namespace crema::testing {

/// What an actor has come to, and how many calls it took.
struct State {
  std::int64_t total = 0;
  std::int64_t calls = 0;

  friend bool operator==(const State&, const State&) = default;
  friend std::ostream& operator<<(std::ostream& out, const State& state) {
    return out << state.total << " in " << state.calls << " calls";
  }
};

/// What all lanes see, also those that are processes: they come of this one later.
struct Shared {
  static constexpr int ranks = 8;
  static constexpr int actors = 200;

  struct SharedState {
    std::atomic<std::int64_t> total = 0;
    std::atomic<std::int64_t> calls = 0;
  };
  SharedState states[ranks][actors];  // by rank and number, as actors left them at the run's end; equal ones summed
  std::atomic<std::uint64_t> boundaries = 0;  // that tasks have come to
  std::atomic<std::uint64_t> crash_at = 0;    // at this one, counted from 1, the task's process dies; 0: none does
  std::atomic<int> end = 0;                   // how: a signal's number; 0: it exits
};

inline Shared& shared() {
  static Shared& memory = [&]() -> Shared& {
    void* place = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) std::abort();
    return *new (place) Shared;
  }();
  return memory;
}

/// Before each run, and before the first lane's process.
inline void forget_states() {
  for (auto& actors : shared().states) {
    for (auto& state : actors) {
      state.total = 0;
      state.calls = 0;
    }
  }
  shared().boundaries = 0;
}

/// By number, without what ranks had that were lost.
inline std::map<int, State> states_but_of(RankId lost, RankId another = RankId{-1}) {
  std::map<int, State> all;
  for (int rank = 0; rank < Shared::ranks; ++rank) {
    if (rank == lost.number || rank == another.number) continue;
    for (int number = 0; number < Shared::actors; ++number) {
      const auto& state = shared().states[rank][number];
      if (state.calls == 0 && state.total == 0) continue;
      all[number].total += state.total;
      all[number].calls += state.calls;
    }
  }
  return all;
}

/// A task is between two messages.
inline void boundary() {
  if (++shared().boundaries != shared().crash_at) return;
  if (const int signal = shared().end; signal != 0) {
    std::signal(signal, SIG_DFL);  // sanitizers have handlers
    std::raise(signal);
  }
  std::_Exit(3);
}

/// What a call to crema has returned, so there is a boundary before it and one behind.
template <class Result>
Result at_boundary(Result result) {
  boundary();
  return result;
}

/// Any order of callers leads to the same state, so it can be compared between runs.
class Tally {
 public:
  explicit Tally(int number) : number_{number} {}
  ~Tally() {
    auto& left = shared().states[rank_.number][number_];
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
inline std::vector<Future<std::int64_t>> several(std::uint32_t seed, int depth, Tallies tallies) {
  std::vector<Future<std::int64_t>> futures{at_boundary(remote<work>(seed, depth, tallies)),
                                            at_boundary(tallies[2].remote<&Tally::add>(seed % 10)),
                                            at_boundary(put<std::int64_t>(seed))};
  return futures;
}
inline Future<std::int64_t> passed_on(std::uint32_t seed, int depth, Tallies tallies) {
  return at_boundary(remote<work>(seed, depth, tallies));
}
inline Actor<Tally> new_tally(int number) { return at_boundary(actor<Tally>(100 + number)); }

/// Goes on from where it was, and calls each actor once a step.
inline std::int64_t in_steps(Tallies tallies) {
  auto [step, sum] =
      at_boundary(this_task().restore<std::pair<int, std::int64_t>>().value_or(std::pair{0, std::int64_t{0}}));
  for (; step < 3;) {
    sum += at_boundary(at_boundary(tallies[1].remote<&Tally::add>(10 + step)).get());
    tallies[2].remote<&Tally::add>(static_cast<std::int64_t>(this_task().rng()() % 10));
    boundary();
    ++step;
    this_task().checkpoint(std::pair{step, sum});
    boundary();
  }
  return sum + static_cast<std::int64_t>(this_task().rng()() % 10);
}

/// A program that its seed decides.
inline std::int64_t work(std::uint32_t seed, int depth, Tallies tallies) {
  std::minstd_rand random{seed * 7919 + 17};
  const auto pick = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() / 64 % n); };
  std::int64_t sum = seed % 1000;
  std::vector<Future<std::int64_t>> started;
  const auto start = [&](std::uint32_t which) {
    return at_boundary(remote<work>(seed * 31 + which, depth - 1, tallies));
  };
  boundary();
  for (std::uint32_t steps = 1 + pick(3); steps > 0; --steps) {
    // Actors call those behind them, so that none waits for itself.
    const std::uint32_t first = pick(2);
    const Actor<Tally>& tally = tallies[first];
    const Actor<Tally>& behind = tallies[first + 1 + pick(2 - first)];
    const auto amount = static_cast<std::int64_t>(1000 + pick(1000));
    switch (pick(depth > 0 ? 17 : 8)) {
      case 0:
        sum += at_boundary(behind.remote<&Tally::add>(amount)).get();
        break;
      case 1:
        behind.remote<&Tally::add>(amount);
        break;
      case 2:
        sum += at_boundary(tally.remote<&Tally::add_to_both>(behind, amount)).get();
        break;
      case 3:
        tally.remote<&Tally::pass_on>(behind, amount);
        break;
      case 4:
        tallies[2].remote<&Tally::add>(at_boundary(at_boundary(tally.remote<&Tally::next>()).get()));
        break;
      case 5:
        tally.remote<&Tally::tell_number>(tallies[2], false);
        break;
      case 6:
        sum += at_boundary(tally.remote<&Tally::tell_number>(tallies[2], true)).get();
        break;
      case 7:
        started.push_back(at_boundary(behind.remote<&Tally::add>(amount)));
        tally.remote<&Tally::look>();
        break;
      case 8:
        sum += start(steps).get();
        break;
      case 9:
        start(10 + steps);
        break;
      case 10:
        for (const Future<std::int64_t>& future :
             at_boundary(at_boundary(remote<several>(seed * 43 + steps, depth - 1, tallies)).get()))
          sum += at_boundary(future.get());
        break;
      case 11:
        sum += at_boundary(remote<passed_on>(seed * 47 + steps, depth - 1, tallies)).get();
        break;
      case 12:
        behind.remote<&Tally::add_value_of>(at_boundary(put<std::int64_t>(amount)));
        break;
      case 13:
        sum += at_boundary(behind.remote<&Tally::add>(start(30 + steps))).get();
        break;
      case 15:
        sum += at_boundary(remote<in_steps>(tallies)).get();
        break;
      case 14: {
        const Actor<Tally> own = at_boundary(at_boundary(remote<new_tally>(static_cast<int>(seed % 97))).get());
        sum += at_boundary(own.remote<&Tally::add>(amount)).get();
        break;
      }
      default:
        for (std::uint32_t i = 0; i < 2; ++i) started.push_back(start(40 + 10 * i + steps));
    }
    boundary();
  }
  // Which call is made with which value depends on who is first.
  std::int64_t place = 0;
  for (const Future<std::int64_t>& future : as_completed(started)) {
    boundary();
    sum += at_boundary(future.get());
    tallies[2].remote<&Tally::add>(future.get() % 10 + 100 * ++place);
    boundary();
  }
  return sum;
}

/// What the driver does; returns all that it learns.
inline std::vector<std::int64_t> drive(std::uint32_t seed) {
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

/// How a run has ended, for comparison with another.
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

/// CREMA_SOAK=1: many programs, and each at all of its points.
inline bool soaks() {
  const char* wanted = std::getenv("CREMA_SOAK");
  return wanted != nullptr && std::string_view{wanted} == "1";
}

}  // namespace crema::testing
