#include "head/watches.hpp"

#include <algorithm>

namespace crema::head {

using wire::Frame;
using wire::FrameType;

void Watches::on_wait(RankId from, const wire::FrameHeader& header, wire::Wait wait, std::int64_t now) {
  const Name name{from, header.lane, header.sequence};
  Watch watch{.wait = std::move(wait)};
  watch.missing = watch.wait.count;
  for (const TaskId id : watch.wait.ids)
    if (watch.missing > 0 && is_there_(id)) --watch.missing;
  const bool over = watch.missing == 0 || watch.wait.timeout == 0;
  if (!over) {
    for (const TaskId id : watch.wait.ids)
      if (!is_there_(id)) watchers_[id].push_back(name);
    watch.timed = watch.wait.timeout > 0;
    if (watch.timed) deadlines_.emplace(now + watch.wait.timeout, name);
  }
  watches_.emplace(name, std::move(watch));
  if (over) end_wait(name);
}

void Watches::on_watch(RankId from, const Frame& frame) {
  const Name name{from, frame.header.lane, frame.header.sequence};
  Watch& watch = watches_.emplace(name, Watch{.stream = true}).first->second;
  std::vector<std::pair<std::uint64_t, TaskId>> known;
  bool all_there = true;
  for (const Named<TaskId>& value : wire::read_named(frame.payload)) {
    const bool there = is_there_(value.id);
    if (!there) watchers_[value.id].push_back(name);
    const std::uint64_t order = order_(value);
    if (order == 0) continue;
    known.emplace_back(order, value.id);
    all_there = all_there && there;
  }
  std::sort(known.begin(), known.end());
  if (!all_there) {
    watch.known = std::make_unique<Known>();
    for (const auto& [order, id] : known) {
      watch.known->next.push_back(id);
      watch.known->there.emplace(id, false);
    }
  }
  for (const auto& [order, id] : known)
    if (is_there_(id)) arrive(name, watch, id);
}

/// What is known to come first comes first.
void Watches::arrive(const Name& name, Watch& watch, TaskId id) {
  if (watch.known == nullptr) return tell(name, id);
  Known& known = *watch.known;
  const auto place = known.there.find(id);
  if (place == known.there.end()) return known.later.push_back(id);
  place->second = true;
  while (!known.next.empty() && known.there.at(known.next.front())) {
    tell(name, known.next.front());
    known.next.pop_front();
  }
  if (!known.next.empty()) return;
  for (const TaskId later : known.later) tell(name, later);
  watch.known.reset();
}

void Watches::tell(const Name& name, TaskId id) {
  Frame told = wire::make_frame(FrameType::completed, wire::write_ids({id}), name.lane);
  told.header.sequence = name.sequence;
  outbox_.send(name.rank, std::move(told));
}

void Watches::on_unwatch(RankId from, const Frame& frame) {
  watches_.erase({from, frame.header.lane, frame.header.sequence});
}

void Watches::forget(RankId rank) {
  std::erase_if(watches_, [&](const auto& watch) { return watch.first.rank == rank; });
}

void Watches::forget(RankId rank, LaneId lane) {
  std::erase_if(watches_, [&](const auto& watch) { return watch.first.rank == rank && watch.first.lane == lane; });
}

void Watches::tell(TaskId id) {
  if (watchers_.empty()) return;
  const auto node = watchers_.extract(id);
  if (node.empty()) return;
  for (const Name& name : node.mapped()) {
    const auto watch = watches_.find(name);
    if (watch == watches_.end()) continue;
    if (watch->second.stream) {
      arrive(name, watch->second, id);
    } else if (--watch->second.missing == 0) {
      end_wait(name);
    }
  }
}

void Watches::end_wait(const Name& name) {
  const Watch watch = std::move(watches_.extract(name).mapped());
  std::vector<std::uint32_t> places;
  for (std::uint32_t place = 0; place < watch.wait.ids.size(); ++place) {
    const TaskId id = watch.wait.ids[place];
    if (is_there_(id)) {
      if (places.size() < watch.wait.count) places.push_back(place);
    } else if (const auto watchers = watchers_.find(id); watchers != watchers_.end()) {
      std::erase(watchers->second, name);
      if (watchers->second.empty()) watchers_.erase(watchers);
    }
  }
  // All of them: there is nothing to remember.
  if (places.size() < watch.wait.ids.size()) answered_(watch.wait, places);
  answer_wait(outbox_, name.rank, name.lane, name.sequence, places);
}

void answer_wait(wire::Outbox& outbox, RankId to, LaneId lane, std::uint64_t sequence,
                 const std::vector<std::uint32_t>& places) {
  ByteBuffer bytes;
  bytes.append(std::as_bytes(std::span{places}));
  Frame answer = wire::make_frame(FrameType::reply, wire::write(wire::Reply{{}, Bytes{std::move(bytes)}}), lane);
  answer.header.sequence = sequence;
  outbox.send(to, std::move(answer));
}

void Watches::describe(Waits& waits) const {
  std::map<Name, Waits::Lane> lanes;
  for (const auto& [id, watchers] : watchers_) {
    for (const Name& name : watchers) {
      const auto watch = watches_.find(name);
      if (watch == watches_.end()) continue;
      Waits::Lane& lane = lanes.try_emplace(name, Waits::Lane{name.rank, name.lane}).first->second;
      if (lane.values.size() < max_waits) lane.values.push_back(id);
      lane.needed = watch->second.stream ? 1 : watch->second.missing;
      lane.timed = watch->second.timed;
      lane.follows = watch->second.stream;
    }
  }
  for (auto& [name, lane] : lanes) {
    std::sort(lane.values.begin(), lane.values.end());
    waits.lanes.push_back(std::move(lane));
  }
}

void Watches::end_late(std::int64_t now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const Name name = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    if (watches_.contains(name)) end_wait(name);
  }
}

}  // namespace crema::head
