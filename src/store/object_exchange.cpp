#include "store/object_exchange.hpp"

#include <algorithm>
#include <utility>

#include "crema/errors.hpp"

namespace crema::store {
namespace {

using wire::Frame;
using wire::FrameType;

Frame object_frame(FrameType type, TaskId id, LaneId lane, Bytes value) {
  Frame frame{{.type = type, .lane = lane, .payload_size = value.size(), .sequence = id.number}, std::move(value)};
  return frame;
}

Bytes failure_of(TaskId id, RankId rank, const std::string& reason, Failure::Kind kind = Failure::Kind::task) {
  const bool lost = kind == Failure::Kind::worker_lost;
  ByteBuffer out;
  wire::write_failure(
      out,
      {.kind = kind, .task = id, .rank = rank, .type = lost ? "crema::WorkerLost" : "crema::Error", .message = reason});
  return Bytes{std::move(out)};
}

}  // namespace

void ObjectExchange::on_made(Frame frame) {
  const TaskId id{frame.header.sequence};
  making_.insert_or_assign(id, Making{.lane = frame.header.lane});
  store_.put(id, std::move(frame.payload), [this, id](const std::string& error) { made(id, error); });
}

void ObjectExchange::made(TaskId id, const std::string& error) {
  const auto making = making_.find(id);
  if (making == making_.end()) return;  // its lane has died
  making->second.stored = true;
  making->second.error = error;
  if (!making->second.held) return;
  Frame frame = std::move(*making->second.held);
  making_.erase(making);
  if (!error.empty()) turn_into_failure(frame, error);
  resume_(std::move(frame));
}

bool ObjectExchange::hold(Frame& frame) {
  if (making_.empty()) return false;
  const auto making = making_.find(ByteReader{frame.payload}.get<TaskId>());
  if (making == making_.end()) return false;
  if (!making->second.stored) {
    frame.payload = frame.payload.compact();
    making->second.held = std::move(frame);
    return true;
  }
  if (!making->second.error.empty()) turn_into_failure(frame, making->second.error);
  making_.erase(making);
  return false;
}

bool ObjectExchange::holds(LaneId lane) const {
  return std::any_of(making_.begin(), making_.end(),
                     [lane](const auto& item) { return item.second.lane == lane && item.second.held; });
}

void ObjectExchange::on_lane_lost(LaneId lane) {
  std::vector<TaskId> untold;
  for (const auto& [id, making] : making_)
    if (making.lane == lane) untold.push_back(id);
  for (const TaskId id : untold) {
    making_.erase(id);
    store_.free(id);
  }
}

void ObjectExchange::turn_into_failure(Frame& frame, const std::string& reason) const {
  const auto failure = [&](TaskId id) { return failure_of(id, me_, "keeping its result: " + reason); };
  if (frame.header.type == FrameType::put) {
    wire::Put put = wire::read_put(frame.payload);
    put.failed = true;
    put.stored = 0;
    put.carried.clear();
    put.value = failure(put.id);
    frame.payload = Bytes{wire::write(put)};
  } else {
    wire::Outcome outcome = wire::read_outcome(frame.payload);
    outcome.failed = true;
    outcome.stored = 0;
    outcome.carried.clear();
    outcome.value = failure(outcome.id);
    frame.payload = Bytes{wire::write(outcome)};
  }
  frame.header.payload_size = frame.payload.size();
}

void ObjectExchange::on_located(const Frame& frame) {
  const wire::Located located = wire::read_located(frame.payload);
  want(located.location, Waiter{frame.header.lane, located.wanted});
}

void ObjectExchange::fetch_inputs(const std::vector<wire::ObjectLocation>& inputs) {
  for (const wire::ObjectLocation& input : inputs) want(input, std::nullopt);
}

void ObjectExchange::on_get_inputs(const Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload)) {
    // Where it is came with the task: here, or it is on its way.
    want({.id = id, .rank = me_}, Waiter{frame.header.lane, id});
  }
}

void ObjectExchange::want(const wire::ObjectLocation& location, std::optional<Waiter> waiter) {
  if (store_.contains(location.id)) {
    if (waiter) give(location.id, *waiter);
    return;
  }
  auto fetching = fetching_.find(location.id);
  if (fetching == fetching_.end()) {
    if (location.rank == me_) {
      if (waiter) give_failure(*waiter, "it has been let go");
      return;
    }
    fetching = fetching_.emplace(location.id, Fetching{location}).first;
    queue_.push_back(location.id);
  }
  if (waiter) fetching->second.waiters.push_back(*waiter);
  fetch_more();
}

