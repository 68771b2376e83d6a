#include "store/object_exchange.hpp"

#include <algorithm>
#include <utility>

#include "crema/errors.hpp"

namespace crema::store {
namespace {

using wire::Frame;
using wire::FrameType;
using wire::ObjectPart;

Frame object_frame(FrameType type, const ObjectPart& object, LaneId lane, Bytes value) {
  Frame frame{{.type = type,
               .lane = lane,
               .payload_size = value.size(),
               .sequence = object.id.number,
               .incarnation = object.part},
              std::move(value)};
  return frame;
}

bool tells_of_value(FrameType type) { return type == FrameType::put || type == FrameType::outcome; }

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
  const auto found = held_.find(making->second.lane);
  if (found == held_.end()) return;
  std::deque<Frame>& held = found->second;
  while (!held.empty() && may_pass(held.front())) {
    resume_(std::move(held.front()));
    held.pop_front();
  }
  if (held.empty()) held_.erase(found);
}

bool ObjectExchange::hold(Frame& frame) {
  const FrameType type = frame.header.type;
  if (making_.empty()) return false;
  if (!tells_of_value(type) && type != FrameType::release && type != FrameType::call && type != FrameType::call_pool &&
      type != FrameType::make_room)
    return false;
  if (!holds(frame.header.lane) && may_pass(frame)) return false;
  frame.payload = frame.payload.compact();
  held_[frame.header.lane].push_back(std::move(frame));
  return true;
}

/// Whether what it tells of, if anything, is in the store. Where that has failed it becomes a failure.
bool ObjectExchange::may_pass(Frame& frame) {
  if (!tells_of_value(frame.header.type)) return true;
  const auto making = making_.find(ByteReader{frame.payload}.get<TaskId>());
  if (making == making_.end()) return true;
  if (!making->second.stored) return false;
  if (!making->second.error.empty()) turn_into_failure(frame, making->second.error);
  making_.erase(making);
  return true;
}

void ObjectExchange::on_make_room(const Frame& frame) {
  ByteBuffer why;
  if (const auto refused = refused_.extract(frame.header.lane); !refused.empty())
    if (refused.mapped().by == ByteReader{frame.payload}.get<TaskId>()) why.put_text(refused.mapped().error);
  Frame answer =
      wire::make_frame(FrameType::reply, wire::write(wire::Reply{.bytes = Bytes{std::move(why)}}), frame.header.lane);
  answer.header.sequence = frame.header.sequence;
  outbox_.send(me_, std::move(answer));
}

void ObjectExchange::on_lane_lost(LaneId lane) {
  refused_.erase(lane);
  std::vector<TaskId> untold;
  for (const auto& [id, making] : making_)
    if (making.lane == lane) untold.push_back(id);
  for (const TaskId id : untold) {
    making_.erase(id);
    store_.free(id);
  }
}

void ObjectExchange::turn_into_failure(Frame& frame, const std::string& reason) {
  const auto failure = [&](TaskId id) { return failure_of(id, me_, "keeping its result: " + reason); };
  if (frame.header.type == FrameType::put) {
    wire::Put put = wire::read_put(frame.payload);
    Refused& refused = refused_[frame.header.lane];
    if (refused.error.empty() || refused.by != put.parent) refused = {put.parent, reason};
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
  want(located.location, Waiter{frame.header.lane, {located.wanted}});
}

void ObjectExchange::fetch_inputs(const std::vector<wire::ObjectLocation>& inputs) {
  for (const wire::ObjectLocation& input : inputs) want(input, std::nullopt);
}

void ObjectExchange::on_get_inputs(const Frame& frame) {
  for (const ObjectPart& object : wire::read_parts(frame.payload)) {
    // Where it is came with the task.
    want({.object = object, .rank = me_}, Waiter{frame.header.lane, object});
  }
}

void ObjectExchange::want(const wire::ObjectLocation& location, std::optional<Waiter> waiter) {
  const ObjectPart& object = location.object;
  if (store_.contains(object.id)) {
    if (waiter) give(object, *waiter);
    return;
  }
  auto fetching = fetching_.find(object);
  if (fetching == fetching_.end()) {
    if (location.rank == me_) {
      if (waiter) give_failure(*waiter, "it has been let go");
      return;
    }
    fetching = fetching_.emplace(object, Fetching{location}).first;
  }
  if (waiter) {
    fetching->second.waiters.push_back(*waiter);
  } else {
    ++fetching->second.tasks;
  }
  // A part is in nobody's store, so it comes when it can be passed on.
  if ((waiter || object.part == 0) && !std::exchange(fetching->second.queued, true)) queue_.push_back(object);
  fetch_more();
}

void ObjectExchange::fetch_more() {
  while (!queue_.empty()) {
    const auto next = fetching_.find(queue_.front());
    if (next != fetching_.end() && next->second.queued && !next->second.asked) {
      Fetching& fetching = next->second;
      if (on_their_way_ > 0 && on_their_way_ + fetching.location.size > fetched_ahead_) return;
      on_their_way_ += fetching.location.size;
      fetching.asked = true;
      outbox_.send(fetching.location.rank,
                   wire::make_frame(FrameType::fetch, wire::write_parts({fetching.location.object})));
    }
    queue_.pop_front();
  }
}

void ObjectExchange::on_fetch(RankId from, const Frame& frame) {
  for (const ObjectPart& object : wire::read_parts(frame.payload)) {
    const auto send = [this, from, object](const Bytes& value, const std::string& error) {
      Frame answer =
          object_frame(FrameType::object, object, {}, error.empty() ? value : failure_of(object.id, me_, error));
      if (!error.empty()) answer.header.flags |= wire::flag_failed;
      outbox_.send(from, std::move(answer));
    };
    if (store_.contains(object.id)) {
      store_.get(object, send);
    } else {
      send({}, "it has been let go");
    }
  }
}

void ObjectExchange::on_object(Frame frame) {
  const ObjectPart object{TaskId{frame.header.sequence}, frame.header.incarnation};
  if ((frame.header.flags & wire::flag_failed) != 0) return on_failed(object, frame.payload);
  const auto fetching = fetching_.find(object);
  if (fetching == fetching_.end() || !fetching->second.asked) return;  // let go meanwhile
  const std::vector<Waiter> waiters = take_waiters(fetching);
  if (object.part != 0) {
    for (const Waiter& waiter : waiters)
      outbox_.send(me_, object_frame(FrameType::large_value, waiter.wanted, waiter.lane, frame.payload));
    return fetch_more();
  }
  // A value that came in a packet with others must not keep the packet.
  store_.put(object.id, frame.payload.compact(), [this, object, waiters](const std::string& error) {
    if (error.empty()) outbox_.send(head_rank, wire::make_frame(FrameType::have, wire::write_ids({object.id})));
    for (const Waiter& waiter : waiters) {
      if (error.empty()) {
        give(object, waiter);
      } else {
        give_failure(waiter, error);
      }
    }
    fetch_more();
  });
}

std::vector<ObjectExchange::Waiter> ObjectExchange::take_waiters(Fetches::iterator place) {
  Fetching& fetching = place->second;
  const std::vector<Waiter> waiters = std::exchange(fetching.waiters, {});
  if (std::exchange(fetching.asked, false)) on_their_way_ -= fetching.location.size;
  fetching.queued = false;
  fetching.tasks -= std::min(fetching.tasks, waiters.size());
  if (place->first.part == 0 || fetching.tasks == 0) fetching_.erase(place);
  return waiters;
}

/// Where the value itself cannot be had, none of its parts can.
void ObjectExchange::on_failed(const ObjectPart& object, const Bytes& payload) {
  ByteReader reader{payload};
  const Failure failure = wire::read_failure(reader);
  for (auto next = fetching_.lower_bound(object); next != fetching_.end() && next->first.id == object.id;) {
    if (object.part != 0 && next->first != object) break;
    // Nobody will be told where a part of it is.
    if (object.part == 0) next->second.tasks = 0;
    for (const Waiter& waiter : take_waiters(next++)) give_failure(waiter, failure.message, failure.kind);
  }
  fetch_more();
}

void ObjectExchange::on_moved(const Frame& frame) {
  const wire::Moved moved = wire::read_moved(frame.payload);
  const TaskId id = moved.location.object.id;
  for (auto next = fetching_.lower_bound({id}); next != fetching_.end() && next->first.id == id;) move(next++, moved);
  fetch_more();
}

void ObjectExchange::move(Fetches::iterator fetching, const wire::Moved& moved) {
  if (moved.lost.number >= 0 && fetching->second.location.rank != moved.lost) return;
  if (fetching->second.asked) on_their_way_ -= fetching->second.location.size;
  if (moved.location.rank == me_) {  // it was made again here
    const auto node = fetching_.extract(fetching);
    for (const Waiter& waiter : node.mapped().waiters) give(node.key(), waiter);
    return;
  }
  fetching->second.location.rank = moved.location.rank;
  if (fetching->first.part == 0) fetching->second.location.size = moved.location.size;
  // One that was not asked for yet has its place in the queue.
  if (std::exchange(fetching->second.asked, false)) queue_.push_front(fetching->first);
}

void ObjectExchange::on_free(const Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload)) {
    store_.free(id);
    for (auto next = fetching_.lower_bound({id}); next != fetching_.end() && next->first.id == id;) {
      if (next->second.asked) on_their_way_ -= next->second.location.size;
      next = fetching_.erase(next);
    }
  }
  fetch_more();
}

void ObjectExchange::give(const ObjectPart& object, const Waiter& waiter) {
  if (!store_.contains(object.id)) return give_failure(waiter, "it has been let go");
  store_.get(object, [this, waiter](const Bytes& value, const std::string& error) {
    if (!error.empty()) return give_failure(waiter, error);
    outbox_.send(me_, object_frame(FrameType::large_value, waiter.wanted, waiter.lane, value));
  });
}

void ObjectExchange::give_failure(const Waiter& waiter, const std::string& reason, Failure::Kind kind) {
  Frame frame = object_frame(FrameType::large_value, waiter.wanted, waiter.lane,
                             failure_of(waiter.wanted.id, me_, "fetching a large value: " + reason, kind));
  frame.header.flags |= wire::flag_failed;
  outbox_.send(me_, std::move(frame));
}

}  // namespace crema::store
