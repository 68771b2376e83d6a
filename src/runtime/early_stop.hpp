#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "crema/ids.hpp"
#include "runtime/end_time.hpp"

namespace crema::runtime {

/// The head's part of stopping early: whether it has begun, and how long what runs is waited for. Knows no frames and
/// no clock. Used on the event loop's thread.
class EarlyStop {
 public:
  using Clock = std::chrono::steady_clock;

  /// How long all ranks have to be idle: a value may be on its way to a task that waits for it, and the driver has
  /// time to keep what it has got.
  static constexpr std::chrono::milliseconds settle{200};
  /// After SIGTERM or SIGINT: mpirun kills its ranks a second later.
  static constexpr std::chrono::milliseconds tasks_after_urgent_signal{300};

  /// `known`: where the end of the process is.
  EarlyStop(std::optional<StopTimes> known, int ranks) : known_{known}, ranks_{ranks} {}

  /// A rank has caught this signal. Of several the one counts that leaves the least time.
  void on_signal(int signal, Clock::time_point now);
  /// Once a turn: true where the stop begins now, once.
  bool begins(Clock::time_point now);
  [[nodiscard]] bool begun() const { return begun_; }
  /// Whether user code runs on a rank that does not wait for anything; told when it changes.
  void on_rank(RankId rank, bool busy, Clock::time_point now);
  /// Whether what still runs is to be given up, or nothing does.
  [[nodiscard]] bool over(Clock::time_point now) const;

  /// Requires begun: why, and how long running work has at most.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] Clock::time_point tasks_until() const { return tasks_until_; }

 private:
  const std::optional<StopTimes> known_;
  const int ranks_;
  bool asked_ = false;
  bool begun_ = false;
  std::string reason_;
  Clock::time_point tasks_until_ = Clock::time_point::max();
  std::set<RankId> idle_;
  Clock::time_point changed_;
};

}  // namespace crema::runtime
