#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "head/stall_report.hpp"
#include "runtime/roles.hpp"
#include "wire/frame.hpp"
#include "wire/outbox.hpp"

namespace crema::runtime {

/// When to look into a run that makes no progress.
class StallTimer {
 public:
  using Clock = std::chrono::steady_clock;

  explicit StallTimer(Clock::duration after) : after_{after}, wait_{after} {}

  /// `progress` changes when there is some. True when it has not for the time; then after twice that time, and so on.
  bool due(std::uint64_t progress, Clock::time_point now);
  /// It was not a stall: the time starts again.
  void dismiss(Clock::time_point now) { start(now); }
  /// Since the last progress.
  [[nodiscard]] Clock::duration stalled(Clock::time_point now) const { return now - since_; }

 private:
  void start(Clock::time_point now);

  const Clock::duration after_;
  Clock::duration wait_;
  std::optional<std::uint64_t> progress_;
  Clock::time_point since_;
  Clock::time_point next_;
};

/// Reports a run that makes no progress: asks all ranks what they do, and logs it as one warning with who waits for
/// whom. Waits for nobody: a rank that does not answer within a second is reported so. Used on the event loop's thread.
class StallWatch {
 public:
  using Clock = StallTimer::Clock;

  StallWatch(wire::Outbox& outbox, const std::vector<RankInfo>& ranks, Clock::duration after, spdlog::logger& log);

  /// The answer to a status_request.
  void on_status(RankId from, const wire::Frame& frame);
  /// The rank is lost: it is not asked any more.
  void lose(RankId rank) { ranks_[static_cast<std::size_t>(rank.number)].lost = true; }
  /// Once a turn of the loop. `waits` is called when a report is due. True: nothing goes on that could end the stall.
  bool turn(std::uint64_t progress, const std::function<head::Waits()>& waits, Clock::time_point now);

 private:
  void ask(Clock::time_point now);

  wire::Outbox& outbox_;
  spdlog::logger& log_;
  StallTimer timer_;
  std::vector<head::RankStatus> ranks_;
  std::uint64_t asked_ = 0;  // how often
  std::size_t asked_ranks_ = 0;
  std::size_t answers_ = 0;
  std::optional<Clock::time_point> asked_at_;  // until told
  std::uint64_t asked_progress_ = 0;
};

}  // namespace crema::runtime
