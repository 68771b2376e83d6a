#include "head/object_directory.hpp"

#include <algorithm>
#include <map>

namespace crema::head {

using wire::Frame;
using wire::FrameType;

namespace {

template <class Ranks>
bool contains(const Ranks& ranks, RankId rank) {
  return std::find(ranks.begin(), ranks.end(), rank) != ranks.end();
}

template <class Ranks>
void remove(Ranks& ranks, RankId rank) {
  ranks.erase(std::remove(ranks.begin(), ranks.end(), rank), ranks.end());
}

}  // namespace

void ObjectDirectory::add(TaskId id, std::uint64_t size, RankId rank) {
  const auto [object, added] = objects_.try_emplace(id, Object{size, {rank}, {rank}});
  if (added) return;
  object->second.size = size;
  object->second.have = {rank};
  move_readers(id, object->second, RankId{-1});
  remove(object->second.told, rank);
  object->second.told.push_back(rank);
}

void ObjectDirectory::add_copy(TaskId id, RankId rank) {
  const auto object = objects_.find(id);
  if (object == objects_.end()) return forget_at(rank, id);
  for (Ranks* ranks : {&object->second.told, &object->second.have})
    if (!contains(*ranks, rank)) ranks->push_back(rank);
}

TaskId ObjectDirectory::source_of(TaskId id) const {
  const auto alias = aliases_.find(id);
  return alias == aliases_.end() ? id : alias->second;
}

bool ObjectDirectory::is_there(TaskId id) const {
  const auto object = objects_.find(source_of(id));
  return object != objects_.end() && !object->second.have.empty();
}

std::vector<TaskId> ObjectDirectory::lose(RankId rank) {
  std::vector<TaskId> wanted;
  for (auto place = objects_.begin(); place != objects_.end();) {
    Object& object = place->second;
    remove(object.told, rank);
    remove(object.have, rank);
    remove(object.read_parts, rank);
    if (object.told.empty() && object.read_parts.empty()) {
      place = objects_.erase(place);
      continue;
    }
    if (object.have.empty()) {
      wanted.push_back(place->first);
    } else {
      move_readers(place->first, object, rank);
    }
    ++place;
  }
  return wanted;
}

void ObjectDirectory::move_readers(TaskId id, Object& object, RankId lost) {
  for (const RankId reader : readers(object)) {
    if (contains(object.have, reader) && lost.number >= 0) continue;
    const wire::Moved moved{lost, {{id}, object.size, object.have[object.next++ % object.have.size()]}};
    outbox_.send(reader, wire::make_frame(FrameType::moved, wire::write(moved)));
  }
}

void ObjectDirectory::give_up(TaskId id, const Bytes& failure) {
  const auto node = objects_.extract(id);
  if (node.empty()) return;
  for (const RankId reader : readers(node.mapped())) {
    Frame answer{
        {.type = FrameType::object, .flags = wire::flag_failed, .payload_size = failure.size(), .sequence = id.number},
        failure};
    outbox_.send(reader, std::move(answer));
  }
}

void ObjectDirectory::add_alias(TaskId id, TaskId source) { aliases_.insert_or_assign(id, source_of(source)); }

wire::ObjectLocation ObjectDirectory::locate(TaskId id, RankId reader) {
  const TaskId source = source_of(id);
  Object& object = objects_.at(source);
  if (contains(object.told, reader)) return {{source}, object.size, reader};
  object.told.push_back(reader);
  return {{source}, object.size, object.have[object.next++ % object.have.size()]};
}

wire::ObjectLocation ObjectDirectory::locate(const Input& input, RankId reader) {
  if (input.part == 0) return locate(input.id, reader);
  const TaskId source = source_of(input.id);
  Object& object = objects_.at(source);
  const bool has_it = contains(object.have, reader);
  if (!contains(object.read_parts, reader)) object.read_parts.push_back(reader);
  return {{source, input.part},
          object.size / std::max(input.parts, 1U),
          has_it ? reader : object.have[object.next++ % object.have.size()]};
}

ObjectDirectory::Ranks ObjectDirectory::readers(const Object& object) {
  Ranks ranks = object.told;
  for (const RankId rank : object.read_parts)
    if (!contains(ranks, rank)) ranks.push_back(rank);
  return ranks;
}

RankId ObjectDirectory::nearest(const std::vector<Input>& inputs) const {
  std::map<RankId, std::uint64_t> bytes;
  if (objects_.empty()) return RankId{-1};
  for (const Input& input : inputs) {
    const auto object = objects_.find(source_of(input.id));
    if (object == objects_.end()) continue;
    for (const RankId rank : object->second.have)
      bytes[rank] += input.part == 0 ? object->second.size : object->second.size / std::max(input.parts, 1U);
  }
  const auto most =
      std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? RankId{-1} : most->first;
}

void ObjectDirectory::on_have(RankId rank, const wire::Frame& frame) {
  for (const TaskId id : wire::read_ids(frame.payload))
    if (const auto object = objects_.find(id); object != objects_.end()) object->second.have.push_back(rank);
}

void ObjectDirectory::forget(TaskId id) {
  if (aliases_.erase(id) != 0) return;
  const auto node = objects_.extract(id);
  if (node.empty()) return;
  for (const RankId rank : readers(node.mapped())) forget_at(rank, id);
}

void ObjectDirectory::forget_at(RankId rank, TaskId id) {
  outbox_.send(rank, wire::make_frame(FrameType::free, wire::write_ids({id})));
}

}  // namespace crema::head