void ObjectExchange::fetch_more() {
  while (!queue_.empty()) {
    const auto next = fetching_.find(queue_.front());
    if (next != fetching_.end()) {
      Fetching& fetching = next->second;
      if (on_their_way_ > 0 && on_their_way_ + fetching.location.size > fetched_ahead_) return;
      on_their_way_ += fetching.location.size;
      fetching.asked = true;
      outbox_.send(fetching.location.rank, wire::make_frame(FrameType::fetch, wire::write_ids({fetching.location.id})));
    }
    queue_.pop_front();
  }
}

void ObjectExchange::on_fetch(RankId from, const Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload)) {
    const auto send = [this, from, id](const Bytes& value, const std::string& error) {
      Frame answer = object_frame(FrameType::object, id, {}, error.empty() ? value : failure_of(id, me_, error));
      if (!error.empty()) answer.header.flags |= wire::flag_failed;
      outbox_.send(from, std::move(answer));
    };
    if (store_.contains(id)) {
      store_.get(id, send);
    } else {
      send({}, "it has been let go");
    }
  }
}

void ObjectExchange::on_object(Frame frame) {
  const TaskId id{frame.header.sequence};
  auto node = fetching_.extract(id);
  if (node.empty()) return;  // let go meanwhile
  const std::vector<Waiter> waiters = std::move(node.mapped().waiters);
  on_their_way_ -= node.mapped().location.size;
  if ((frame.header.flags & wire::flag_failed) != 0) {
    ByteReader reader{frame.payload};
    const Failure failure = wire::read_failure(reader);
    for (const Waiter& waiter : waiters) give_failure(waiter, failure.message, failure.kind);
    return fetch_more();
  }
  // A value that came in a packet with others must not keep the packet.
  store_.put(id, frame.payload.compact(), [this, id, waiters](const std::string& error) {
    if (error.empty()) outbox_.send(head_rank, wire::make_frame(FrameType::have, wire::write_ids({id})));
    for (const Waiter& waiter : waiters) {
      if (error.empty()) {
        give(id, waiter);
      } else {
        give_failure(waiter, error);
      }
    }
    fetch_more();
  });
}

void ObjectExchange::on_moved(const Frame& frame) {
  const wire::Moved moved = wire::read_moved(frame.payload);
  const TaskId id = moved.location.id;
  const auto fetching = fetching_.find(id);
  if (fetching == fetching_.end()) return;
  if (moved.lost.number >= 0 && fetching->second.location.rank != moved.lost) return;
  if (fetching->second.asked) on_their_way_ -= fetching->second.location.size;
  if (moved.location.rank == me_) {  // it was made again here
    const std::vector<Waiter> waiters = std::move(fetching->second.waiters);
    fetching_.erase(fetching);
    for (const Waiter& waiter : waiters) give(id, waiter);
    return fetch_more();
  }
  fetching->second.location = moved.location;
  // One that was not asked for yet has its place in the queue.
  if (std::exchange(fetching->second.asked, false)) queue_.push_front(id);
  fetch_more();
}

void ObjectExchange::on_free(const Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload)) {
    store_.free(id);
    if (const auto node = fetching_.extract(id); !node.empty() && node.mapped().asked)
      on_their_way_ -= node.mapped().location.size;
  }
  fetch_more();
}

void ObjectExchange::give(TaskId id, const Waiter& waiter) {
  if (!store_.contains(id)) return give_failure(waiter, "it has been let go");
  store_.get(id, [this, waiter](const Bytes& value, const std::string& error) {
    if (!error.empty()) return give_failure(waiter, error);
    outbox_.send(me_, object_frame(FrameType::large_value, waiter.wanted, waiter.lane, value));
  });
}

void ObjectExchange::give_failure(const Waiter& waiter, const std::string& reason, Failure::Kind kind) {
  Frame frame = object_frame(FrameType::large_value, waiter.wanted, waiter.lane,
                             failure_of(waiter.wanted, me_, "fetching a large value: " + reason, kind));
  frame.header.flags |= wire::flag_failed;
  outbox_.send(me_, std::move(frame));
}

}  // namespace crema::store
