#include "runtime/rank.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <thread>

namespace crema::runtime {
namespace {

using namespace std::chrono_literals;
using wire::FrameType;

/// How long an idle loop looks for messages without sleeping: a few round trips.
constexpr auto spin = 100us;
/// Frames of other ranks taken in one turn before what they caused is sent.
constexpr int frames_a_turn = 1024;
/// After the head's shutdown: how long user code has to come back before the rank says goodbye without it.
constexpr auto lane_grace = 1s;
/// As above where the job stops early: what runs was waited for before.
constexpr auto lane_grace_after_draining = 200ms;
/// After the head has sent its last message: how long it has to leave the rank.
constexpr auto last_send_limit = 2s;
/// After a rank has failed: how long the head has to end the job before the rank ends by itself.
constexpr auto failed_limit = 4s;

}  // namespace

Rank::Rank(transport::Transport& transport, std::vector<RankInfo> ranks, Options options, spdlog::logger& log)
    : transport_{transport},
      options_{std::move(options)},
      me_{transport.rank()},
      ranks_{std::move(ranks)},
      roles_{ranks_[static_cast<std::size_t>(me_.number)].roles},
      offers_{offers_of(ranks_, options_.lanes)},
      one_core_{bound_to_one_core()},
      log_{log},
      began_{Clock::now()},
      bell_{options_.zygote == nullptr ? own_bell_ : options_.zygote->board().bell()},
      inbox_{bell_},
      link_{transport},
      store_{options_.store, [this] { bell_.ring(); }},
      exchange_{link_, store_, me_, options_.store.budget / 4,
                [this](wire::Frame frame) { pass_on(std::move(frame)); }},
      router_{link_, me_, options_.keeps_history},
      lanes_{link_,           inbox_,
             options_.zygote, options_.identity(me_, ranks_[static_cast<std::size_t>(me_.number)].host),
             roles_,          offers_[static_cast<std::size_t>(me_.number)]},
      worker_{lanes_.worker()},
      host_{lanes_.host()},
      liveness_{began_, options_.silence_limit},
      last_tick_{began_} {
  for (int rank = 0; rank < transport.size(); ++rank) {
    if (rank == me_.number || (!roles_.head && rank != head_rank.number)) continue;
    const RankInfo& info = ranks_[static_cast<std::size_t>(rank)];
    const RankInfo& mine = ranks_[static_cast<std::size_t>(me_.number)];
    // Ranks in containers can share a host's name without seeing each other's processes.
    const bool visible = info.host == mine.host && info.processes == mine.processes;
    liveness_.watch(RankId{rank}, visible ? info.pid : 0);
  }
}

void Rank::become_head(RunSink& sink, Progress& progress, std::function<void()> driver) {
  head_ = std::make_unique<HeadControl>(link_, sink, store_, progress, ranks_, offers_, began_,
                                        HeadControl::Times{options_.stall_after, options_.end}, log_);
  lanes_.start_driver(std::move(driver));
}

Rank::End Rank::run() {
  // Linux prolongs sleeps by 50 us, which is more than the short ones of this loop. Without effect nothing breaks.
  prctl(PR_SET_TIMERSLACK, 1000UL);
  Backoff backoff{spin};
  while (!end_) {
    bool moved = false;
    // What fails every time (MPI after a rank was lost) must not keep the rest from ending the job.
    attempt([&] { moved |= take_from_lanes(); });
    attempt([&] { moved |= receive(); });
    attempt([&] { store_.turn(); });
    attempt([&] {
      for (const lane::Loss& loss : std::exchange(late_losses_, {})) on_lane_lost(loss);
    });
    attempt([&] { moved |= handle_local(); });
    const Clock::time_point now = Clock::now();
    attempt([&] { look_for_signal(); });
    attempt([&] { act(now); });
    attempt([&] { moved |= handle_local(); });
    attempt([&] { link_.flush(); });
    if (now - last_tick_ >= options_.watch_interval) attempt([&] { tick(now); });
    end_if_left(now);
    if (moved) {
      backoff.reset();
      continue;
    }
    const std::chrono::microseconds pause = backoff.next(now);
    if (pause > 0us || (one_core_ && lanes_.may_run())) {
      bell_.sleep(std::max<std::chrono::microseconds>(pause, 25us));
      // Open MPI's probe sees what came during the sleep only the second time.
      attempt([&] {
        if (receive()) backoff.reset();
      });
    } else {
      std::this_thread::yield();
    }
  }
  end_->lanes_came_back = lanes_.stopped();
  return *end_;
}

template <class Action>
void Rank::attempt(Action&& action) {
  try {
    action();
  } catch (const std::exception& error) {
    report_fatal(error.what());
  }
}

bool Rank::take_from_lanes() {
  bell_.silence();
  taken_ = inbox_.take(std::move(taken_));
  wire::FrameReader reader{taken_.packet};
  auto large = taken_.large.begin();
  bool any = false;
  while (auto frame = reader.next()) {
    any = true;
    if ((frame->header.flags & wire::flag_detached_payload) != 0) {
      frame->header.flags = 0;
      frame->payload = std::move(*large++);
    }
    on_lane_frame(std::move(*frame));
  }
  any |= lanes_.take_from_processes([this](wire::Frame frame) { on_lane_frame(std::move(frame)); },
                                    [this](const lane::Loss& loss) { on_lane_lost(loss); });
  return any;
}

void Rank::on_lane_lost(const lane::Loss& loss) {
  if (stopping_since_) return;
  // What it posted is to come first, also what waits for room in the store.
  if (exchange_.holds(loss.lane)) {
    late_losses_.push_back(loss);
    return;
  }
  exchange_.on_lane_lost(loss.lane);
  log_.info("lane {}: {}", loss.lane.number, loss.reason);
  if (worker_ && worker_->owns(loss.lane)) return worker_->on_lane_lost(loss);
  if (host_) host_->on_lane_lost(loss);
}

bool Rank::receive() {
  for (int i = 0; i < frames_a_turn; ++i) {
    auto received = link_.receive();
    if (!received) return i > 0;
    liveness_.heard_from(received->from);
    on_frame(received->from, std::move(received->frame));
  }
  return true;
}

void Rank::act(Clock::time_point now) {
  if (head_) head_->turn(now);
  lanes_.wake_driver();
  if (worker_ && !stopping_since_) worker_->turn(now.time_since_epoch().count());
  if (host_) host_->turn();
  if (draining_ && !stopping_since_) tell_draining();
  if (stopping_since_) finish_stop_if_possible(now);
}

void Rank::end_if_left(Clock::time_point now) {
  if (head_ && head_->left() && (link_.all_sent() || now - head_->left()->at > last_send_limit))
    end_ = End{head_->left()->exit_code, head_->everybody_lives(), true};
  if (!head_ && failed_since_ && !end_ && now - *failed_since_ > failed_limit) end_ = End{1, false, true};
}

/// All of them: what lanes post is bounded a turn, and must not pile up here.
bool Rank::handle_local() {
  bool moved = false;
  while (auto frame = link_.take_local()) {
    moved = true;
    on_frame(me_, std::move(*frame));
  }
  return moved;
}

void Rank::pass_on(wire::Frame frame) {
  switch (frame.header.type) {
    case FrameType::park:
    case FrameType::resume:
      return worker_->on_lane(std::move(frame));
    case FrameType::object:
      return exchange_.on_made(std::move(frame));
    case FrameType::get_inputs:
      return exchange_.on_get_inputs(frame);
    case FrameType::make_room:
      return exchange_.on_make_room(frame);
    case FrameType::outcome:
      if (worker_ && worker_->owns(frame.header.lane)) return worker_->on_lane(std::move(frame));
      return host_->on_lane(std::move(frame));
    case FrameType::call:
      if (host_ && host_->hold(frame)) return;
      return router_.on_call(std::move(frame));
    default:
      link_.send(head_rank, std::move(frame));
  }
}

void Rank::on_frame(RankId from, wire::Frame frame) {
  switch (frame.header.type) {
    case FrameType::run_task:
      if (!worker_ || stopping_since_) return;
      // So that they are on their way before a lane needs them.
      if ((frame.header.flags & wire::flag_large_inputs) != 0)
        exchange_.fetch_inputs(wire::read_large_inputs(frame.payload));
      return worker_->on_task(std::move(frame));
    case FrameType::hand_back:
      if (worker_ && !stopping_since_) worker_->on_hand_back();
      return;
    case FrameType::cancel_task:
      if (worker_ && !stopping_since_) worker_->on_cancel(frame);
      return;
    case FrameType::recorded:
      if (!host_ || stopping_since_) return;
      host_->on_frame(from, std::move(frame));
      for (wire::Frame& call : host_->take_free()) router_.on_call(std::move(call));
      return;
    case FrameType::known_calls:
      if (head_ && frame.payload.empty()) return head_->on_frame(from, std::move(frame));
      [[fallthrough]];
    case FrameType::forget_calls:
    case FrameType::start_actor:
    case FrameType::actor_gone:
    case FrameType::call:
      if (host_ && !stopping_since_) host_->on_frame(from, std::move(frame));
      return;
    case FrameType::kill_actor:
      // From a lane it goes to the head first, which knows where the actor is and frees its name.
      if (frame.header.lane == LaneId{}) {
        if (host_ && !stopping_since_) host_->on_frame(from, std::move(frame));
        return;
      }
      return head_->on_frame(from, std::move(frame));
    case FrameType::actor_location:
      return router_.on_location(frame);
    case FrameType::placed:
      return router_.on_placed(frame);
    case FrameType::heard:
      return head_ ? head_->on_frame(from, std::move(frame)) : router_.on_heard();
    case FrameType::located:
      return exchange_.on_located(frame);
    case FrameType::fetch:
      return exchange_.on_fetch(from, frame);
    case FrameType::object:
      return exchange_.on_object(std::move(frame));
    case FrameType::free:
      return exchange_.on_free(frame);
    case FrameType::moved:
      return exchange_.on_moved(frame);
    case FrameType::rank_lost:
      return link_.fence(ByteReader{frame.payload}.get<RankId>());
    case FrameType::value:
    case FrameType::large_value:
    case FrameType::reply:
    case FrameType::completed:
    case FrameType::accepted:
      return on_reply(std::move(frame));
    case FrameType::heartbeat:
      return;
    case FrameType::status_request:
      return send_status(frame);
    case FrameType::stopping:
      return begin_draining();
    case FrameType::shutdown:
      return begin_stop();
    case FrameType::leave: {
      if (head_) return;
      ByteReader reader{frame.payload};
      const auto exit_code = reader.get<std::int32_t>();
      end_ = End{exit_code, reader.get<std::uint8_t>() != 0, true};
      return;
    }
    default:
      if (!head_) {
        throw Error{"handling a message from rank " + std::to_string(from.number) + ": type " +
                    std::to_string(static_cast<int>(frame.header.type)) +
                    " is for the head; do all ranks run the same build?"};
      }
      head_->on_frame(from, std::move(frame));
  }
}

void Rank::on_reply(wire::Frame frame) {
  if (frame.header.lane == LaneId{}) return router_.on_value(frame);
  if ((worker_ && worker_->on_reply(frame)) || (host_ && host_->on_reply(frame))) return;
  if (!lanes_.is_driver(frame.header.lane)) return;
  head_->before_driver_goes_on();
  lanes_.reply_to_driver(std::move(frame));
}

void Rank::tick(Clock::time_point now) {
  last_tick_ = now;
  if (roles_.head) {
    for (int rank = 1; rank < transport_.size(); ++rank)
      link_.send(RankId{rank}, wire::make_frame(FrameType::heartbeat));
  } else {
    link_.send(head_rank, wire::make_frame(FrameType::heartbeat));
  }
  look_for_losses(now);
  if (head_) head_->tick(now);
}

void Rank::look_for_losses(Clock::time_point now) {
  for (const RankId rank : transport_.failures()) liveness_.failed(rank);
  for (const Liveness::Loss& loss : liveness_.look(now)) {
    if (!head_) {
      log_.error("the head (rank 0 on {}) was lost: {}; this rank ends", ranks_[0].host, loss.reason);
      end_ = End{1, false, true};
      return;
    }
    // Should it live, it learns that it was given up, and ends.
    link_.fence(loss.rank, leave_frame(1, false));
    head_->on_rank_lost(loss.rank, loss.reason);
  }
}

void Rank::report_fatal(const std::string& reason) {
  if (failed_since_) return;
  failed_since_ = Clock::now();
  if (head_) return head_->fail(reason);
  log_.error("{}", reason);
  ByteBuffer payload;
  payload.put_text(reason);
  link_.send(head_rank, wire::make_frame(FrameType::fatal, std::move(payload)));
}

/// The launcher passes a signal to all ranks, or somebody has sent it to this one alone: the head hears of both.
void Rank::look_for_signal() {
  if (options_.stop_signal == nullptr) return;
  const int signal = options_.stop_signal->load(std::memory_order_relaxed);
  if (signal == told_signal_) return;
  told_signal_ = signal;
  ByteBuffer payload;
  payload.put<std::int32_t>(signal);
  link_.send(head_rank, wire::make_frame(FrameType::stop_asked, std::move(payload)));
}

void Rank::begin_draining() {
  draining_ = true;
  lanes_.tell_stopping();
  if (worker_) worker_->on_hand_back();
}

void Rank::tell_draining() {
  const bool busy = lanes_.busy();
  if (std::exchange(told_busy_, busy) == busy) return;
  ByteBuffer payload;
  payload.put<std::uint8_t>(busy);
  link_.send(head_rank, wire::make_frame(FrameType::draining, std::move(payload)));
}

void Rank::begin_stop() {
  stopping_since_ = Clock::now();
  lanes_.stop();
}

void Rank::finish_stop_if_possible(Clock::time_point now) {
  const Clock::duration grace = draining_ ? Clock::duration{lane_grace_after_draining} : lane_grace;
  if (said_goodbye_ || (!lanes_.stopped() && now - *stopping_since_ < grace)) return;
  said_goodbye_ = true;
  link_.send(head_rank, wire::make_frame(FrameType::goodbye, wire::write(report())));
}

void Rank::send_status(const wire::Frame& request) {
  wire::Status status{.held = router_.held()};
  lanes_.describe(status);
  wire::Frame frame = wire::make_frame(FrameType::status, wire::write(status));
  frame.header.sequence = request.header.sequence;
  link_.send(head_rank, std::move(frame));
}

RankReport Rank::report() const {
  RankReport report;
  lanes_.describe(report);
  const double lived = std::chrono::duration<double>(Clock::now() - began_).count();
  report.idle_seconds = std::max(0.0, lived * lanes_.side_by_side() - report.busy_seconds);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  report.peak_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  return report;
}

}  // namespace crema::runtime
