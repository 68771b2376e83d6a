#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "common/ready_queue.hpp"
#include "head/worker_levels.hpp"
#include "wire/messages.hpp"

namespace crema::head {

/// Decides which ready task goes to which worker, and how much is sent ahead. Knows no messages and no clock.
///
/// A slot has about 200 microseconds of work ahead: long tasks go out singly, short ones in batches (guided
/// self-scheduling, Polychronopoulos and Kuck 1987: never more than a worker's fair share of what is ready). A worker
/// of many slots gets work ahead for longer tasks too, as one of its slots is soon free. How long a function takes is
/// learnt from its outcomes; of an unknown one a worker gets no more than it can run at once.
///
/// What a task costs here does not depend on how many workers there are, nor on how many tasks are ready.
class Dispatcher {
 public:
  static constexpr double ahead_nanoseconds = 200'000;       ///< a slot's bound
  static constexpr std::uint32_t max_ahead_tasks = 1024;     ///< a worker's bound, however short the tasks
  static constexpr std::uint64_t max_ahead_bytes = 4 << 20;  ///< of arguments, a worker

  struct Ready {
    TaskId id;
    FunctionId function;
    Bytes frame_payload;      ///< the encoded task
    bool has_inputs = false;  ///< values go with it
  };
  /// What a sent task was counted as, to be given back with `ended`.
  struct Load {
    float nanoseconds = 0;
    std::uint32_t bytes = 0;
  };
  struct Assignment {
    Ready task;
    RankId worker;
    Load load;
  };

  void add_worker(RankId rank);
  void on_pull(RankId rank, const wire::Pull& pull);
  void add_ready(RunOrder order, Ready task) { ready_.push(order, std::move(task)); }
  /// A task that was added is not to be assigned any more.
  void withdraw(TaskId id) { withdrawn_.insert(id); }
  /// A task that was assigned has ended on its worker after this time.
  void ended(RankId rank, FunctionId function, Load load, std::int64_t nanoseconds);
  /// Drops all that has not been assigned.
  void clear() {
    ready_.clear();
    withdrawn_.clear();
  }

  /// What to send now. Call after every group of events.
  std::vector<Assignment> assign();

  [[nodiscard]] std::size_t ready() const { return ready_.size() - withdrawn_.size(); }
  [[nodiscard]] std::size_t running() const { return running_; }
  [[nodiscard]] std::uint32_t slots() const { return slots_; }
  [[nodiscard]] std::uint32_t free_slots() const { return slots_ - running_; }
  /// How often a worker was looked at to find one for a task, since the start: for tests and measurements.
  [[nodiscard]] std::uint64_t looks() const { return looks_; }

 private:
  struct Worker {
    RankId rank;
    std::uint32_t slots = 0;
    std::uint32_t parked = 0;
    std::uint32_t outstanding = 0;  ///< sent and not ended
    std::uint32_t running = 0;      ///< as counted in running_
    double nanoseconds = 0;         ///< estimate for all that is outstanding
    std::uint64_t bytes = 0;

    [[nodiscard]] std::uint32_t runnable() const { return outstanding > parked ? outstanding - parked : 0; }
    [[nodiscard]] bool has_free_slot() const { return runnable() < slots; }
    /// Nanoseconds of work that it may still be given ahead.
    [[nodiscard]] double room_ahead() const;
    /// Its place among all workers; empty: it gets nothing now.
    [[nodiscard]] std::optional<std::uint32_t> level() const;
  };
  struct Duration {
    double mean = 0;  // nanoseconds
    std::uint32_t count = 0;
  };

  [[nodiscard]] std::optional<double> estimate(FunctionId function) const;
  [[nodiscard]] std::uint32_t worker_of(RankId rank) const;
  /// After every change of a worker.
  void changed(std::uint32_t worker);
  [[nodiscard]] std::optional<std::uint32_t> best_worker();
  Assignment assign_front(Worker& worker);
  /// Whether a task is ready, once withdrawn ones in front have been dropped.
  bool has_ready();
  void assign_ahead(std::vector<Assignment>& assignments);

  ReadyQueue<Ready> ready_;
  std::unordered_set<TaskId> withdrawn_;  // and still in ready_
  std::vector<Worker> workers_;
  std::vector<std::uint32_t> places_;  // in workers_, by rank
  WorkerLevels levels_;                // of all workers that may get something
  std::uint32_t slots_ = 0;
  std::uint32_t running_ = 0;
  std::uint64_t looks_ = 0;
  std::vector<Duration> durations_;  // by function
};

}  // namespace crema::head
