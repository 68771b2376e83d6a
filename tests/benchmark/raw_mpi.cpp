#include "raw_mpi.hpp"

#include <mpi.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <thread>
#include <vector>

#include "grain.hpp"
#include "stopwatch.hpp"
#include "wire/frame.hpp"
#include "wire/messages.hpp"

namespace benchmark {
namespace {

using namespace std::chrono_literals;
namespace wire = crema::wire;

constexpr int sender = 0;
constexpr int actor_host = 1;
constexpr int worker = 2;

constexpr int frames_a_message = 64;
/// Messages sent ahead of their answers.
constexpr int window = 16;

/// Bytes of a frame that crema would send.
struct FrameSizes {
  std::size_t request = 0;
  std::size_t answer = 0;
};

FrameSizes task_sizes() {
  return {wire::frame_header_size + wire::write(wire::TaskSpec{}).size(),
          wire::frame_header_size + wire::write(wire::Outcome{}).size()};
}
FrameSizes call_sizes() {
  return {wire::frame_header_size + wire::write(wire::CallSpec{}).size(),
          wire::frame_header_size + wire::write(wire::Outcome{}).size()};
}

int rank() {
  int number = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &number);
  return number;
}

/// A barrier in which waiting costs no CPU: a rank that has no part in a measurement must not take a core from it.
void meet() {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  int done = 0;
  while (MPI_Test(&request, &done, MPI_STATUS_IGNORE), done == 0) std::this_thread::sleep_for(1ms);
}

void put_frame(std::byte* place, std::size_t size, std::uint64_t id) {
  std::memset(place, 0, size);
  std::memcpy(place, &id, sizeof(id));
}

std::uint64_t id_of(const std::byte* frame) {
  std::uint64_t id = 0;
  std::memcpy(&id, frame, sizeof(id));
  return id;
}

/// How many frames the message with this number has.
int frames_of(std::int64_t message, std::int64_t frames) {
  return static_cast<int>(std::min<std::int64_t>(frames_a_message, frames - message * frames_a_message));
}

void send_farm(int peer, FrameSizes sizes, std::int64_t frames) {
  struct Slot {
    MPI_Request request = MPI_REQUEST_NULL;
    std::vector<std::byte> buffer;
  };
  std::array<Slot, window> slots;
  for (Slot& slot : slots) slot.buffer.resize(frames_a_message * sizes.request);
  std::vector<std::byte> answers(frames_a_message * sizes.answer);
  const std::int64_t messages = (frames + frames_a_message - 1) / frames_a_message;
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  for (std::int64_t message = 0; message < messages + window; ++message) {
    if (message >= window) {
      const int count = frames_of(message - window, frames);
      if (count > 0) {
        MPI_Recv(answers.data(), static_cast<int>(answers.size()), MPI_BYTE, peer, 0, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
        for (int i = 0; i < count; ++i) {
          if (id_of(answers.data() + static_cast<std::size_t>(i) * sizes.answer) != answered++)
            throw std::runtime_error{"the raw MPI farm: a frame was answered that was not the next"};
        }
      }
    }
    if (message >= messages) continue;
    Slot& slot = slots[static_cast<std::size_t>(message % window)];
    MPI_Wait(&slot.request, MPI_STATUS_IGNORE);
    const int count = frames_of(message, frames);
    for (int i = 0; i < count; ++i)
      put_frame(slot.buffer.data() + static_cast<std::size_t>(i) * sizes.request, sizes.request, sent++);
    MPI_Isend(slot.buffer.data(), static_cast<int>(static_cast<std::size_t>(count) * sizes.request), MPI_BYTE, peer, 0,
              MPI_COMM_WORLD, &slot.request);
  }
  for (Slot& slot : slots) MPI_Wait(&slot.request, MPI_STATUS_IGNORE);
}

/// Works for `microseconds` before each answer; 0: not at all.
void answer_farm(FrameSizes sizes, std::int64_t frames, double microseconds) {
  std::vector<std::byte> requests(frames_a_message * sizes.request);
  std::vector<std::byte> answers(frames_a_message * sizes.answer);
  for (std::int64_t message = 0; message * frames_a_message < frames; ++message) {
    MPI_Recv(requests.data(), static_cast<int>(requests.size()), MPI_BYTE, sender, 0, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    const int count = frames_of(message, frames);
    for (int i = 0; i < count; ++i) {
      const auto place = static_cast<std::size_t>(i);
      if (microseconds > 0) spin(microseconds);
      put_frame(answers.data() + place * sizes.answer, sizes.answer, id_of(requests.data() + place * sizes.request));
    }
    MPI_Send(answers.data(), static_cast<int>(static_cast<std::size_t>(count) * sizes.answer), MPI_BYTE, sender, 0,
             MPI_COMM_WORLD);
  }
}

/// Frames a second from the sender to `peer` and back. The result holds on the sender.
double farm_rate(int peer, FrameSizes sizes, std::int64_t frames, double microseconds = 0) {
  const Stopwatch watch;
  if (rank() == sender) send_farm(peer, sizes, frames);
  if (rank() == peer) answer_farm(sizes, frames, microseconds);
  const double seconds = watch.seconds();
  meet();
  return static_cast<double>(frames) / seconds;
}

/// Median in microseconds, of round trips with a pause before each. The result holds on the sender.
double ping_pong(FrameSizes sizes, std::int64_t round_trips, std::chrono::milliseconds pause = {}) {
  std::vector<std::byte> request(sizes.request);
  std::vector<std::byte> answer(sizes.answer);
  const int request_size = static_cast<int>(sizes.request);
  const int answer_size = static_cast<int>(sizes.answer);
  std::vector<double> times(1);
  if (rank() == sender) {
    times.clear();
    for (std::int64_t i = 0; i < round_trips; ++i) {
      if (pause.count() > 0) std::this_thread::sleep_for(pause);
      const Stopwatch watch;
      MPI_Send(request.data(), request_size, MPI_BYTE, worker, 0, MPI_COMM_WORLD);
      MPI_Recv(answer.data(), answer_size, MPI_BYTE, worker, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      times.push_back(watch.seconds() * 1e6);
    }
  }
  if (rank() == worker) {
    for (std::int64_t i = 0; i < round_trips; ++i) {
      MPI_Recv(request.data(), request_size, MPI_BYTE, sender, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      MPI_Send(answer.data(), answer_size, MPI_BYTE, sender, 0, MPI_COMM_WORLD);
    }
  }
  meet();
  return median(times);
}

/// One message from the worker to the sender, both sides into buffers they have used before. Median in GB/s. The result
/// holds on the sender.
double large_message_rate(std::uint64_t size) {
  std::vector<std::byte> buffer(size, std::byte{7});
  std::vector<double> rates;
  for (int i = 0; i < 5; ++i) {
    meet();
    const Stopwatch watch;
    if (rank() == worker) MPI_Send(buffer.data(), static_cast<int>(size), MPI_BYTE, sender, 0, MPI_COMM_WORLD);
    if (rank() == sender)
      MPI_Recv(buffer.data(), static_cast<int>(size), MPI_BYTE, worker, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    rates.push_back(static_cast<double>(size) * 1e-9 / watch.seconds());
  }
  meet();
  return median(rates);
}

/// Bytes of a question about 1,000 futures and of its answer.
FrameSizes wait_sizes() {
  wire::Wait wait;
  wait.ids.resize(1'000);
  return {wire::frame_header_size + wire::write(wait).size(),
          wire::frame_header_size + wire::write(wire::Reply{}).size()};
}

/// Microseconds that it takes to put a frame into a queue in memory.
double queue_time(std::size_t size, std::int64_t frames) {
  const std::vector<std::byte> frame(size);
  std::deque<std::vector<std::byte>> queue;
  const Stopwatch watch;
  for (std::int64_t i = 0; i < frames; ++i) queue.push_back(frame);
  return watch.seconds() * 1e6 / static_cast<double>(frames);
}

/// Milliseconds that it takes to fork a process and to learn of its end: median.
double process_time() {
  std::vector<double> times;
  for (int i = 0; i < 20; ++i) {
    const Stopwatch watch;
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) throw std::runtime_error{"forking a process failed"};
    times.push_back(watch.seconds() * 1e3);
  }
  return median(times);
}

/// CPU of a rank that waits in MPI_Recv, in percent of a core. The result holds on the sender.
double blocked_receive(double idle_seconds) {
  double share = 0;
  if (rank() == sender) {
    std::this_thread::sleep_for(std::chrono::duration<double>{idle_seconds});
    MPI_Send(nullptr, 0, MPI_BYTE, worker, 0, MPI_COMM_WORLD);
    MPI_Recv(&share, 1, MPI_DOUBLE, worker, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  }
  if (rank() == worker) {
    const double before = cpu_seconds();
    const Stopwatch watch;
    MPI_Recv(nullptr, 0, MPI_BYTE, sender, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    share = 100 * (cpu_seconds() - before) / watch.seconds();
    MPI_Send(&share, 1, MPI_DOUBLE, sender, 0, MPI_COMM_WORLD);
  }
  meet();
  return share;
}

}  // namespace

void measure_raw_mpi(const Amounts& amounts, const SamplesFile& samples) {
  if (rank() == sender) samples.add(start, (seconds_since_epoch() - amounts.launched) * 1e3);
  constexpr std::int64_t warm_up = 10'000;
  farm_rate(worker, task_sizes(), warm_up);
  farm_rate(actor_host, call_sizes(), warm_up);
  const double blocked = blocked_receive(amounts.idle_seconds);
  const double trip = ping_pong(task_sizes(), amounts.round_trips);
  const double after_pause = ping_pong(task_sizes(), wake_ups, idle_pause);
  const double tasks = farm_rate(worker, task_sizes(), amounts.tasks);
  const double calls = farm_rate(actor_host, call_sizes(), amounts.tasks);
  const double wait_trip = ping_pong(wait_sizes(), 1'000);
  const double large = large_message_rate(amounts.large_bytes);
  std::vector<double> curve;
  for (const Grain& grain : grains) {
    const std::int64_t frames = tasks_of_grain(grain, amounts.grain_seconds);
    curve.push_back(farm_rate(worker, task_sizes(), frames, grain.microseconds) * grain.microseconds * 1e-6);
  }
  if (rank() != sender) return;
  add_grains(curve, samples);
  samples.add(waits, 1e6 / wait_trip);
  samples.add(large_result, large);
  samples.add(queued_bytes, static_cast<double>(task_sizes().request));
  samples.add(lane_replaced, process_time());
  samples.add(queued_time, queue_time(task_sizes().request, amounts.queued));
  samples.add(null_tasks_kept, tasks);
  samples.add(null_tasks_dropped, tasks);
  samples.add(actor_calls, calls);
  samples.add(round_trip, trip);
  samples.add(wake_up, after_pause);
  samples.add(idle_head, blocked);
  samples.add(idle_actor_host, blocked);
  samples.add(idle_worker, blocked);
}

}  // namespace benchmark
