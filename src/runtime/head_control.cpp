#include "runtime/head_control.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "wire/link.hpp"

namespace crema::runtime {
namespace {

using namespace std::chrono_literals;
using wire::FrameType;

/// How long the ranks have to say goodbye: user code that does not come back is left behind.
constexpr auto goodbye_limit = 3s;

std::int64_t steady_nanoseconds() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

head::Layout layout_of(const std::vector<RankInfo>& ranks, const std::vector<RankOffer>& offers) {
  head::Layout layout{.nodes = count_nodes(ranks), .ranks = static_cast<int>(ranks.size())};
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    const RankId id{static_cast<std::int32_t>(rank)};
    if (ranks[rank].roles.worker) layout.workers.push_back(id);
    if (ranks[rank].roles.actor_host) layout.actor_hosts.push_back(id);
    layout.offers.push_back(offers[rank].offer);
  }
  return layout;
}

}  // namespace

HeadControl::HeadControl(wire::Outbox& outbox, RunSink& sink, store::ObjectStore& store, Progress& progress,
                         std::vector<RankInfo> ranks, const std::vector<RankOffer>& offers, Clock::time_point began,
                         Times times, spdlog::logger& log)
    : outbox_{outbox},
      sink_{sink},
      store_{store},
      progress_{progress},
      ranks_{std::move(ranks)},
      began_{began},
      log_{log},
      head_{outbox, sink, store, layout_of(ranks_, offers), began.time_since_epoch().count(), &steady_nanoseconds},
      stall_{outbox, ranks_, times.stall_after, log},
      stop_{times.end, static_cast<int>(ranks_.size())} {}

void HeadControl::on_frame(RankId from, wire::Frame frame) {
  // From here on the sink and the end belong to the thread that keeps the run: what comes late changes nothing.
  if (phase_ >= Phase::keeping) return;
  switch (frame.header.type) {
    case FrameType::goodbye:
      end_.reports[from] = wire::read_report(frame.payload);
      return;
    case FrameType::fatal: {
      ByteReader reader{frame.payload};
      return fail(fmt::format("rank {} on {}: {}", from.number, ranks_[from.number].host, reader.get_text()));
    }
    case FrameType::input:
      return keep_input(frame.payload);
    case FrameType::status:
      return stall_.on_status(from, frame);
    case FrameType::stop_asked:
      return stop_.on_signal(ByteReader{frame.payload}.get<std::int32_t>(), Clock::now());
    case FrameType::draining:
      return stop_.on_rank(from, ByteReader{frame.payload}.get<std::uint8_t>() != 0, Clock::now());
    default:
      head_.on_frame(from, std::move(frame));
  }
}

void HeadControl::turn(Clock::time_point now) {
  switch (phase_) {
    case Phase::running:
      if (stop_.begins(now)) begin_draining(now);
      if (journal_ != nullptr) journal_->turn(now);
      head_.turn(sink_.keeps_up() && store_.keeps_up() && (journal_ == nullptr || journal_->keeps_up()));
      if (failed_ || head_.finished() || stop_.over(now)) return end_run(now);
      if (!stop_.begun()) look_for_stall(now);
      return;
    case Phase::collecting:
      if (end_.reports.size() + end_.lost_at.size() >= ranks_.size() || now - collecting_since_ > goodbye_limit)
        keep_run();
      return;
    case Phase::keeping:
      if (keeping_.wait_for(0s) == std::future_status::ready) leave(keeping_.get());
      return;
    case Phase::left:
      return;
  }
}

void HeadControl::tick(Clock::time_point now) {
  if (phase_ != Phase::running) return;
  progress_.update(head_.progress(), now);
  log_unheard();
  sink_.flush();
  if (const std::string reason = sink_.why_broken(); !reason.empty()) fail(reason);
  if (journal_ == nullptr) return;
  if (const std::string reason = journal_->failure(); !reason.empty()) fail(reason);
  tell_size_of_journal();
}

void HeadControl::tell_size_of_journal() {
  if (journal_->bytes() < tell_size_from_) return;
  while (tell_size_from_ <= journal_->bytes()) tell_size_from_ *= 2;
  progress_.clear();
  log_.warn(
      "this start's journal has {:.1f} GiB, and goes when the job is done; calls of actors with serialize() are kept "
      "only until the next snapshot, results of more than 64 KiB not at all unless their task says journal = always",
      std::ldexp(static_cast<double>(journal_->bytes()), -30));
}

void HeadControl::look_for_stall(Clock::time_point now) {
  const head::Head::Progress progress = head_.progress();
  const bool nothing_goes_on = stall_.turn(
      progress.submitted + progress.finished + progress.calls_ended, [this] { return head_.waits(); }, now);
  if (!nothing_goes_on || lost_.empty()) return;
  const std::uint64_t calls = head_.open_calls();
  if (calls == 0) return;
  fail(fmt::format(
      "{} actor calls that lost ranks had made have never arrived, and are in no history (--journal off, or "
      "ActorOptions::durable = false); let tasks wait for such calls, so that they make them again, or keep a journal",
      calls));
}

/// Before anything that comes of it.
void HeadControl::keep_input(const Bytes& payload) {
  if (journal_ == nullptr) return;
  InputFile file = wire::read_input(payload);
  InputFile& known = inputs_[file.path];
  if (known == file) return;
  known = std::move(file);
  journal_->append(journal::RecordType::input, payload.span());
}

void HeadControl::log_unheard() {
  for (const Failure& failure : head_.take_unheard_failures())
    log_.error("{} (nobody asked for its result)", TaskError{failure}.what());
}

