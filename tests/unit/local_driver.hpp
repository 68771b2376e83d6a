#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "crema/future.hpp"
#include "lane/lane_main.hpp"
#include "wire/messages.hpp"

namespace crema::testing {

/// Runs a driver against a head that is only this object: a task runs when its value is asked for, on a worker's lane
/// of its own. The rest is real: contexts, frames, encoded failures.
class LocalDriver {
 public:
  explicit LocalDriver(int workers = 1) : workers_{workers} {}

  /// Returns the message of the exception that ended the driver, if one did.
  std::string run(std::function<void()> driver) {
    DriverChannel channel{*this};
    lane::run_driver(std::move(driver))({.rank = head_rank, .lane = LaneId{0}, .host = "here"}, channel);
    return error_;
  }

  /// The labels of all tasks submitted, in order.
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  /// The files that it told it depends on, in order.
  [[nodiscard]] const std::vector<std::string>& inputs() const { return inputs_; }
  /// The most tasks that were submitted and not yet asked for.
  [[nodiscard]] std::size_t most_waiting() const { return most_waiting_; }
  [[nodiscard]] std::size_t waiting() const { return tasks_.size(); }

 private:
  class DriverChannel : public lane::Channel {
   public:
    explicit DriverChannel(LocalDriver& head) : head_{head} {}
    std::optional<wire::Frame> next_work() override { return std::nullopt; }
    std::optional<wire::Frame> poll_reply() override {
      if (replies_.empty()) return std::nullopt;
      wire::Frame frame = std::move(replies_.front());
      replies_.pop();
      return frame;
    }
    wire::Frame next_reply() override {
      std::optional<wire::Frame> frame = poll_reply();
      if (!frame) throw std::logic_error{"the driver waits for what will never come"};
      return std::move(*frame);
    }
    bool cancelled(TaskId) override { return false; }
    bool stopping() override { return false; }
    void post(wire::Frame frame, bool) override {
      if (std::optional<wire::Frame> reply = head_.answer(frame)) replies_.push(std::move(*reply));
    }
    void runs(TaskId) override {}
    void waits_for_room(ActorId) override {}

   private:
    LocalDriver& head_;
    std::queue<wire::Frame> replies_;
  };

  /// A worker's lane that has one task, whose inputs are stored values.
  class WorkerChannel : public lane::Channel {
   public:
    WorkerChannel(wire::TaskSpec task, std::map<TaskId, Bytes>& stored) : task_{std::move(task)}, stored_{stored} {}
    std::optional<wire::Frame> next_work() override {
      if (!task_) return std::nullopt;
      ByteBuffer work = wire::write(*task_);
      for (const Input& input : task_->arguments.inputs) {
        work.put(std::uint8_t{1});
        work.put_sized(stored_.at(input.id).span());
      }
      task_.reset();
      return wire::make_frame(wire::FrameType::run_task, std::move(work));
    }
    wire::Frame next_reply() override { throw std::logic_error{"these tasks ask for nothing"}; }
    std::optional<wire::Frame> poll_reply() override { return std::nullopt; }
    bool cancelled(TaskId) override { return false; }
    bool stopping() override { return false; }
    void post(wire::Frame frame, bool) override {
      if (frame.header.type == wire::FrameType::object) large = frame.payload;
      if (frame.header.type == wire::FrameType::outcome) outcome = wire::read_outcome(frame.payload);
      if (frame.header.type == wire::FrameType::put) {
        const wire::Put put = wire::read_put(frame.payload);
        stored_.emplace(put.id, put.stored > 0 ? large : put.value);
      }
    }
    void runs(TaskId) override {}
    void waits_for_room(ActorId) override {}

    wire::Outcome outcome;
    Bytes large;  // the value of a large outcome

   private:
    std::optional<wire::TaskSpec> task_;
    std::map<TaskId, Bytes>& stored_;
  };

  std::optional<wire::Frame> answer(const wire::Frame& frame) {
    switch (frame.header.type) {
      case wire::FrameType::submit: {
        wire::TaskSpec task = wire::read_task(frame.payload);
        labels_.push_back(task.label);
        tasks_.emplace(task.id, std::move(task));
        most_waiting_ = std::max(most_waiting_, tasks_.size());
        return std::nullopt;
      }
      case wire::FrameType::get:
        return run_task(wire::read_ids(frame.payload).at(0));
      case wire::FrameType::cluster: {
        ByteBuffer cluster;
        for (const std::int32_t number : {1, 1 + workers_, workers_, workers_}) cluster.put(number);
        for (int i = 0; i < 2; ++i) wire::write_resources(cluster, {});
        wire::Frame reply =
            wire::make_frame(wire::FrameType::reply, wire::write(wire::Reply{{}, Bytes{std::move(cluster)}}));
        reply.header.sequence = frame.header.sequence;
        return reply;
      }
      case wire::FrameType::input:
        inputs_.push_back(wire::read_input(frame.payload).path);
        return std::nullopt;
      case wire::FrameType::driver_done:
        error_ = lane::read_driver_result(frame.payload).message;
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }

  wire::Frame run_task(TaskId id) {
    WorkerChannel channel{tasks_.extract(id).mapped(), stored_};
    const LaneId lane{++lanes_};
    std::thread{[&] { lane::run_tasks({.rank = RankId{1}, .lane = lane, .host = "there"}, channel); }}.join();
    const wire::Outcome& outcome = channel.outcome;
    const wire::Value value{
        .id = id, .failed = outcome.failed, .bytes = outcome.stored > 0 ? channel.large : outcome.value};
    BytesSlab slab;
    return wire::frame_of(wire::FrameType::value, wire::write(value, slab), {});
  }

  const int workers_;
  std::map<TaskId, wire::TaskSpec> tasks_;  // not yet asked for
  std::map<TaskId, Bytes> stored_;          // by tasks
  std::uint32_t lanes_ = 0;                 // of workers, each of which has had one task
  std::vector<std::string> inputs_;
  std::vector<std::string> labels_;
  std::size_t most_waiting_ = 0;
  std::string error_;
};

}  // namespace crema::testing
