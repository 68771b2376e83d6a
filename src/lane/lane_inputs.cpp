// How a lane gets the values of the futures among arguments.
#include "crema/errors.hpp"
#include "lane/lane_session.hpp"
#include "wire/fill_in.hpp"

namespace crema::lane {

using wire::FrameType;

ByteReader LaneSession::gather(const Arguments& arguments, std::vector<wire::InputValue> values) {
  if (arguments.inputs.empty()) return ByteReader{arguments.bytes};
  std::map<wire::ObjectPart, Bytes> large;
  for (const wire::InputValue& value : values)
    if (!value.here) large.emplace(value.location.object, Bytes{});
  if (!large.empty()) {
    std::vector<wire::ObjectPart> objects;
    for (const auto& [object, bytes] : large) objects.push_back(object);
    post(FrameType::get_inputs, wire::write_parts(objects), true);
    const auto take = [&](const wire::ObjectPart& object, Result result) {
      const auto place = large.find(object);
      if (place == large.end()) return false;
      if (result.failed) {
        ByteReader failure{result.bytes};
        const Failure reason = wire::read_failure(failure);
        if (reason.kind == Failure::Kind::worker_lost) throw_failure(reason);
        throw Error{reason.message};
      }
      place->second = std::move(result.bytes);
      return true;
    };
    // They are made and need only come, however many tasks wait for theirs.
    await(objects.size(), take, Refused::wait);
  }
  ByteReader reader{Bytes{}};
  std::size_t done = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Input& input = arguments.inputs[i];
    reader.append(arguments.bytes.slice(done, input.offset - done));
    reader.append(values[i].here ? std::move(values[i].bytes) : large.at(values[i].location.object));
    done = input.offset;
  }
  reader.append(arguments.bytes.slice(done, arguments.bytes.size() - done));
  return reader;
}

void LaneSession::wait_for_inputs(Arguments& arguments) {
  if (arguments.inputs.empty()) return;
  std::map<TaskId, Bytes> values;
  for (const Input& input : arguments.inputs) values.try_emplace(input.id);
  std::vector<TaskId> ids;
  for (const auto& [id, bytes] : values) ids.push_back(id);
  fetch(ids, [&](TaskId id, Result result) {
    const auto place = values.find(id);
    if (place == values.end()) return false;
    if (result.failed) {
      ByteReader failure{result.bytes};
      throw_failure(wire::read_failure(failure));
    }
    place->second = std::move(result.bytes);
    return true;
  });
  arguments = wire::fill_in(arguments, [&](TaskId id) { return values.at(id); });
}
}  // namespace crema::lane
