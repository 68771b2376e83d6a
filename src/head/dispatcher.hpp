#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/ready_queue.hpp"
#include "head/resource_pool.hpp"
#include "head/worker_levels.hpp"
#include "wire/messages.hpp"

namespace crema::head {

/// Decides which ready task goes to which worker, and how much is sent ahead. Knows no messages and no clock.
///
/// A slot has up to 20 milliseconds of work ahead, so that what it runs hides the way of the next task, an idle loop's
/// sleep included; what waits behind a task that turns out to be slow is taken back. Long tasks go out singly, short
/// ones in batches (guided self-scheduling, Polychronopoulos and Kuck 1987: never more than a worker's fair share of
/// what is ready). A worker of many slots gets work ahead for longer tasks too, as one of its slots is soon free. How
/// long a function takes is learnt from its outcomes; of an unknown one a worker gets no more than it can run at once.
///
/// Tasks with resources of their own are placed one by one on a worker that has them free. Where none has, one worker
/// is kept from further tasks until it has. Tasks with large inputs go where most of these are, if a slot is free there
/// or will be soon.
///
/// What a task costs here does not depend on how many workers there are, nor on how many tasks are ready; one with
/// resources of its own costs a look at every worker.
class Dispatcher {
 public:
  static constexpr double ahead_nanoseconds = 20'000'000;    ///< a slot's bound
  static constexpr std::uint32_t max_ahead_tasks = 4096;     ///< a worker's bound, however short the tasks
  static constexpr std::uint64_t max_ahead_bytes = 4 << 20;  ///< of arguments, a worker

  struct Ready {
    TaskId id;
    FunctionId function;
    Bytes frame_payload;      ///< the encoded task
    bool has_inputs = false;  ///< values go with it
    RankId near{-1};          ///< where most of its large inputs are; -1: nowhere
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
    std::unique_ptr<wire::Occupation> occupation{};  ///< of a task with resources of its own
  };

  explicit Dispatcher(ResourcePool& pool) : pool_{pool} {}

  void add_worker(RankId rank, const Offer& offer);
  void on_pull(RankId rank, const wire::Pull& pull);
  void add_ready(RunOrder order, Ready task) { ready_.push(order, std::move(task)); }
  /// Why no worker can ever run such a task; empty: one can.
  [[nodiscard]] std::string refusal(const Resources& wanted) const;
  /// A task with resources of its own. Requires that refusal is empty.
  void add_ready(RunOrder order, Ready task, const Resources& wanted);
  /// A task that was added is not to be assigned any more.
  void withdraw(TaskId id) { withdrawn_.insert(id); }
  /// A task that was assigned has ended on its worker after this time.
  void ended(RankId rank, TaskId id, FunctionId function, Load load, std::int64_t nanoseconds);
  /// A task without resources of its own that was assigned has come back unstarted.
  void came_back(RankId rank, Load load);
  /// The worker is gone: nothing is assigned to it any more, and nothing that was is to be given back.
  void remove_worker(RankId rank);
  /// Takes out the tasks which no worker can ever run any more.
  std::vector<Ready> take_impossible();
  /// A task that was assigned does not go to its worker after all.
  void take_back(RankId rank, TaskId id, Load load);
  /// Drops all that has not been assigned.
  void clear();

  /// What to send now. Call after every group of events.
  std::vector<Assignment> assign();

  /// Workers that hold tasks which they have not begun, and will not soon or have ended none since the last call, while
  /// others had nothing to do then and have nothing to do now. To be called about once a millisecond.
  [[nodiscard]] std::vector<RankId> stuck_workers();

  [[nodiscard]] std::size_t ready() const;
  [[nodiscard]] std::size_t running() const { return running_ + grants_.size(); }
  /// Lanes for tasks without resources of their own, and how many of them are idle.
  [[nodiscard]] std::uint32_t slots() const { return running_ + idle_; }
  [[nodiscard]] std::uint32_t free_slots() const { return idle_; }
  /// What all workers offer, and what of it is idle.
  [[nodiscard]] Resources total() const { return pool_.total(seats_); }
  [[nodiscard]] Resources free() const;
  /// How often a worker was looked at to find one for a task, since the start: for tests and measurements.
  [[nodiscard]] std::uint64_t looks() const { return looks_; }

