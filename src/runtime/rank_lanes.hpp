#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "actor/host.hpp"
#include "lane/thread_lane.hpp"
#include "process/process_lane.hpp"
#include "runtime/resources.hpp"
#include "runtime/roles.hpp"
#include "worker/worker.hpp"

namespace crema::runtime {

/// All places where user code of one rank runs: the lanes of its worker, of its actors, and of the driver. Used on the
/// event loop's thread; no call blocks or waits for user code.
class RankLanes {
 public:
  /// `inbox`: where lanes that are threads post. `zygote`: from which lanes of tasks and actors come; nullptr: they are
  /// threads. All outlive it. `self`: the rank, without a lane.
  RankLanes(wire::Outbox& outbox, lane::Inbox& inbox, process::Zygote* zygote, lane::Identity self, Roles roles,
            const RankOffer& offer);

  /// nullptr: the rank runs no tasks.
  [[nodiscard]] worker::Worker* worker() { return worker_ ? &*worker_ : nullptr; }
  /// nullptr: the rank hosts no actors.
  [[nodiscard]] actors::Host* host() { return host_ ? &*host_ : nullptr; }

  void start_driver(std::function<void()> driver);
  [[nodiscard]] bool is_driver(LaneId lane) const { return driver_ && driver_->id() == lane; }
  /// It gets the answer once it is woken.
  void reply_to_driver(wire::Frame frame);
  /// Once a turn of the loop, after all frames of that turn.
  void wake_driver();

  /// Calls `sink` with all that lanes in processes have posted, then `lost` with each that is no more; returns whether
  /// there was any of it. Throws Error when the system gives no more processes.
  bool take_from_processes(const std::function<void(wire::Frame)>& sink,
                           const std::function<void(const lane::Loss&)>& lost);

  /// The job stops early: what runs is told, and what starts later.
  void tell_stopping();
  /// Starts nothing further.
  void stop();
  /// After stop(): whether all user code has come back.
  [[nodiscard]] bool stopped() const;
  /// Whether user code runs that does not wait for an answer.
  [[nodiscard]] bool busy() const;
  /// Whether one of the lanes may want a core now: of a driver that waits it is not known.
  [[nodiscard]] bool may_run() const;

  /// How many lanes are to run at a time; actors have one each, whatever their number.
  [[nodiscard]] std::uint32_t side_by_side() const;
  /// Adds what the lanes do now.
  void describe(wire::Status& status) const;
  /// Adds what the lanes have done.
  void describe(wire::RankReport& report) const;

 private:
  /// Where lanes of tasks and actors come from.
  lane::Factory& factory();
  std::unique_ptr<lane::Lane> start_lane(lane::Factory& factory, lane::Main main);

  lane::ThreadLaneFactory threads_;
  std::optional<process::ProcessLaneFactory> processes_;
  LaneId last_lane_;
  bool stopping_early_ = false;
  std::uint32_t lanes_lost_ = 0;
  std::optional<worker::Worker> worker_;
  std::optional<actors::Host> host_;
  std::unique_ptr<lane::Lane> driver_;
  bool driver_replied_ = false;  // and was not woken
};

}  // namespace crema::runtime
