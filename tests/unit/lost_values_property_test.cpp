// Random programs over the head alone, whose workers this plays: large values and what is made of them, futures of
// them, values that tasks store. Ranks are lost at any moment. Nobody notices, no task runs more often than that takes,
// and in the end nothing is left anywhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "head/head.hpp"
#include "loopback_cluster.hpp"
#include "task_function.hpp"

namespace crema::head {
namespace {

using wire::Frame;
using wire::FrameType;

constexpr std::uint64_t large = 1'000'000;  // bytes: values stay where they are made

/// What tasks of a program do besides making a large value.
struct Does {
  const char* name;
  bool forwards;  ///< some return the future of another
  bool stores;    ///< some store values and return their futures
  int losses;

  friend std::ostream& operator<<(std::ostream& out, const Does& does) { return out << does.name; }
};

class LostValues : public ::testing::TestWithParam<Does>, protected wire::Outbox {
 protected:
  struct Task {
    TaskId forwards{};  // not zero: its value is that one's
    int stores = 0;
    std::vector<TaskId> stored{};
    int runs = 0;
  };
  struct Worker {
    std::deque<wire::TaskSpec> tasks;
    std::set<TaskId> stored;
    std::map<TaskId, RankId> moved;  // where to read from instead
    std::uint32_t lanes = 0;
  };

  void send(RankId to, Frame frame) override { sent_.emplace_back(to, std::move(frame)); }

  void begin(unsigned seed) {
    random_.seed(seed);
    tasks_.clear();
    workers_.clear();
    held_.clear();
    answered_.clear();
    sent_.clear();
    losses_ = 0;
    std::vector<RankId> ranks;
    for (int rank = 2; rank < 8; ++rank) ranks.emplace_back(rank);
    wire::Outbox& outbox = *this;
    head_ = std::make_unique<Head>(outbox, sink_, store_, Layout{1, 8, ranks, {RankId{1}}}, 0,
                                   [] { return std::int64_t{1}; });
    for (const RankId rank : ranks) {
      workers_.try_emplace(rank);
      pull(rank);
    }
  }
  std::size_t below(std::size_t count) { return random_() % count; }
  bool one_in(std::size_t count) { return below(count) == 0; }
  TaskId any_held() { return *std::next(held_.begin(), static_cast<std::ptrdiff_t>(below(held_.size()))); }

  void from_driver(FrameType type, TaskId id, LaneId lane = {}) {
    head_->on_frame(head_rank, wire::make_frame(type, wire::write_ids({id}), lane));
  }
  void pull(RankId rank) { head_->on_frame(rank, wire::make_frame(FrameType::pull, wire::write(wire::Pull{3, 0}))); }

  void submit() {
    wire::TaskSpec spec;
    spec.id = TaskId{tasks_.size() + 1};
    spec.key = {spec.id.number, 7};
    spec.function = task_function();
    spec.terms = wire::Terms{.max_retries = GetParam().losses};
    Task task;
    for (std::size_t i = below(4); i > 0 && !held_.empty(); --i) spec.arguments.inputs.push_back({.id = any_held()});
    if (GetParam().forwards && !held_.empty() && one_in(3)) {
      task.forwards = any_held();
      spec.arguments.carried.push_back({task.forwards, {}});
    } else if (GetParam().stores && one_in(3)) {
      task.stores = 1 + static_cast<int>(below(3));
    }
    head_->on_frame(head_rank, wire::make_frame(FrameType::submit, wire::write(spec)));
    held_.insert(spec.id);
    tasks_.emplace(spec.id, task);
  }
  void drop(TaskId id) {
    held_.erase(held_.find(id));
    from_driver(FrameType::release, id);
  }
  void lose() {
    const auto lost = std::next(workers_.begin(), static_cast<std::ptrdiff_t>(below(workers_.size())));
    const RankId rank = lost->first;
    workers_.erase(lost);
    ++losses_;
    EXPECT_EQ(head_->lose_rank(rank, "a host", "a test"), "");
  }

