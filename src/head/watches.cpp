#include "head/watches.hpp"

#include <algorithm>

namespace crema::head {

using wire::Frame;
using wire::FrameType;

void Watches::on_wait(RankId from, const Frame& frame, std::int64_t now) {
  wire::Wait wait = wire::read_wait(frame.payload);
  const Name name{from, frame.header.lane, frame.header.sequence};
  Watch watch{.ids = std::move(wait.ids), .missing = wait.count, .count = wait.count};
  for (const TaskId id : watch.ids)
    if (watch.missing > 0 && is_there_(id)) --watch.missing;
  const bool over = watch.missing == 0 || wait.timeout == 0;
  if (!over) {
    for (const TaskId id : watch.ids)
      if (!is_there_(id)) watchers_[id].push_back(name);
    if (wait.timeout > 0) deadlines_.emplace(now + wait.timeout, name);
    watch.timed = wait.timeout > 0;
  }
  watches_.emplace(name, std::move(watch));
  if (over) end_wait(name);
}

void Watches::on_watch(RankId from, const Frame& frame) {
  const Name name{from, frame.header.lane, frame.header.sequence};
  const std::vector<TaskId> ids = wire::read_ids(frame.payload);
  watches_.emplace(name, Watch{.stream = true});
  for (const TaskId id : ids) {
    watchers_[id].push_back(name);
    if (is_there_(id)) tell(id);
  }
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
      Frame told = wire::make_frame(FrameType::completed, wire::write_ids({id}), name.lane);
      told.header.sequence = name.sequence;
      outbox_.send(name.rank, std::move(told));
    } else if (--watch->second.missing == 0) {
      end_wait(name);
    }
  }
}

void Watches::end_wait(const Name& name) {
  const Watch watch = std::move(watches_.extract(name).mapped());
  ByteBuffer places;
  std::uint32_t found = 0;
  for (std::uint32_t place = 0; place < watch.ids.size(); ++place) {
    const TaskId id = watch.ids[place];
    if (is_there_(id)) {
      if (found == watch.count) continue;
      ++found;
      places.put(place);
    } else if (const auto watchers = watchers_.find(id); watchers != watchers_.end()) {
      std::erase(watchers->second, name);
      if (watchers->second.empty()) watchers_.erase(watchers);
    }
  }
  Frame answer = wire::make_frame(FrameType::reply, wire::write(wire::Reply{{}, Bytes{std::move(places)}}), name.lane);
  answer.header.sequence = name.sequence;
  outbox_.send(name.rank, std::move(answer));
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
