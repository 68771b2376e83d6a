#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actor/call_router.hpp"
#include "common/backoff.hpp"
#include "runtime/head_control.hpp"
#include "runtime/lane_inbox.hpp"
#include "runtime/liveness.hpp"
#include "runtime/rank_lanes.hpp"
#include "runtime/resources.hpp"
#include "runtime/roles.hpp"
#include "store/object_exchange.hpp"
#include "wire/link.hpp"

namespace crema::runtime {

/// One rank: the event loop on the thread that speaks MPI, the roles the rank has, and its lanes. User code never runs
/// on this thread, and nothing here waits for user code.
class Rank {
 public:
  struct Options {
    std::uint32_t lanes = 1;     ///< tasks at a time, where the rank is a worker; 0: as many as it has cores
    std::uint64_t seed = 0;      ///< of the run's random numbers
    bool keeps_history = false;  ///< the head does
    bool resumes = false;        ///< the run goes on from what an earlier start has done
    store::ObjectStore::Options store{};
    /// Of the head: without progress for so long it reports who waits for what.
    std::chrono::milliseconds stall_after{30'000};
    /// How often a rank says that it is there and looks whether others are.
    std::chrono::milliseconds watch_interval = Liveness::interval;
    /// Silence after which a rank counts as lost.
    std::chrono::seconds silence_limit = Liveness::default_silence_limit;
    std::optional<StopTimes> end{};                 ///< of the head: where the end of the process is known
    const std::atomic<int>* stop_signal = nullptr;  ///< not 0: a signal has asked the job to stop early
    /// From which lanes of tasks and actors come; nullptr: they are threads. Lives longer than the rank.
    process::Zygote* zygote = nullptr;
    /// Calls of an actor after which it tells its state, at least. Lanes that are processes have the default.
    std::uint64_t calls_between_states = lane::Identity{}.calls_between_states;
    bool isolated = false;  ///< lanes of tasks and actors are processes, on whatever rank they are

    /// What all lanes of this rank are.
    [[nodiscard]] lane::Identity identity(RankId rank, std::string host) const {
      return {rank, {}, std::move(host), seed, isolated, keeps_history, resumes, calls_between_states};
    }
  };
  /// `ranks`: what each rank told, by rank.
  Rank(transport::Transport& transport, std::vector<RankInfo> ranks, Options options, spdlog::logger& log);

  /// Makes this rank, 0, the head: runs `driver` on its lane; `sink` keeps what happened. Call before run.
  void become_head(RunSink& sink, Progress& progress, std::function<void()> driver);

  /// The head keeps the history of this start in `journal`, which outlives the rank, and goes on from `past`. Before
  /// run.
  void keep_history(journal::JournalSink& journal, history::Past past) {
    head_->keep_history(journal, std::move(past));
  }

  struct End {
    int exit_code = 0;
    bool everybody_lives = true;  ///< else no MPI call that waits for all ranks may be made
    bool lanes_came_back = true;  ///< else user code still runs in this process
  };
  /// The event loop: returns when the head says that the job is over, or the head is lost.
  End run();

  /// The values this rank holds.
  [[nodiscard]] const store::ObjectStore& objects() const { return store_; }

 private:
  using Clock = std::chrono::steady_clock;

  /// What it throws is reported to the head.
  template <class Action>
  void attempt(Action&& action);
  bool take_from_lanes();
  bool receive();
  bool handle_local();
  void act(Clock::time_point now);
  void end_if_left(Clock::time_point now);
  void tick(Clock::time_point now);
  void look_for_losses(Clock::time_point now);
  void on_lane_frame(wire::Frame frame) {
    if (!exchange_.hold(frame)) pass_on(std::move(frame));
  }
  void pass_on(wire::Frame frame);
  void on_frame(RankId from, wire::Frame frame);
  void on_reply(wire::Frame frame);
  void send_status(const wire::Frame& request);
  void report_fatal(const std::string& reason);
  void look_for_signal();
  void begin_draining();
  void tell_draining();
  void begin_stop();
  void finish_stop_if_possible(Clock::time_point now);
  [[nodiscard]] RankReport report() const;
  void on_lane_lost(const lane::Loss& loss);

  // Constant after construction.
  transport::Transport& transport_;
  const Options options_;
  const RankId me_;
  const std::vector<RankInfo> ranks_;
  const Roles roles_;
  const std::vector<RankOffer> offers_;  // by rank
  const bool one_core_;
  spdlog::logger& log_;
  const Clock::time_point began_;

  // The event loop's thread only, but for what posts to the inbox.
  process::Doorbell own_bell_;  // where no lane is a process
  process::Doorbell& bell_;
  LaneInbox inbox_;  // before the lanes, which post to it until they end
  LaneInbox::Taken taken_;
  wire::Link link_;
  store::ObjectStore store_;
  store::ObjectExchange exchange_;
  actors::CallRouter router_;
  std::unique_ptr<HeadControl> head_;
  RankLanes lanes_;
  worker::Worker* const worker_;  // of lanes_, as is the next; nullptr: not this rank's role
  actors::Host* const host_;
  std::vector<lane::Loss> late_losses_;  // of lanes whose messages wait for room in the store
  Liveness liveness_;
  Clock::time_point last_tick_;

  int told_signal_ = 0;
  bool draining_ = false;          // the job stops early
  std::optional<bool> told_busy_;  // the head, since then
  std::optional<Clock::time_point> failed_since_;
  std::optional<Clock::time_point> stopping_since_;
  bool said_goodbye_ = false;
  std::optional<End> end_;
};

}  // namespace crema::runtime
