#include "simulated_machine.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/backoff.hpp"
#include "crema/task.hpp"
#include "head/head.hpp"
#include "wire/link.hpp"

namespace benchmark {
namespace {

namespace wire = crema::wire;
using crema::ByteBuffer;
using crema::Bytes;
using crema::RankId;
using crema::TaskId;
using Nanoseconds = std::int64_t;

constexpr Nanoseconds never = std::numeric_limits<Nanoseconds>::max();

/// The head looks at its clock at least so often.
constexpr Nanoseconds longest_sleep = 1'000'000;
constexpr RankId head_rank{0};
constexpr RankId actor_host{1};
constexpr std::int32_t first_worker = 2;
/// As the runtime does: frames of other ranks in one turn of the loop, and frames of lanes that wait for it.
constexpr int frames_a_turn = 1024;
constexpr std::size_t max_posted = 16'384;
constexpr std::chrono::microseconds spin{100};

int one_task(int number) { return number; }
const crema::FunctionId function = crema::detail::registered_id<crema::detail::TaskFunction<one_task>>;

Nanoseconds nanoseconds(double seconds) { return std::llround(seconds * 1e9); }
Nanoseconds steady_now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
Nanoseconds cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * Nanoseconds{1'000'000'000} + now.tv_nsec;
}

/// Virtual time as the head sees it: it goes on while the head's code runs.
class VirtualClock {
 public:
  static Nanoseconds now() { return began_at_ + (steady_now() - began_); }
  static void begin(Nanoseconds virtual_time) {
    began_at_ = virtual_time;
    began_ = steady_now();
  }

 private:
  static inline Nanoseconds began_at_ = 0;
  static inline Nanoseconds began_ = 0;
};

/// When a rank that has been idle since then sees a message.
Nanoseconds seen_at(Nanoseconds idle_since, Nanoseconds arrival) {
  using TimePoint = crema::Backoff::Clock::time_point;
  crema::Backoff backoff{spin};
  backoff.next(TimePoint{std::chrono::nanoseconds{idle_since}});
  Nanoseconds look = idle_since + Nanoseconds{std::chrono::nanoseconds{spin}.count()};
  if (arrival <= look) return arrival;
  while (look < arrival)
    look += std::chrono::nanoseconds{backoff.next(TimePoint{std::chrono::nanoseconds{look}})}.count();
  return look;
}

class NullRecorder final : public crema::head::Recorder {
 public:
  std::uint32_t name(const std::string&) override { return 0; }
  const std::string& text(std::uint32_t) const override { return name_; }
  void attempt(const crema::record::TaskRow&) override {}
  void dependency(crema::TaskId, crema::TaskId) override {}
  void failure(const crema::Failure&) override { throw std::runtime_error{"simulating: a task failed"}; }

 private:
  std::string name_;
};

/// The head's end of the network.
class HeadPort final : public crema::transport::Transport {
 public:
  explicit HeadPort(int ranks) : ranks_{ranks} {}
  RankId rank() const override { return head_rank; }
  int size() const override { return ranks_; }
  void send(RankId to, Bytes packet) override { sent.push_back({to, std::move(packet)}); }
  std::optional<crema::transport::Packet> receive() override {
    if (arrived.empty()) return std::nullopt;
    crema::transport::Packet packet = std::move(arrived.front());
    arrived.pop_front();
    ++received;
    return packet;
  }
  void abandon(RankId) override {}
  std::size_t sends_pending() const override { return 0; }

  std::deque<crema::transport::Packet> arrived;
  std::vector<std::pair<RankId, Bytes>> sent;
  std::int64_t received = 0;

 private:
  int ranks_;
};

/// One direction of the head's link to the network: packets one after the other.
class Wire {
 public:
  explicit Wire(const Network& network)
      : latency_{nanoseconds(network.latency)}, nanoseconds_a_byte_{1e9 / network.bandwidth} {}
  /// When a packet that is sent now is on the other side. Calls come in the order of time.
  Nanoseconds arrival(Nanoseconds now, std::size_t bytes) {
    free_at_ = std::max(free_at_, static_cast<double>(now)) + static_cast<double>(bytes) * nanoseconds_a_byte_;
    return static_cast<Nanoseconds>(free_at_) + latency_;
  }

