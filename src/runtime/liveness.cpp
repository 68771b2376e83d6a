#include "runtime/liveness.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>

namespace crema::runtime {
namespace {

bool process_is_there(std::int64_t pid) { return kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH; }

}  // namespace

void Liveness::watch(RankId rank, std::int64_t pid) {
  watched_.push_back({.rank = rank, .pid = pid});
  heard_.resize(std::max(heard_.size(), static_cast<std::size_t>(rank.number) + 1), false);
}

void Liveness::failed(RankId rank) {
  for (Watched& watched : watched_)
    if (watched.rank == rank) watched.failed = true;
}

std::vector<Liveness::Loss> Liveness::look(Clock::time_point now) {
  const Clock::duration watched_for = std::min<Clock::duration>(now - last_look_, 2 * interval);
  last_look_ = now;
  std::vector<Loss> losses;
  for (Watched& watched : watched_)
    if (std::string reason = reason_to_give_up(watched, watched_for); !reason.empty())
      losses.push_back({watched.rank, std::move(reason)});
  for (const Loss& loss : losses)
    std::erase_if(watched_, [&](const Watched& watched) { return watched.rank == loss.rank; });
  return losses;
}

std::string Liveness::reason_to_give_up(Watched& watched, Clock::duration watched_for) {
  if (watched.pid != 0 && !process_is_there(watched.pid)) return fmt::format("its process {} has ended", watched.pid);
  if (watched.failed) return "MPI tells that its process has failed";
  auto heard = heard_[static_cast<std::size_t>(watched.rank.number)];
  watched.silence = heard ? Clock::duration{} : watched.silence + watched_for;
  watched.heard = watched.heard || heard;
  heard = false;
  const std::chrono::seconds limit = watched.heard ? silence_limit_ : std::max(silence_limit_, first_silence_limit);
  if (watched.silence <= limit) return {};
  return fmt::format("it has not been heard of for {} seconds", limit.count());
}

}  // namespace crema::runtime
