#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crema/lane_context.hpp"
#include "head/head.hpp"
#include "runtime/early_stop.hpp"
#include "runtime/progress.hpp"
#include "runtime/resources.hpp"
#include "runtime/roles.hpp"
#include "runtime/stall_watch.hpp"
#include "transport/transport.hpp"

namespace crema::runtime {

using wire::RankReport;

/// The job ended early, and can be resumed: it was stopped, or has lost all ranks that run tasks.
inline constexpr int exit_interrupted = 75;

/// What the head knows when the job ends.
struct RunEnd {
  int exit_code = 0;
  std::string error;              ///< empty, or why the job failed or was interrupted
  bool asked_to_stop = false;     ///< which is no error
  std::string error_type;         ///< of the exception, where there was one
  bool driver_came_back = false;  ///< else it may still use what it was given
  std::map<RankId, RankReport> reports;
  std::map<RankId, double> lost_at;  ///< seconds since the run began
  std::map<RankId, head::Use> uses;
  const head::ActorDirectory* actors = nullptr;
};

/// The last message to a rank.
wire::Frame leave_frame(int exit_code, bool everybody_lives);
/// The head's last messages to all others where no job begins. Returns once they are on their way.
void send_away(transport::Transport& transport, int exit_code);

/// Where a run is kept: the run file, or memory in tests.
class RunSink : public head::Recorder {
 public:
  /// Whether the sink keeps up. While it does not, the head hands out no work.
  [[nodiscard]] virtual bool keeps_up() const = 0;
  /// Why nothing more can be kept, or empty.
  [[nodiscard]] virtual std::string why_broken() const = 0;
  /// Called from time to time: pass on what is held back.
  virtual void flush() = 0;
  /// The job is over. May take long, so it runs on a thread of its own; nothing else is called during and after it.
  /// Returns the exit code the job ends with: another than the given one if the run cannot be kept.
  virtual int finish(const RunEnd& end) = 0;
};

/// The head's part of a job's life: from the driver's start to the last rank's leave. Used on the event loop's thread.
class HeadControl {
 public:
  using Clock = std::chrono::steady_clock;

  struct Times {
    Clock::duration stall_after;   ///< without progress: who waits for what is logged
    std::optional<StopTimes> end;  ///< of the process, where it is known
  };

  /// Appends what happens to `journal`, and goes on from what earlier starts have done. Before the first frame.
  void keep_history(journal::JournalSink& journal, history::Past past) {
    journal_ = &journal;
    head_.keep_history(journal, std::move(past));
  }

  HeadControl(wire::Outbox& outbox, RunSink& sink, store::ObjectStore& store, Progress& progress,
              std::vector<RankInfo> ranks, const std::vector<RankOffer>& offers, Clock::time_point began, Times times,
              spdlog::logger& log);

  void on_frame(RankId from, wire::Frame frame);
  /// Once a turn of the loop, after all frames of that turn.
  void turn(Clock::time_point now);
  /// About once a second.
  void tick(Clock::time_point now);
  /// The driver is about to go on, and may print.
  void before_driver_goes_on() { progress_.clear(); }
  /// Nothing of the rank is heard any more.
  void on_rank_lost(RankId rank, const std::string& reason);
  /// Something failed that leaves no way on: the job ends, with what is finished on disk.
  void fail(const std::string& reason, int exit_code = 1);

  struct Left {
    int exit_code = 0;
    Clock::time_point at;
  };
  /// Set once the leave message is on its way to all ranks.
  [[nodiscard]] const std::optional<Left>& left() const { return left_; }
  [[nodiscard]] bool everybody_lives() const { return lost_.empty(); }

 private:
  enum class Phase { running, collecting, keeping, left };

  void begin_draining(Clock::time_point now);
  void interrupt();
  void take_end_of_work();
  void end_run(Clock::time_point now);
  void keep_run();
  void end_with_unclaimed_calls();
  void leave(int exit_code);
  void send_to_all(wire::FrameType type, const std::function<ByteBuffer()>& payload);
  void log_unheard();
  void look_for_stall(Clock::time_point now);
  void keep_input(const Bytes& payload);
  void tell_size_of_journal();

  wire::Outbox& outbox_;
  RunSink& sink_;
  store::ObjectStore& store_;
  Progress& progress_;
  const std::vector<RankInfo> ranks_;
  const Clock::time_point began_;
  spdlog::logger& log_;

  head::Head head_;
  journal::JournalSink* journal_ = nullptr;
  std::uint64_t tell_size_from_ = std::uint64_t{1} << 30U;  // bytes; then from twice as many
  std::map<std::string, InputFile> inputs_;                 // as they are recorded by this start
  StallWatch stall_;
  EarlyStop stop_;
  Phase phase_ = Phase::running;
  RunEnd end_;
  std::set<RankId> lost_;
  bool failed_ = false;
  Clock::time_point collecting_since_;
  std::future<int> keeping_;
  std::optional<Left> left_;
};

}  // namespace crema::runtime
