#include "runtime/rank_lanes.hpp"

#include <utility>

#include "lane/lane_main.hpp"
#include "lane/lane_status.hpp"

namespace crema::runtime {

RankLanes::RankLanes(wire::Outbox& outbox, lane::Inbox& inbox, process::Zygote* zygote, lane::Identity self,
                     Roles roles, const RankOffer& offer)
    : threads_{self, inbox} {
  if (zygote != nullptr) processes_.emplace(*zygote, self);
  if (roles.worker)
    worker_.emplace(
        outbox, [this] { return start_lane(factory(), &lane::run_tasks); }, offer.lanes, offer.offer.cpus, self);
  // The head takes the actors when the last rank that has them is lost.
  if (roles.actor_host || roles.head)
    host_.emplace(
        outbox, [this] { return start_lane(factory(), &lane::run_actor); }, self);
}

lane::Factory& RankLanes::factory() {
  if (processes_) return *processes_;
  return threads_;
}

std::unique_ptr<lane::Lane> RankLanes::start_lane(lane::Factory& factory, lane::Main main) {
  auto lane = factory.start(LaneId{++last_lane_.number}, std::move(main));
  if (stopping_early_) lane->tell_stopping();
  return lane;
}

void RankLanes::start_driver(std::function<void()> driver) {
  driver_ = start_lane(threads_, lane::run_driver(std::move(driver)));
}

void RankLanes::reply_to_driver(wire::Frame frame) {
  driver_->reply(std::move(frame));
  driver_replied_ = true;
}

void RankLanes::wake_driver() {
  if (std::exchange(driver_replied_, false)) driver_->wake();
}

bool RankLanes::take_from_processes(const std::function<void(wire::Frame)>& sink,
                                    const std::function<void(const lane::Loss&)>& lost) {
  if (!processes_) return false;
  const bool any = processes_->take(sink);
  const auto counted = [&](const lane::Loss& loss) {
    ++lanes_lost_;
    lost(loss);
  };
  return processes_->take_ends(sink, counted) || any;
}

void RankLanes::tell_stopping() {
  stopping_early_ = true;
  if (worker_) worker_->tell_stopping();
  if (host_) host_->tell_stopping();
  if (driver_) driver_->tell_stopping();
}

void RankLanes::stop() {
  if (worker_) worker_->stop();
  if (host_) host_->stop();
  if (driver_) driver_->stop();
}

bool RankLanes::stopped() const {
  return (!worker_ || worker_->stopped()) && (!host_ || host_->stopped()) && (!driver_ || driver_->stopped());
}

bool RankLanes::busy() const {
  return (worker_ && worker_->busy()) || (host_ && host_->busy()) ||
         (driver_ && !driver_->stopped() && !driver_->waiting());
}

bool RankLanes::may_run() const { return (worker_ && worker_->busy()) || (driver_ && !driver_->stopped()); }

std::uint32_t RankLanes::side_by_side() const { return worker_ ? worker_->slots() : 1; }

void RankLanes::describe(wire::Status& status) const {
  if (worker_) worker_->describe(status);
  if (host_) host_->describe(status);
  if (driver_ && !driver_->stopped()) {
    status.driver = driver_->id();
    status.lanes.push_back(lane::status_of(*driver_));
  }
}

void RankLanes::describe(wire::RankReport& report) const {
  report.lanes_lost = lanes_lost_;
  if (worker_) {
    report.busy_seconds += worker_->busy_seconds();
    report.tasks += worker_->tasks_done();
  }
  if (host_) {
    report.busy_seconds += host_->busy_seconds();
    report.tasks += host_->calls_done();
  }
}

}  // namespace crema::runtime
