// What a task costs the head where there are many workers, many tasks in the queue and many priorities: the real head
// and its link, over the loopback transport. The test plays the workers and counts steps, which no machine changes.
#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "head/head.hpp"
#include "loopback_cluster.hpp"
#include "task_function.hpp"
#include "wire/link.hpp"

namespace crema::head {
namespace {

using wire::Frame;
using wire::FrameType;

constexpr std::int32_t first_worker = 2;
constexpr std::int64_t second = 1'000'000'000;

struct Crowd {
  std::int32_t workers = 10;
  int priorities = 1;
  std::uint64_t queued = 1'000;  ///< while the costs are counted
};

/// Of one task, from its submit to the head's knowing its outcome.
struct Cost {
  double looks = 0;    ///< at workers
  double packets = 0;  ///< between head and workers
  double bytes = 0;
};

class CrowdedHead {
 public:
  explicit CrowdedHead(const Crowd& crowd) : crowd_{crowd}, network_{first_worker + crowd.workers} {
    for (std::int32_t i = 0; i < crowd_.workers; ++i)
      send(i, wire::make_frame(FrameType::pull, wire::write(wire::Pull{1, 0})));
    while (submitted_ < crowd_.queued + static_cast<std::uint64_t>(crowd_.workers)) submit();
    turn();
  }

  /// In rounds, one task of every tenth worker ends and as many are submitted, so that the queue keeps its length.
  Cost run(std::uint64_t tasks) {
    const std::uint64_t looks = head_.dispatcher().looks();
    const std::size_t packets = network_.log().size();
    const std::uint64_t done = head_.progress().finished;
    while (head_.progress().finished < done + tasks) {
      for (std::int32_t i = 0; i < crowd_.workers; ++i) {
        take(i);
        if ((i + round_) % 10 == 0 && !given_[static_cast<std::size_t>(i)].empty()) end_one(i);
      }
      ++round_;
      turn();
    }
    const auto count = static_cast<double>(head_.progress().finished - done);
    const auto log = network_.log();
    Cost cost{.looks = static_cast<double>(head_.dispatcher().looks() - looks) / count,
              .packets = static_cast<double>(log.size() - packets) / count};
    for (std::size_t i = packets; i < log.size(); ++i) cost.bytes += static_cast<double>(log[i].bytes.size()) / count;
    EXPECT_EQ(head_.dispatcher().ready(), crowd_.queued);
    return cost;
  }

 private:
  static std::int64_t clock() { return now; }
  static RankId rank_of(std::int32_t worker) { return RankId{first_worker + worker}; }
  static Layout layout_of(const Crowd& crowd) {
    Layout layout{.ranks = first_worker + crowd.workers, .workers = {}, .actor_hosts = {RankId{1}}};
    for (std::int32_t i = 0; i < crowd.workers; ++i) layout.workers.push_back(rank_of(i));
    return layout;
  }

  void submit() {
    wire::TaskSpec task;
    task.id = TaskId{++submitted_};
    task.function = task_function();
    task.priority = static_cast<std::int32_t>(submitted_ % static_cast<std::uint64_t>(crowd_.priorities));
    head_.on_frame(head_rank, wire::make_frame(FrameType::submit, wire::write(task)));
  }
  void send(std::int32_t worker, const Frame& frame) {
    ByteBuffer packet;
    wire::append_frame(packet, frame);
    network_.endpoint(rank_of(worker)).send(head_rank, Bytes{std::move(packet)});
  }
  void take(std::int32_t worker) {
    while (auto packet = network_.endpoint(rank_of(worker)).receive()) {
      wire::FrameReader frames{packet->bytes};
      while (auto frame = frames.next())
        if (frame->header.type == FrameType::run_task)
          given_[static_cast<std::size_t>(worker)].push_back(wire::read_task(frame->payload).id);
    }
  }
  void end_one(std::int32_t worker) {
    auto& given = given_[static_cast<std::size_t>(worker)];
    wire::Outcome outcome{.id = given.front(), .function = task_function(), .started = now - second, .finished = now};
    given.pop_front();
    send(worker, wire::make_frame(FrameType::outcome, wire::write(outcome)));
    submit();
  }
  void turn() {
    now += second;
    while (auto received = link_.receive()) head_.on_frame(received->from, std::move(received->frame));
    head_.turn();
    while (auto frame = link_.take_local()) head_.on_frame(head_rank, std::move(*frame));
    link_.flush();
  }

  static inline std::int64_t now = second;
  Crowd crowd_;
  transport::LoopbackNetwork network_;
  wire::Link link_{network_.endpoint(head_rank)};
  MemorySink sink_;
  store::ObjectStore store_{{}, [] {}};
  Head head_{link_, sink_, store_, layout_of(crowd_), now, &CrowdedHead::clock};
  std::vector<std::deque<TaskId>> given_{static_cast<std::size_t>(crowd_.workers)};
  std::uint64_t submitted_ = 0;
  std::int32_t round_ = 0;
};

class HeadScale : public testing::TestWithParam<Crowd> {};
INSTANTIATE_TEST_SUITE_P(Crowds, HeadScale,
                         testing::Values(Crowd{.workers = 1'000}, Crowd{.priorities = 100}, Crowd{.queued = 200'000},
                                         Crowd{.workers = 1'000, .priorities = 100, .queued = 200'000}),
                         [](const auto& crowd) {
                           return std::to_string(crowd.param.workers) + "Workers" +
                                  std::to_string(crowd.param.priorities) + "Priorities" +
                                  std::to_string(crowd.param.queued) + "Queued";
                         });

TEST_P(HeadScale, ATaskCostsWhatItCostsInASmallJob) {
  const Cost small = CrowdedHead{{}}.run(2'000);
  const Cost cost = CrowdedHead{GetParam()}.run(2'000);
  EXPECT_EQ(small.packets, 2);  // there and back
  EXPECT_LE(cost.packets, small.packets);
  EXPECT_LE(cost.bytes, small.bytes + 1);
  EXPECT_LE(cost.looks, small.looks + 0.1);
  EXPECT_LE(small.looks, 3);
}

}  // namespace
}  // namespace crema::head
