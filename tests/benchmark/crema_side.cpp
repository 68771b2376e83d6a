#include "crema_side.hpp"

#include <algorithm>
#include <crema/crema.hpp>
#include <csignal>
#include <thread>
#include <vector>

#include "grain.hpp"
#include "processes.hpp"
#include "stopwatch.hpp"
#include "task_lengths.hpp"

namespace benchmark {
namespace {

constexpr std::int64_t warm_up = 10'000;  // tasks

void nothing() {}
void hold_the_worker() {
  while (!crema::this_task().cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
}
void sleep_for_seconds(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>{seconds}); }
double cpu_of_rank() { return cpu_seconds_of(rank_process()); }

class Counter {
 public:
  void count() { ++calls_; }
  std::int64_t calls() const { return calls_; }
  double cpu_of_host() const { return cpu_of_rank(); }

 private:
  std::int64_t calls_ = 0;
};

double kept_rate(std::int64_t tasks) {
  const Stopwatch watch;
  std::vector<crema::Future<void>> futures;
  futures.reserve(static_cast<std::size_t>(tasks));
  for (std::int64_t i = 0; i < tasks; ++i) futures.push_back(crema::remote<nothing>());
  crema::get(futures);
  return static_cast<double>(tasks) / watch.seconds();
}

/// One worker with one lane runs tasks in the order submitted: the last one's end is the end of all.
double dropped_rate(std::int64_t tasks) {
  const Stopwatch watch;
  for (std::int64_t i = 1; i < tasks; ++i) crema::remote<nothing>();
  crema::remote<nothing>().get();
  return static_cast<double>(tasks) / watch.seconds();
}

double call_rate(const crema::Actor<Counter>& counter, std::int64_t calls) {
  const std::int64_t before = counter.remote<&Counter::calls>().get();
  const Stopwatch watch;
  for (std::int64_t i = 0; i < calls; ++i) counter.remote<&Counter::count>();
  const std::int64_t applied = counter.remote<&Counter::calls>().get() - before;
  const double seconds = watch.seconds();
  if (applied != calls) throw crema::Error{"measuring actor calls: not every call was applied once"};
  return static_cast<double>(calls) / seconds;
}

/// Median in microseconds, of round trips with a pause before each.
double round_trip_time(std::int64_t round_trips, std::chrono::milliseconds pause = {}) {
  std::vector<double> times;
  for (std::int64_t i = 0; i < round_trips; ++i) {
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    const Stopwatch watch;
    crema::remote<nothing>().get();
    times.push_back(watch.seconds() * 1e6);
  }
  return median(times);
}

crema::Bytes make_bytes(std::uint64_t size) {
  crema::ByteBuffer buffer{size};
  std::fill_n(buffer.extend(size), size, std::byte{7});
  return crema::Bytes{std::move(buffer)};
}

/// From the worker's store to the driver's, which take and give bytes without copying them. Median in GB/s.
double large_result_rate(std::uint64_t size) {
  std::vector<double> rates;
  for (int i = 0; i < 5; ++i) {
    const auto future = crema::remote<make_bytes>(size);
    crema::wait(std::vector{future});
    const Stopwatch watch;
    if (future.get().size() != size) throw crema::Error{"measuring a large result: it came with another size"};
    rates.push_back(static_cast<double>(size) * 1e-9 / watch.seconds());
  }
  return median(rates);
}

/// As many futures as are left, again and again, until none is.
double wait_rate() {
  constexpr std::size_t waits_in_all = 1'000;
  std::vector<crema::Future<void>> pending;
  for (std::size_t i = 0; i < waits_in_all; ++i) pending.push_back(crema::remote<nothing>());
  const Stopwatch watch;
  while (!pending.empty()) pending = crema::wait(pending).pending;
  return static_cast<double>(waits_in_all) / watch.seconds();
}

/// Submits tasks that cannot start yet. To be called first: what memory was freed before is not seen.
void measure_queue(std::int64_t tasks, const SamplesFile& samples) {
  const auto gate = crema::remote<hold_the_worker>();
  std::vector<crema::Future<void>> futures;
  futures.reserve(static_cast<std::size_t>(tasks));
  const double before = resident_bytes();
  const Stopwatch watch;
  for (std::int64_t i = 0; i < tasks; ++i) futures.push_back(crema::remote<nothing>());
  if (futures.back().ready()) throw crema::Error{"measuring queued tasks: the last one has run already"};
  const auto count = static_cast<double>(tasks);
  samples.add(queued_time, watch.seconds() * 1e6 / count);
  samples.add(queued_bytes, (resident_bytes() - before) / count);
  gate.cancel();
  crema::get(futures);
}

/// Of the ideal rate, for tasks of this length.
double efficiency(const Grain& grain, double seconds) {
  const std::int64_t tasks = tasks_of_grain(grain, seconds);
  std::vector<crema::Future<void>> futures;
  futures.reserve(static_cast<std::size_t>(tasks));
  const Stopwatch watch;
  for (std::int64_t i = 0; i < tasks; ++i) futures.push_back(crema::remote<spin>(grain.microseconds));
  crema::get(futures);
  return static_cast<double>(tasks) * grain.microseconds * 1e-6 / watch.seconds();
}

void measure_idle(const crema::Actor<Counter>& counter, double seconds, const SamplesFile& samples) {
  struct Cpu {
    double head, host, worker;
  };
  const auto look = [&] {
    const double host = counter.remote<&Counter::cpu_of_host>().get();
    const double worker = crema::remote<cpu_of_rank>().get();
    return Cpu{cpu_of_rank(), host, worker};
  };
  const Cpu before = look();
  const Stopwatch watch;
  std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
  const Cpu after = look();
  const double percent = 100 / watch.seconds();
  samples.add(idle_head, (after.head - before.head) * percent);
  samples.add(idle_actor_host, (after.host - before.host) * percent);
  samples.add(idle_worker, (after.worker - before.worker) * percent);
}

enum class Victim { lane, rank };

/// Where the first attempt of a task says who is to be killed.
class Target {
 public:
  void point_at(pid_t process) { process_ = process; }
  pid_t process() const { return process_; }