 private:
  struct Worker {
    RankId rank;
    ResourcePool::Seat seat = 0;
    bool gone = false;
    std::uint32_t lanes = 0;                  ///< tasks that it runs at a time
    std::uint32_t with_resources = 0;         ///< tasks there with resources of their own
    std::uint32_t parked_with_resources = 0;  ///< of these
    double parked_cpus = 0;                   ///< which these have given up
    std::uint32_t deeper_than = 0;            ///< 0: any task can begin there
    bool reserved = false;                    ///< for a task that waits for its resources
    std::uint32_t slots = 0;                  ///< lanes for all other tasks; what follows is of these
    std::uint32_t parked = 0;
    std::uint32_t outstanding = 0;  ///< sent and not ended
    std::uint32_t running = 0;      ///< as counted in running_
    std::uint32_t idle = 0;         ///< as counted in idle_
    std::uint32_t queued = 0;       ///< as counted in queued_
    double nanoseconds = 0;         ///< estimate for all that is outstanding
    std::uint64_t bytes = 0;
    std::uint64_t ends = 0;
    std::uint64_t ends_seen = 0;  ///< by stuck_workers

    [[nodiscard]] std::uint32_t runnable() const { return outstanding > parked ? outstanding - parked : 0; }
    [[nodiscard]] bool has_free_slot() const { return runnable() < slots; }
    [[nodiscard]] bool takes(RunOrder order) const { return deeper_than == 0 || order.depth > deeper_than; }
    /// Nanoseconds of work that it may still be given ahead.
    [[nodiscard]] double room_ahead() const;
    /// Its place among all workers; empty: it gets nothing now.
    [[nodiscard]] std::optional<std::uint32_t> level() const;
  };
  struct Duration {
    double mean = 0;  // nanoseconds
    std::uint32_t count = 0;
  };
  /// Tasks that want the same.
  struct Group {
    Resources wanted;
    ReadyQueue<Ready> queue;
    std::optional<std::uint32_t> reserved;  ///< the worker that is kept for the front
    bool stuck = false;                     ///< no worker has room for the front now
  };

  [[nodiscard]] std::optional<double> estimate(FunctionId function) const;
  [[nodiscard]] std::uint32_t worker_of(RankId rank) const;
  /// After every change of a worker.
  void changed(std::uint32_t worker);
  [[nodiscard]] std::optional<std::uint32_t> best_worker();
  [[nodiscard]] std::uint32_t place_near(RankId rank) const;
  [[nodiscard]] std::uint32_t nearest_worker(std::uint32_t best);
  Assignment assign_front(Worker& worker) { return assign(worker, ready_.pop()); }
  Assignment assign(Worker& worker, Ready task);
  [[nodiscard]] Group* first_group();
  [[nodiscard]] std::optional<std::uint32_t> worker_with_room(const Group& group) const;
  void assign_front(Group& group, std::uint32_t place, std::vector<Assignment>& assignments);
  void reserve_for(Group& group);
  void release(Group& group);
  void drop_withdrawn(ReadyQueue<Ready>& queue);
  /// Whether a task is ready, once withdrawn ones in front have been dropped.
  bool has_ready();
  void assign_ahead(std::vector<Assignment>& assignments);
  void assign_deeper(std::vector<Assignment>& assignments);

  ResourcePool& pool_;
  ReadyQueue<Ready> ready_;
  std::vector<Group> groups_;
  std::unordered_map<TaskId, ResourcePool::Grant> grants_;  // of tasks that run with resources of their own
  std::unordered_set<TaskId> withdrawn_;                    // and still in a queue
  std::vector<ResourcePool::Seat> seats_;                   // of all workers
  std::vector<Worker> workers_;
  std::vector<std::uint32_t> places_;  // in workers_, by rank
  WorkerLevels levels_;                // of all workers that may get something
  std::uint32_t running_ = 0;
  std::uint32_t idle_ = 0;    // slots that are free
  std::uint32_t queued_ = 0;  // tasks with the workers that wait for a slot
  bool unbalanced_ = false;   // at the last call of stuck_workers
  std::uint64_t looks_ = 0;
  std::set<std::uint32_t> for_deeper_;  // workers where only deeper tasks can begin
  std::vector<Duration> durations_;     // by function
};

}  // namespace crema::head
