#include "runtime/stall_watch.hpp"

#include <fmt/format.h>

namespace crema::runtime {
namespace {

using wire::FrameType;

/// How long the ranks have to say what they do.
constexpr std::chrono::seconds answer_limit{1};

}  // namespace

bool StallTimer::due(std::uint64_t progress, Clock::time_point now) {
  if (progress_ != progress) {
    progress_ = progress;
    start(now);
    return false;
  }
  if (now < next_) return false;
  wait_ *= 2;
  next_ = now + wait_;
  return true;
}

void StallTimer::start(Clock::time_point now) {
  since_ = now;
  wait_ = after_;
  next_ = now + after_;
}

StallWatch::StallWatch(wire::Outbox& outbox, const std::vector<RankInfo>& ranks, Clock::duration after,
                       spdlog::logger& log)
    : outbox_{outbox}, log_{log}, timer_{after} {
  for (std::size_t rank = 0; rank < ranks.size(); ++rank)
    ranks_.push_back({fmt::format("rank {} ({}) on {}", rank, ranks[rank].roles.text(), ranks[rank].host), {}});
}

void StallWatch::on_status(RankId from, const wire::Frame& frame) {
  if (!asked_at_ || frame.header.sequence != asked_) return;
  ranks_[static_cast<std::size_t>(from.number)].status = wire::read_status(frame.payload);
  ++answers_;
}

bool StallWatch::turn(std::uint64_t progress, const std::function<head::Waits()>& waits, Clock::time_point now) {
  if (timer_.due(progress, now)) {
    asked_progress_ = progress;
    ask(now);
    return false;
  }
  if (!asked_at_ || (answers_ < asked_ranks_ && now - *asked_at_ < answer_limit)) return false;
  asked_at_.reset();
  if (progress != asked_progress_) return false;
  const head::Waits waiting = waits();
  const std::vector<std::string> lines = head::stall_report(ranks_, waiting);
  const double seconds = std::chrono::duration<double>(timer_.stalled(now)).count();
  if (lines.empty()) timer_.dismiss(now);
  if (!lines.empty()) log_.warn("no progress for {:.3g} s:\n  {}", seconds, fmt::join(lines, "\n  "));
  return head::nothing_goes_on(ranks_, waiting);
}

void StallWatch::ask(Clock::time_point now) {
  asked_at_ = now;
  ++asked_;
  answers_ = asked_ranks_ = 0;
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
    ranks_[rank].status.reset();
    if (ranks_[rank].lost) continue;
    ++asked_ranks_;
    wire::Frame request = wire::make_frame(FrameType::status_request);
    request.header.sequence = asked_;
    outbox_.send(RankId{static_cast<std::int32_t>(rank)}, std::move(request));
  }
}

}  // namespace crema::runtime