 private:
  Nanoseconds latency_;
  double nanoseconds_a_byte_;
  double free_at_ = 0;
};

Bytes packet_of(const wire::Frame& frame) {
  ByteBuffer packet{wire::frame_header_size + frame.payload.size()};
  wire::append_frame(packet, frame);
  return Bytes{std::move(packet)};
}

class Simulation {
 public:
  Simulation(const Machine& machine, const Driver& driver, std::span<const double> tasks)
      : driver_{driver},
        tasks_{tasks},
        overhead_{nanoseconds(machine.network.overhead)},
        hold_{nanoseconds(machine.hold)},
        sleeps_{machine.sleeps},
        port_{first_worker + static_cast<int>(machine.workers)},
        link_{port_},
        head_{link_, recorder_, store_, layout_of(machine), 0, &VirtualClock::now},
        to_head_wire_{machine.network},
        from_head_wire_{machine.network},
        workers_(machine.workers),
        next_of_worker_(tasks.size() + 1) {
    for (Worker& worker : workers_) worker.free_slots = machine.slots;
    const Bytes pull = packet_of(wire::make_frame(wire::FrameType::pull, wire::write(wire::Pull{machine.slots, 0})));
    for (std::uint32_t worker = 0; worker < machine.workers; ++worker) port_.arrived.push_back({rank_of(worker), pull});
    while (auto received = link_.receive()) head_.on_frame(received->from, std::move(received->frame));
    if (!driver_.queued_at_start) return;
    while (submitted_ < tasks_.size()) take_from_driver(posted(max_posted));
  }

  Simulated run() {
    while (head_.progress().finished < tasks_.size()) {
      const Nanoseconds head = std::max(head_free_at_, head_has_work_at());
      const Nanoseconds worker = packets_to_workers_.empty() ? never : packets_to_workers_.front().at;
      const Nanoseconds end = running_.empty() ? never : running_.top().at;
      const Nanoseconds send = sends_.empty() ? never : sends_.front().at;
      const Nanoseconds next = std::min({head, worker, end, send});
      if (next == never) throw std::runtime_error{"simulating: nothing happens, but tasks are left"};
      if (next == end) {
        end_task();
      } else if (next == send) {
        send_outcomes();
      } else if (next == worker) {
        deliver_to_worker();
      } else {
        turn_of_head(head);
      }
    }
    const double tasks = static_cast<double>(tasks_.size());
    return {.makespan = static_cast<double>(head_free_at_) * 1e-9,
            .head_busy = static_cast<double>(head_busy_) / static_cast<double>(head_free_at_),
            .head_per_task = static_cast<double>(head_measured_) * 1e-9 / tasks,
            .frames_a_turn = 2 * tasks / static_cast<double>(turns_)};
  }

 private:
  struct Worker {
    std::uint32_t free_slots = 0;
    std::uint32_t first = 0;  // waiting tasks, as a list over next_of_worker_; 0: none
    std::uint32_t last = 0;
    Nanoseconds idle_since = 0;
    ByteBuffer outcomes{};  // that were not sent
  };
  struct Send {
    Nanoseconds at = 0;
    std::uint32_t worker = 0;
  };
  struct Packet {
    Nanoseconds at = 0;
    std::uint32_t worker = 0;
    Bytes bytes;
  };
  struct Running {
    Nanoseconds at = 0;  // its end
    std::uint32_t worker = 0;
    std::uint32_t task = 0;
    friend bool operator>(const Running& a, const Running& b) { return a.at > b.at; }
  };

  static RankId rank_of(std::uint32_t worker) { return RankId{first_worker + static_cast<std::int32_t>(worker)}; }
  static crema::head::Layout layout_of(const Machine& machine) {
    crema::head::Layout layout{.ranks = first_worker + static_cast<int>(machine.workers), .actor_hosts = {actor_host}};
    for (std::uint32_t worker = 0; worker < machine.workers; ++worker) layout.workers.push_back(rank_of(worker));
    return layout;
  }

  // The driver.