 private:
  pid_t process_ = 0;
};

/// When its second attempt began, in seconds since 1970; the first one does not end by itself.
double begin_again(Victim victim, const crema::Actor<Target>& target) {
  const double now = seconds_since_epoch();
  if (crema::this_task().attempt() > 0) return now;
  target.remote<&Target::point_at>(victim == Victim::lane ? getpid() : rank_process()).get();
  while (true) std::this_thread::sleep_for(std::chrono::hours{1});
}

/// In milliseconds.
double time_to_replace(Victim victim) {
  const auto target = crema::actor<Target>();
  const auto again = crema::remote<begin_again>(victim, target);
  pid_t process = 0;
  while (process == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    process = target.remote<&Target::process>().get();
  }
  const double killed = seconds_since_epoch();
  if (::kill(process, SIGKILL) != 0) throw crema::Error{"measuring losses: the process cannot be killed"};
  return (again.get() - killed) * 1e3;
}

}  // namespace

void measure_journal(const Amounts& amounts, const SamplesFile& samples) {
  const auto grain =
      std::find_if(grains.begin(), grains.end(), [](const Grain& each) { return each.microseconds == 100; });
  efficiency(*grain, amounts.grain_seconds);
  samples.add(journaled, efficiency(*grain, 10 * amounts.grain_seconds) * 1e6 / grain->microseconds);
}

void measure_isolation(const Amounts& amounts, const SamplesFile& samples) {
  kept_rate(warm_up);
  samples.add(isolated_round_trip, round_trip_time(amounts.round_trips));
  samples.add(isolated_tasks, kept_rate(amounts.tasks));
}

void measure_losses(const SamplesFile& samples) {
  std::vector<double> lanes;
  for (int i = 0; i < 20; ++i) lanes.push_back(time_to_replace(Victim::lane));
  samples.add(lane_replaced, median(lanes));
  samples.add(rank_replaced, time_to_replace(Victim::rank));
}

double finish_tasks(std::int64_t tasks) {
  std::vector<crema::Future<void>> futures;
  futures.reserve(static_cast<std::size_t>(tasks));
  for (std::int64_t i = 0; i < tasks; ++i) futures.push_back(crema::remote<nothing>());
  crema::get(futures);
  const double there = seconds_since_epoch();
  crema::sync();
  return there;
}

void measure_crema(const Amounts& amounts, const SamplesFile& samples) {
  samples.add(start, (seconds_since_epoch() - amounts.launched) * 1e3);
  if (const int workers = crema::cluster().workers; workers != 1)
    throw crema::UsageError{"measuring one worker: there are " + std::to_string(workers) + "; start three ranks"};
  const auto counter = crema::actor<Counter>();
  kept_rate(warm_up);
  measure_queue(amounts.queued, samples);
  call_rate(counter, warm_up);
  measure_idle(counter, amounts.idle_seconds, samples);
  samples.add(round_trip, round_trip_time(amounts.round_trips));
  samples.add(wake_up, round_trip_time(wake_ups, idle_pause));
  samples.add(null_tasks_kept, kept_rate(amounts.tasks));
  samples.add(null_tasks_dropped, dropped_rate(amounts.tasks));
  samples.add(actor_calls, call_rate(counter, amounts.tasks));
  samples.add(waits, wait_rate());
  samples.add(large_result, large_result_rate(amounts.large_bytes));
  std::vector<double> curve;
  for (const Grain& grain : grains) curve.push_back(efficiency(grain, amounts.grain_seconds));
  add_grains(curve, samples);
}

void measure_makespan(const SamplesFile& crema_samples, const SamplesFile& bound_samples) {
  const auto workers = static_cast<std::uint32_t>(crema::cluster().workers);
  const std::vector<double> lengths = task_lengths(Lengths::pareto, 0.02, 20 * std::size_t{workers});
  const Stopwatch watch;
  std::vector<crema::Future<void>> futures;
  for (const double length : lengths) futures.push_back(crema::remote<sleep_for_seconds>(length));
  crema::get(futures);
  crema_samples.add(makespan, watch.seconds());
  bound_samples.add(makespan, list_scheduling_makespan(lengths, workers));
}

}  // namespace benchmark
