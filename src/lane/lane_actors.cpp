// How work of a lane makes actors, and calls them.
#include <utility>

#include "crema/errors.hpp"
#include "lane/lane_session.hpp"
#include "lane/option_checks.hpp"

namespace crema::lane {

using wire::FrameType;

ActorName LaneSession::create_actor(FunctionId constructor, const ActorOptions& options, const std::string& class_name,
                                    Arguments arguments) {
  check_supported(options);
  wait_for_inputs(arguments);
  // What creates it again in a retry or after a resume calls it by the same number, and so does all that was recorded.
  const TaskKey creation = keys_.actor(constructor, arguments);
  const wire::ActorSpec actor{.id = ActorId{creation.low},
                              .key = options.name.empty() ? creation : TaskKeys::named_actor(options.name, class_name),
                              .parent = running_.id,
                              .constructor = constructor,
                              .name = options.name,
                              .class_name = class_name,
                              .max_pending_calls = static_cast<std::uint64_t>(options.max_pending_calls),
                              .durable = options.durable,
                              .restarts = static_cast<std::uint32_t>(options.max_restarts),
                              .occupation = occupation_of(options.resources, ActorOptions{}.resources),
                              .arguments = std::move(arguments)};
  // They are kept until the constructor has run.
  if (!actor.arguments.carried.empty()) pin({TaskId{actor.id.number}, {}}, actor.arguments);
  if (options.name.empty() && !actor.occupation) {
    post(FrameType::create_actor, wire::write(actor), true);
  } else {
    request(FrameType::create_actor, wire::write(actor));
  }
  return {actor.id, actor.key, actor.max_pending_calls, actor.durable};
}

ActorName LaneSession::find_actor(const std::string& name, const std::string& class_name,
                                  std::chrono::nanoseconds timeout) {
  ByteBuffer payload;
  payload.put_text(name);
  payload.put_text(class_name);
  payload.put<std::int64_t>(timeout.count());
  ByteReader answer{request(FrameType::find_actor, std::move(payload))};
  const auto id = answer.get<ActorId>();
  const auto max_pending_calls = answer.get<std::uint64_t>();
  return {id, TaskKeys::named_actor(name, class_name), max_pending_calls, answer.get<std::uint8_t>() != 0};
}

void LaneSession::kill_actor(ActorId actor) {
  ByteBuffer payload;
  payload.put(actor);
  channel_->post(wire::make_frame(FrameType::kill_actor, std::move(payload), identity_.lane), true);
}

Named<ActorId> LaneSession::create_pool(std::span<const Named<ActorId>> members) {
  Arguments content;
  ByteBuffer keys;
  std::vector<ActorId> ids;
  for (const Named<ActorId>& member : members) {
    ids.push_back(member.id);
    keys.put(member.key);
  }
  content.bytes = Bytes{std::move(keys)};
  const Named<ActorId> pool{ActorId{next_id()}, keys_.stored_value(content)};
  channel_->post(
      wire::make_frame(FrameType::create_pool, wire::write(wire::Pool{pool.id, std::move(ids)}), identity_.lane), true);
  return pool;
}

Named<TaskId> LaneSession::call(ActorName actor, FunctionId method, Arguments arguments) {
  if (actor.id == ActorId{})
    throw UsageError{"calling an actor through an empty handle: assign it from crema::actor or find_actor first"};
  const Named<ActorId> called{actor.id, actor.key};
  if (actor.durable) ++durable_calls_;
  // A call of the actor that makes it could have room only when the method that makes it has ended.
  const std::uint16_t durable = actor.durable ? wire::flag_durable : 0;
  if (actor.max_pending_calls == 0 || actor.id == actor_)
    return post_call(FrameType::call, called, method, std::move(arguments), durable);
  wait_for_room(actor);
  ++unaccepted_[actor.id];
  return post_call(FrameType::call, called, method, std::move(arguments),
                   static_cast<std::uint16_t>(durable | wire::flag_bounded));
}

Named<TaskId> LaneSession::call_pool(Named<ActorId> pool, FunctionId method, Arguments arguments) {
  wait_for_inputs(arguments);
  ++durable_calls_;
  return post_call(FrameType::call_pool, pool, method, std::move(arguments));
}

Named<TaskId> LaneSession::post_call(FrameType type, Named<ActorId> actor, FunctionId method, Arguments arguments,
                                     std::uint16_t flags) {
  wire::CallSpec call{.id = TaskId{next_id()},
                      .key = keys_.call(actor.key, method, arguments),
                      .parent = running_.id,
                      .actor = actor.id,
                      .method = method,
                      .depth = running_.depth + 1,
                      .arguments = std::move(arguments)};
  const bool durable = type == FrameType::call_pool || (flags & wire::flag_durable) != 0;
  if (durable && running_.depth > 0 && actor_ == ActorId{}) calls_to_keep_.push_back(call.key);
  // The call goes past the head, which has to keep what it needs.
  if (!call.arguments.carried.empty() || !call.arguments.inputs.empty()) pin({call.id, call.key}, call.arguments);
  wire::Frame frame = wire::make_frame(type, wire::write(call), identity_.lane);
  frame.header.flags = flags;
  if (running_.depth > 0 && actor_ == ActorId{}) frame.header.flags |= wire::flag_repeatable;
  frame.header.sequence = ++calls_made_;
  frame.header.attempt = running_.attempt;
  channel_->post(std::move(frame), true);
  return {call.id, call.key};
}

}  // namespace crema::lane
