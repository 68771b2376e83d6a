#include "head/object_directory.hpp"

#include <algorithm>
#include <map>

namespace crema::head {

using wire::FrameType;

void ObjectDirectory::add(TaskId id, std::uint64_t size, RankId rank) {
  objects_.emplace(id, Object{size, {rank}, {rank}});
}

void ObjectDirectory::add_alias(TaskId id, TaskId source) {
  const auto further = aliases_.find(source);
  aliases_.emplace(id, further == aliases_.end() ? source : further->second);
}

wire::ObjectLocation ObjectDirectory::locate(TaskId id, RankId reader) {
  const auto alias = aliases_.find(id);
  const TaskId source = alias == aliases_.end() ? id : alias->second;
  Object& object = objects_.at(source);
  if (std::find(object.told.begin(), object.told.end(), reader) != object.told.end())
    return {source, object.size, reader};
  object.told.push_back(reader);
  return {source, object.size, object.have[object.next++ % object.have.size()]};
}

RankId ObjectDirectory::nearest(const std::vector<Input>& inputs) const {
  std::map<RankId, std::uint64_t> bytes;
  if (objects_.empty()) return RankId{-1};
  for (const Input& input : inputs) {
    const auto alias = aliases_.find(input.id);
    const auto object = objects_.find(alias == aliases_.end() ? input.id : alias->second);
    if (object == objects_.end()) continue;
    for (const RankId rank : object->second.have) bytes[rank] += object->second.size;
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
  for (const RankId rank : node.mapped().told) forget_at(rank, id);
}

void ObjectDirectory::forget_at(RankId rank, TaskId id) {
  outbox_.send(rank, wire::make_frame(FrameType::free, wire::write_ids({id})));
}

}  // namespace crema::head