void HeadControl::on_rank_lost(RankId rank, const std::string& reason) {
  lost_.insert(rank);
  if (phase_ >= Phase::keeping) return;
  stop_.on_rank(rank, false, Clock::now());
  stall_.lose(rank);
  if (!end_.reports.contains(rank)) end_.lost_at[rank] = std::chrono::duration<double>(Clock::now() - began_).count();
  send_to_all(FrameType::rank_lost, [&] {
    ByteBuffer payload;
    payload.put(rank);
    return payload;
  });
  const auto& info = ranks_[static_cast<std::size_t>(rank.number)];
  const std::string loss =
      fmt::format("rank {} ({}) on {} was lost: {}", rank.number, info.roles.text(), info.host, reason);
  if (phase_ == Phase::running && !failed_) {
    const std::size_t gone_before = head_.actors().gone();
    const std::string consequence = head_.lose_rank(rank, info.host, reason);
    if (!consequence.empty()) {
      if (journal_ == nullptr) return fail(fmt::format("{}; {}", loss, consequence));
      return fail(fmt::format("{}; {}; go on with --resume (exit code {})", loss, consequence, exit_interrupted),
                  exit_interrupted);
    }
    const std::size_t gone = head_.actors().gone() - gone_before;
    progress_.clear();
    log_.warn("{}; what it ran and held is made again elsewhere{}", loss,
              gone == 0 ? "" : fmt::format(", but {} of its actors, whose calls fail with ActorError", gone));
  }
}

void HeadControl::fail(const std::string& reason, int exit_code) {
  if (failed_ || phase_ >= Phase::keeping) return;
  failed_ = true;
  end_.exit_code = exit_code;
  end_.error = reason;
}

void HeadControl::begin_draining(Clock::time_point now) {
  progress_.clear();
  const std::chrono::duration<double> left = std::max(Clock::duration::zero(), stop_.tasks_until() - now);
  log_.warn("stopping early after {}: nothing further is started, what runs has {:.1f} s to end", stop_.reason(),
            left.count());
  head_.stop_dispatching();
  send_to_all(FrameType::stopping, [] { return ByteBuffer{}; });
}

void HeadControl::interrupt() {
  const head::Head::Progress progress = head_.progress();
  end_.exit_code = exit_interrupted;
  end_.asked_to_stop = true;
  end_.error = fmt::format("stopped early after {}: {} of the {} tasks known so far have ended{} (exit code {})",
                           stop_.reason(), progress.finished, progress.submitted,
                           journal_ == nullptr ? "" : "; go on with --resume", exit_interrupted);
}

void HeadControl::take_end_of_work() {
  if (!head_.finished() || head_.driver()->early) return interrupt();
  end_.exit_code = head_.close();
  if (end_.exit_code == 0) end_with_unclaimed_calls();
  const lane::DriverResult& driver = *head_.driver();
  end_.error_type = driver.type;
  if (driver.exit_code == 2) end_.error = driver.message;
  if (driver.exit_code == 1) end_.error = fmt::format("the driver failed with {}: {}", driver.type, driver.message);
  if (driver.exit_code == 0 && end_.exit_code != 0 && end_.error.empty())
    end_.error = "tasks failed whose results nobody asked for";
}

void HeadControl::end_run(Clock::time_point now) {
  progress_.clear();
  head_.stop_dispatching();
  if (!failed_) take_end_of_work();
  log_unheard();
  send_to_all(FrameType::shutdown, [] { return ByteBuffer{}; });
  collecting_since_ = now;
  phase_ = Phase::collecting;
}

/// The state of actors has calls in it that this run's results know nothing of.
void HeadControl::end_with_unclaimed_calls() {
  const std::vector<std::string> calls = head_.unclaimed_calls();
  if (calls.empty()) return;
  end_.exit_code = 1;
  end_.error = fmt::format(
      "{} actor calls of the interrupted run were not made again by this one: {}{}; a driver, its tasks and methods "
      "must "
      "do the same things when they get the same inputs and results (this_task().rng() repeats, clocks do not). Start "
      "anew with --restart",
      calls.size(), fmt::join(calls.begin(), calls.begin() + std::min<std::ptrdiff_t>(std::ssize(calls), 10), ", "),
      calls.size() > 10 ? ", …" : "");
}

void HeadControl::keep_run() {
  end_.actors = &head_.actors();
  end_.uses = head_.uses();
  end_.driver_came_back = head_.driver().has_value();
  keeping_ = std::async(std::launch::async, [this] {
    // Whatever comes after: what has ended is kept, and a resume can go on from it.
    sink_.flush();
    return sink_.finish(end_);
  });
  phase_ = Phase::keeping;
}

void HeadControl::leave(int exit_code) {
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank)
    outbox_.send(RankId{static_cast<std::int32_t>(rank)}, leave_frame(exit_code, everybody_lives()));
  phase_ = Phase::left;
  left_ = Left{exit_code, Clock::now()};
}

wire::Frame leave_frame(int exit_code, bool everybody_lives) {
  ByteBuffer payload;
  payload.put<std::int32_t>(exit_code);
  payload.put<std::uint8_t>(everybody_lives);
  return wire::make_frame(FrameType::leave, std::move(payload));
}

void send_away(transport::Transport& transport, int exit_code) {
  wire::Link link{transport};
  for (int rank = 0; rank < transport.size(); ++rank)
    if (rank != head_rank.number) link.send(RankId{rank}, leave_frame(exit_code, true));
  for (link.flush(); !link.all_sent(); link.flush()) {
    while (link.receive()) {
    }
    std::this_thread::sleep_for(1ms);
  }
}

void HeadControl::send_to_all(FrameType type, const std::function<ByteBuffer()>& payload) {
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
    const RankId to{static_cast<std::int32_t>(rank)};
    if (!lost_.contains(to)) outbox_.send(to, wire::make_frame(type, payload()));
  }
}

}  // namespace crema::runtime