  Bytes posted(std::size_t count) {
    ByteBuffer packet;
    for (; count > 0 && submitted_ < tasks_.size(); --count) {
      wire::TaskSpec task;
      task.id = TaskId{++submitted_};
      task.function = function;
      task.priority = static_cast<std::int32_t>(submitted_ % static_cast<std::uint64_t>(driver_.priorities));
      task.arguments.bytes = four_bytes_;
      wire::append_frame(packet, wire::make_frame(wire::FrameType::submit, wire::write(task)));
    }
    return Bytes{std::move(packet)};
  }
  Bytes posted_until(Nanoseconds now) {
    const double since = static_cast<double>(now - driver_at_) * 1e-9;
    const auto count = static_cast<std::size_t>(since * driver_.rate);
    // A driver that is ahead by more is held.
    driver_at_ = count > max_posted ? now : driver_at_ + nanoseconds(static_cast<double>(count) / driver_.rate);
    return posted(std::min(count, max_posted));
  }

  // The head.

  [[nodiscard]] Nanoseconds head_has_work_at() const {
    if (!port_.arrived.empty()) return head_free_at_;
    const Nanoseconds driver = submitted_ < tasks_.size() ? driver_at_ + nanoseconds(1 / driver_.rate) + 1 : never;
    const Nanoseconds worker = packets_to_head_.empty() ? never : first_packet_seen_at_;
    // What was queued at the start has to be sent.
    return turns_ == 0 ? 0 : std::min({driver, worker, last_turn_at_ + longest_sleep});
  }

  /// After every change of the first packet under way, or of when the head became idle.
  void expect_packet() {
    if (packets_to_head_.empty()) return;
    const Nanoseconds arrival = packets_to_head_.front().at;
    first_packet_seen_at_ = sleeps_ ? seen_at(head_free_at_, arrival) : arrival;
  }

  void take_from_driver(const Bytes& packet) {
    wire::FrameReader reader{packet};
    while (auto frame = reader.next()) link_.send(head_rank, std::move(*frame));
    handle_local();
  }
  void handle_local() {
    while (auto frame = link_.take_local()) head_.on_frame(head_rank, std::move(*frame));
  }

  /// As the runtime's loop does it.
  void turn_of_head(Nanoseconds now) {
    while (!packets_to_head_.empty() && packets_to_head_.front().at <= now) {
      port_.arrived.push_back({rank_of(packets_to_head_.front().worker), std::move(packets_to_head_.front().bytes)});
      packets_to_head_.pop_front();
    }
    const Bytes submits = posted_until(now);
    port_.received = 0;
    VirtualClock::begin(now);
    const Nanoseconds cpu_began = cpu_now();
    const Nanoseconds began = steady_now();
    take_from_driver(submits);
    for (int i = 0; i < frames_a_turn; ++i) {
      auto received = link_.receive();
      if (!received) break;
      head_.on_frame(received->from, std::move(received->frame));
    }
    handle_local();
    head_.turn();
    handle_local();
    link_.flush();
    last_turn_at_ = now;
    const Nanoseconds passed = steady_now() - began;
    // Another process may have had the core: that is in the time that passed, but not in the CPU time, which in turn
    // is read by two system calls.
    const Nanoseconds measured = std::min(passed, cpu_now() - cpu_began);
    const Nanoseconds messages = port_.received + static_cast<Nanoseconds>(port_.sent.size());
    head_free_at_ = now + measured + messages * overhead_;
    head_measured_ += measured;
    head_busy_ += head_free_at_ - now;
    ++turns_;
    expect_packet();
    for (auto& [to, bytes] : port_.sent) {
      const Nanoseconds at = from_head_wire_.arrival(head_free_at_, bytes.size());
      packets_to_workers_.push_back({at, static_cast<std::uint32_t>(to.number - first_worker), std::move(bytes)});
    }
    port_.sent.clear();
  }

  // The workers.