  void receive() {
    head_->turn();
    for (; !sent_.empty(); sent_.pop_front()) {
      const auto& [to, frame] = sent_.front();
      if (frame.header.type == FrameType::value) {
        const wire::Value value = wire::read_value(frame.payload);
        answered_.insert(value.id);
        EXPECT_FALSE(value.failed) << "task " << value.id.number;
      }
      if (frame.header.type == FrameType::located) answered_.insert(wire::read_located(frame.payload).wanted);
      const auto worker = workers_.find(to);
      if (worker == workers_.end()) continue;
      if (frame.header.type == FrameType::run_task) worker->second.tasks.push_back(wire::read_task(frame.payload));
      if (frame.header.type == FrameType::free)
        for (const TaskId id : wire::read_ids(frame.payload)) worker->second.stored.erase(id);
      if (frame.header.type != FrameType::moved) continue;
      const wire::Moved moved = wire::read_moved(frame.payload);
      worker->second.moved[moved.location.object.id] = moved.location.rank;
    }
  }
  /// Whether the worker has all of a task's inputs now; tells the head which it has read.
  bool fetch(RankId rank, const wire::TaskSpec& spec) {
    Worker& worker = workers_.at(rank);
    std::vector<TaskId> fetched;
    for (const auto& value : spec.values) {
      if (value.here || worker.stored.contains(value.location.object.id)) continue;
      const TaskId id = value.location.object.id;
      const auto moved = worker.moved.find(id);
      const auto source = workers_.find(moved == worker.moved.end() ? value.location.rank : moved->second);
      if (source == workers_.end() || !source->second.stored.contains(id)) return false;
      worker.stored.insert(id);
      fetched.push_back(id);
    }
    if (!fetched.empty()) head_->on_frame(rank, wire::make_frame(FrameType::have, wire::write_ids(fetched)));
    return true;
  }
  void run(RankId rank) {
    Worker& worker = workers_.at(rank);
    const wire::TaskSpec spec = std::move(worker.tasks.front());
    worker.tasks.pop_front();
    if (!fetch(rank, spec)) return worker.tasks.push_back(spec);
    Task& task = tasks_.at(spec.id);
    ++task.runs;
    const LaneId lane{static_cast<std::uint16_t>(++worker.lanes)};
    wire::Outcome outcome{.id = spec.id, .function = task_function(), .attempt = spec.attempt};
    task.stored.clear();
    for (int i = 0; i < task.stores; ++i) {
      const TaskKey key{spec.id.number, static_cast<std::uint64_t>(100 + i)};
      const auto before = std::ranges::find_if(spec.stored_before, [&](const auto& one) { return one.key == key; });
      const TaskId id =
          before != spec.stored_before.end()
              ? before->id
              : TaskId{first_id_of(GlobalLane{global_lane(rank, lane)}).number + static_cast<std::uint64_t>(i)};
      worker.stored.insert(id);
      const wire::Put put{.id = id, .key = key, .parent = spec.id, .stored = large};
      head_->on_frame(rank, wire::make_frame(FrameType::put, wire::write(put), lane));
      outcome.carried.push_back({id, key});
      task.stored.push_back(id);
    }
    if (task.forwards != TaskId{}) {
      ByteBuffer source;
      source.put(task.forwards);
      outcome.forwards = true;
      outcome.value = Bytes{std::move(source)};
      outcome.carried.push_back({task.forwards, {}});
    } else {
      outcome.stored = large;
      worker.stored.insert(spec.id);
    }
    head_->on_frame(rank, wire::make_frame(FrameType::outcome, wire::write(outcome), lane));
    if (!task.stored.empty())
      head_->on_frame(rank, wire::make_frame(FrameType::release, wire::write_ids(task.stored), lane));
    pull(rank);
  }
  /// Lets some worker go on. False: none has anything to do.
  bool work() {
    receive();
    std::vector<RankId> busy;
    for (const auto& [rank, worker] : workers_)
      if (!worker.tasks.empty()) busy.push_back(rank);
    if (busy.empty()) return false;
    run(busy[below(busy.size())]);
    return true;
  }
  void get(TaskId id) {
    answered_.erase(id);
    from_driver(FrameType::get, id, LaneId{1});
    for (int i = 0; i < 5000 && !answered_.contains(id); ++i) work();
    ASSERT_TRUE(answered_.contains(id)) << "nobody makes " << id.number;
    const auto task = tasks_.find(id);
    if (task == tasks_.end() || !one_in(2)) return;
    for (const TaskId stored : task->second.stored) {
      from_driver(FrameType::retain, stored);
      held_.insert(stored);
    }
  }
  void go(unsigned seed) {
    begin(seed);
    constexpr int steps = 120;
    std::multiset<int> lost_at;
    for (int i = 0; i < GetParam().losses; ++i) lost_at.insert(20 + static_cast<int>(below(steps)));
    for (int step = 0; step < steps + 40; ++step) {
      for (std::size_t i = lost_at.count(step); i > 0; --i) lose();
      const std::size_t what = below(10);
      if (held_.empty() || (what < 5 && step < steps)) {
        submit();
      } else if (what < 7) {
        drop(any_held());
      } else {
        get(any_held());
      }
      for (std::size_t i = below(6); i > 0; --i) work();
    }
    while (!held_.empty()) {
      const TaskId id = any_held();
      if (one_in(2)) get(id);
      drop(id);
    }
    while (work()) {
    }
    for (const auto& [id, task] : tasks_) {
      EXPECT_LE(task.runs, 1 + losses_) << "task " << id.number;
      again_ += std::max(0, task.runs - 1);
    }
    for (const auto& [rank, worker] : workers_)
      EXPECT_TRUE(worker.stored.empty()) << "rank " << rank.number << " has " << worker.stored.begin()->number;
  }

  std::mt19937 random_;
  std::map<TaskId, Task> tasks_;
  std::map<RankId, Worker> workers_;  // that are not lost
  std::multiset<TaskId> held_;        // by the driver
  std::set<TaskId> answered_;
  std::deque<std::pair<RankId, Frame>> sent_;
  int losses_ = 0;
  int again_ = 0;  // in all programs
  MemorySink sink_;
  store::ObjectStore store_{{}, [] {}};
  std::unique_ptr<Head> head_;
};

constexpr std::array programs{Does{"Results", false, false, 1},
                              Does{"ResultsOften", false, false, 3},
                              Does{"Futures", true, false, 1},
                              Does{"FuturesOften", true, false, 3},
                              Does{"StoredValues", false, true, 1},
                              Does{"StoredValuesOften", false, true, 3},
                              Does{"FuturesAndStoredValues", true, true, 3}};
INSTANTIATE_TEST_SUITE_P(Of, LostValues, ::testing::ValuesIn(programs),
                         [](const auto& does) { return std::string{does.param.name}; });

TEST_P(LostValues, AreMadeOnceForEachLossAndLeaveNothing) {
  const int given = ::testing::GTEST_FLAG(random_seed);
  for (unsigned i = 0; i < 150 && !HasFailure(); ++i) {
    const unsigned seed = 1000 * static_cast<unsigned>(given) + i;
    SCOPED_TRACE("seed " + std::to_string(seed) + ", --gtest_random_seed=" + std::to_string(given));
    go(seed);
  }
  EXPECT_GT(again_, 150) << "nothing was made again";
}

}  // namespace
}  // namespace crema::head
