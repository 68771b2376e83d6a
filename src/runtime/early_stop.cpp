#include "runtime/early_stop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace crema::runtime {

void EarlyStop::on_signal(int signal, Clock::time_point now) {
  if (!asked_) reason_ = fmt::format("signal SIG{}", sigabbrev_np(signal));
  asked_ = true;
  const bool urgent = signal != SIGUSR1;
  if (urgent) {
    tasks_until_ = std::min(tasks_until_, now + tasks_after_urgent_signal);
  } else {
    tasks_until_ = std::min(tasks_until_, known_ ? known_->tasks_until : now + tasks_after_signal);
  }
}

bool EarlyStop::begins(Clock::time_point now) {
  if (begun_) return false;
  if (!asked_ && known_ && now >= known_->begin) {
    asked_ = true;
    reason_ = "the time limit";
    tasks_until_ = known_->tasks_until;
  }
  begun_ = asked_;
  changed_ = now;
  return begun_;
}

void EarlyStop::on_rank(RankId rank, bool busy, Clock::time_point now) {
  changed_ = now;
  if (busy) {
    idle_.erase(rank);
  } else {
    idle_.insert(rank);
  }
}

bool EarlyStop::over(Clock::time_point now) const {
  if (!begun_) return false;
  return now >= tasks_until_ || (static_cast<int>(idle_.size()) == ranks_ && now - changed_ >= settle);
}

}  // namespace crema::runtime