  void deliver_to_worker() {
    const Packet packet = std::move(packets_to_workers_.front());
    packets_to_workers_.pop_front();
    Worker& worker = workers_[packet.worker];
    wire::FrameReader frames{packet.bytes};
    while (auto frame = frames.next()) {
      if (frame->header.type == wire::FrameType::hand_back) {
        hand_back(packet.worker, packet.at);
        continue;
      }
      crema::ByteReader reader{frame->payload};
      const auto task = static_cast<std::uint32_t>(reader.get<TaskId>().number);
      (worker.last == 0 ? worker.first : next_of_worker_[worker.last]) = task;
      worker.last = task;
      next_of_worker_[task] = 0;
    }
    const Nanoseconds seen = sleeps_ ? seen_at(worker.idle_since, packet.at) : packet.at;
    worker.idle_since = seen + overhead_;
    start_tasks(packet.worker, worker.idle_since);
  }

  /// What it has not begun goes back.
  void hand_back(std::uint32_t number, Nanoseconds now) {
    Worker& worker = workers_[number];
    if (worker.first == 0) return;
    if (worker.outcomes.size() == 0) sends_.push_back({now + hold_, number});
    for (std::uint32_t task = worker.first; task != 0; task = task == worker.last ? 0 : next_of_worker_[task]) {
      const wire::TaskSpec spec{.id = TaskId{task}, .function = function};
      wire::append_frame(worker.outcomes, wire::make_frame(wire::FrameType::handed_back, wire::write(spec)));
    }
    worker.first = worker.last = 0;
  }

  void start_tasks(std::uint32_t number, Nanoseconds now) {
    Worker& worker = workers_[number];
    for (; worker.free_slots > 0 && worker.first != 0; --worker.free_slots) {
      const std::uint32_t task = worker.first;
      running_.push({now + nanoseconds(tasks_[task - 1]), number, task});
      worker.first = next_of_worker_[task];
      if (worker.first == 0) worker.last = 0;
    }
  }

  void end_task() {
    const Running ended = running_.top();
    running_.pop();
    wire::Outcome outcome;
    outcome.id = TaskId{ended.task};
    outcome.function = function;
    outcome.started = ended.at - nanoseconds(tasks_[ended.task - 1]);
    outcome.finished = ended.at;
    outcome.value = four_bytes_;
    Worker& worker = workers_[ended.worker];
    if (worker.outcomes.size() == 0) sends_.push_back({ended.at + hold_, ended.worker});
    wire::append_frame(worker.outcomes, wire::make_frame(wire::FrameType::outcome, wire::write(outcome)));
    worker.idle_since = ended.at;
    ++worker.free_slots;
    start_tasks(ended.worker, ended.at);
  }

  void send_outcomes() {
    const Send send = sends_.front();
    sends_.pop_front();
    Bytes packet{std::exchange(workers_[send.worker].outcomes, {})};
    const Nanoseconds at = to_head_wire_.arrival(send.at + overhead_, packet.size());
    packets_to_head_.push_back({at, send.worker, std::move(packet)});
    if (packets_to_head_.size() == 1) expect_packet();
  }

  const Driver driver_;
  const std::span<const double> tasks_;
  const Nanoseconds overhead_;
  const Nanoseconds hold_;
  const bool sleeps_;
  const Bytes four_bytes_ = [] {
    ByteBuffer buffer;
    buffer.put<std::int32_t>(0);
    return Bytes{std::move(buffer)};
  }();

  NullRecorder recorder_;
  HeadPort port_;
  wire::Link link_;
  crema::store::ObjectStore store_{{}, [] {}};
  crema::head::Head head_;
  Nanoseconds head_free_at_ = 0;
  Nanoseconds last_turn_at_ = 0;
  Nanoseconds head_busy_ = 0;
  Nanoseconds head_measured_ = 0;
  std::int64_t turns_ = 0;

  std::uint64_t submitted_ = 0;  // ids count from 1
  Nanoseconds driver_at_ = 0;

  Wire to_head_wire_;
  Wire from_head_wire_;
  // In the order of time, as every packet goes over the head's one link and is held equally long.
  std::deque<Packet> packets_to_head_;
  Nanoseconds first_packet_seen_at_ = 0;
  std::deque<Packet> packets_to_workers_;
  std::deque<Send> sends_;
  std::vector<Worker> workers_;
  std::vector<std::uint32_t> next_of_worker_;  // by task
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
};

}  // namespace

Simulated simulate(const Machine& machine, const Driver& driver, std::span<const double> tasks) {
  return Simulation{machine, driver, tasks}.run();
}

}  // namespace benchmark
