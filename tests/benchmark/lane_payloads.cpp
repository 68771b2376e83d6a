// What a large payload costs on its way into a lane that is a process, out of it, and there and back.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstring>
#include <vector>

#include "crema/archive.hpp"
#include "crema/errors.hpp"
#include "process/process_lane.hpp"

namespace crema::process {
namespace {

using wire::Frame;
using wire::FrameType;

Frame frame_of(Bytes payload, std::uint64_t size) {
  Frame frame = wire::frame_of(FrameType::run_task, std::move(payload), {});
  frame.header.sequence = size;
  return frame;
}

Bytes encoded(const std::vector<double>& values) {
  ByteBuffer buffer;
  encode(buffer, values);
  return Bytes{std::move(buffer)};
}

/// Answers a number with so many doubles, and doubles with their first.
void compute(const lane::Identity&, lane::Channel& channel) {
  std::vector<double> made;
  while (auto work = channel.next_work()) {
    Bytes answer;
    if (work->header.sequence > 0) {
      made.resize(work->header.sequence, 1.0);
      answer = encoded(made);
    } else {
      ByteReader reader{std::exchange(work->payload, {})};
      answer = encoded({decode<std::vector<double>>(reader).front()});
    }
    channel.post(wire::frame_of(FrameType::outcome, std::move(answer), {}), true);
  }
}

/// Answers with what was given.
void echo(const lane::Identity&, lane::Channel& channel) {
  while (auto work = channel.next_work())
    channel.post(wire::frame_of(FrameType::outcome, std::exchange(work->payload, {}), {}), true);
}

class Lane {
 public:
  explicit Lane(LaneFunction function) : lane_{factory_.start(LaneId{1}, function)} {}

  Bytes answer_to(Frame frame) {
    lane_->give_work(std::move(frame));
    lane_->wake();
    std::optional<Frame> answer;
    while (!answer) {
      zygote_.board().bell().silence();
      if (!factory_.take([&](Frame came) { answer = std::move(came); }))
        zygote_.board().bell().sleep(std::chrono::milliseconds{1});
    }
    return answer->payload;
  }

 private:
  Zygote zygote_;
  ProcessLaneFactory factory_{zygote_, {RankId{0}, {}, "here", 7}};
  std::unique_ptr<lane::Lane> lane_;
};

void set_rate(benchmark::State& state) { state.SetBytesProcessed(state.iterations() * state.range(0)); }

/// From the lane's encoding to bytes in the rank.
void out_of_lane(benchmark::State& state) {
  Lane lane{&compute};
  const auto count = static_cast<std::uint64_t>(state.range(0)) / sizeof(double);
  for (auto _ : state) benchmark::DoNotOptimize(lane.answer_to(frame_of({}, count)));
  set_rate(state);
}

/// From bytes in the rank, as the network brings them, to the lane's value.
void into_lane(benchmark::State& state) {
  Lane lane{&compute};
  const Bytes value = encoded(std::vector<double>(static_cast<std::size_t>(state.range(0)) / sizeof(double), 1.0));
  for (auto _ : state) benchmark::DoNotOptimize(lane.answer_to(frame_of(value, 0)));
  set_rate(state);
}

/// The same for bytes that another lane of the rank has made.
void from_lane_to_lane(benchmark::State& state) {
  Lane lane{&compute};
  const Bytes value = lane.answer_to(frame_of({}, static_cast<std::uint64_t>(state.range(0)) / sizeof(double)));
  for (auto _ : state) benchmark::DoNotOptimize(lane.answer_to(frame_of(value, 0)));
  set_rate(state);
}

/// Without a look at them, there and back.
void there_and_back(benchmark::State& state) {
  Lane lane{&echo};
  const Bytes value = encoded(std::vector<double>(static_cast<std::size_t>(state.range(0)) / sizeof(double), 1.0));
  for (auto _ : state) benchmark::DoNotOptimize(lane.answer_to(frame_of(value, 0)));
  set_rate(state);
}

constexpr std::int64_t small = 128 << 10;
constexpr std::int64_t medium = 4 << 20;
constexpr std::int64_t large = 128 << 20;
BENCHMARK(out_of_lane)->Arg(small)->Arg(medium)->Arg(large)->UseRealTime();
BENCHMARK(into_lane)->Arg(small)->Arg(medium)->Arg(large)->UseRealTime();
BENCHMARK(from_lane_to_lane)->Arg(small)->Arg(medium)->Arg(large)->UseRealTime();
BENCHMARK(there_and_back)->Arg(small)->Arg(medium)->Arg(large)->UseRealTime();

}  // namespace
}  // namespace crema::process

BENCHMARK_MAIN();
