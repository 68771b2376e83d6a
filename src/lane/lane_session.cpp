#include "lane/lane_session.hpp"

namespace crema {
namespace {

thread_local LaneContext* current_context = nullptr;

}  // namespace

LaneContext& LaneContext::current() {
  if (current_context == nullptr) {
    throw UsageError{
        "calling crema outside the driver, a task or an actor: move the call into the function given to Job::run "
        "(threads "
        "that user code starts cannot call crema)"};
  }
  return *current_context;
}

namespace lane {
namespace {

using wire::FrameType;

/// Released ids travel together; fewer than this many wait for the lane's next message.
constexpr std::size_t releases_held_back = 128;

void refuse(const std::string& what, bool differs) {
  if (differs) throw UsageError{what + " is not available in this version of crema: leave it at its default"};
}

void check_supported(const TaskOptions& options) {
  const TaskOptions defaults;
  refuse("TaskOptions::max_retries", options.max_retries != defaults.max_retries);
  refuse("TaskOptions::retry_exceptions", options.retry_exceptions != defaults.retry_exceptions);
  refuse("TaskOptions::timeout", options.timeout != defaults.timeout);
  refuse("TaskOptions::resources", options.resources != defaults.resources);
  refuse("TaskOptions::journal", options.journal != defaults.journal);
}

void check_supported(const ActorOptions& options) {
  const ActorOptions defaults;
  refuse("ActorOptions::resources", options.resources != defaults.resources);
  refuse("ActorOptions::max_restarts", options.max_restarts != defaults.max_restarts);
  refuse("ActorOptions::max_pending_calls", options.max_pending_calls != defaults.max_pending_calls);
  refuse("ActorOptions::durable", options.durable != defaults.durable);
}

}  // namespace

LaneSession::Scope::Scope(LaneSession& session) : session_{session} { current_context = &session; }

LaneSession::Scope::~Scope() {
  current_context = nullptr;
  const std::lock_guard lock{session_.release_mutex_};
  session_.ended_ = true;
}

void LaneSession::begin(RunningTask work) {
  running_ = work;
  calls_made_ = 0;
}

void LaneSession::post(FrameType type, ByteBuffer payload, bool wake) {
  flush_releases();
  channel_->post(wire::make_frame(type, std::move(payload), identity_.lane), wake);
}

std::uint64_t LaneSession::next_id() {
  // rank, lane, count: 16 + 16 + 32 bits. Beyond that ids would repeat.
  if (++ids_ > 0xffff'ffff || identity_.lane.number > 0xffff || identity_.rank.number > 0xffff)
    throw Error{"starting a task: lane " + std::to_string(identity_.lane.number) + " of rank " +
                std::to_string(identity_.rank.number) + " has used up its ids (4294967295 a lane, 65535 lanes a rank)"};
  return static_cast<std::uint64_t>(identity_.rank.number) << 48 |
         static_cast<std::uint64_t>(identity_.lane.number) << 32 | ids_;
}

TaskId LaneSession::submit(FunctionId function, const TaskOptions& options, Bytes arguments) {
  check_supported(options);
  wire::TaskSpec task{.id = TaskId{next_id()},
                      .parent = running_.id,
                      .function = function,
                      .priority = options.priority,
                      .depth = running_.depth + 1,
                      .label = options.name,
                      .arguments = std::move(arguments)};
  channel_->post(wire::make_frame(FrameType::submit, wire::write(task), identity_.lane), true);
  return task.id;
}

ActorId LaneSession::create_actor(FunctionId constructor, const ActorOptions& options, const std::string& class_name,
                                  Bytes arguments) {
  check_supported(options);
  const wire::ActorSpec actor{.id = ActorId{next_id()},
                              .parent = running_.id,
                              .constructor = constructor,
                              .name = options.name,
                              .class_name = class_name,
                              .arguments = std::move(arguments)};
  if (options.name.empty()) {
    post(FrameType::create_actor, wire::write(actor), true);
  } else {
    request(FrameType::create_actor, wire::write(actor));
  }
  return actor.id;
}

ActorId LaneSession::find_actor(const std::string& name, const std::string& class_name) {
  ByteBuffer payload;
  payload.put_text(name);
  payload.put_text(class_name);
  ByteReader answer{request(FrameType::find_actor, std::move(payload))};
  return answer.get<ActorId>();
}

TaskId LaneSession::call(ActorId actor, FunctionId method, Bytes arguments) {
  if (actor == ActorId{})
    throw UsageError{"calling an actor through an empty handle: assign it from crema::actor or find_actor first"};
  wire::CallSpec call{.id = TaskId{next_id()},
                      .parent = running_.id,
                      .actor = actor,
                      .method = method,
                      .depth = running_.depth + 1,
                      .arguments = std::move(arguments)};
  wire::Frame frame = wire::make_frame(FrameType::call, wire::write(call), identity_.lane);
  frame.header.sequence = ++calls_made_;
  channel_->post(std::move(frame), true);
  return call.id;
}

void LaneSession::fetch(std::span<const TaskId> ids, const Sink& sink) {
  post(FrameType::get, wire::write_ids({ids.begin(), ids.end()}), true);
  bool parked = false;
  for (std::size_t missing = ids.size(); missing > 0;) {
    std::optional<wire::Frame> frame = channel_->poll_reply();
    if (!frame) {
      if (parks_ && !parked) {
        park();
        parked = true;
      }
      frame = channel_->next_reply();
    }
    if (frame->header.type == FrameType::refuse_park) {
      if (!parked || frame->header.sequence != parks_made_) continue;  // of an earlier wait, whose value came first
      unpark();
      throw Error{
          "waiting for a result inside a task: too many tasks of this rank wait for others already; let the parent "
          "wait for fewer levels, or collect results in the driver"};
    }
    if (frame->header.type != FrameType::value) continue;
    wire::Value value = wire::read_value(frame->payload);
    if (!sink(value.id, Result{value.failed, std::move(value.bytes)})) continue;  // of a wait that ended with a failure
    --missing;
    if (value.failed) break;
  }
  if (parked) unpark();
}

bool LaneSession::ready(TaskId id) {
  // A task that asks again and again must not keep the task it asks about from running.
  if (parks_) park();
  ByteReader answer{request(FrameType::ready, wire::write_ids({id}))};
  if (parks_) unpark();
  return answer.get<std::uint8_t>() != 0;
}

void LaneSession::park() {
  flush_releases();
  wire::Frame frame = wire::make_frame(FrameType::park, {}, identity_.lane);
  frame.header.sequence = ++parks_made_;
  channel_->post(std::move(frame), true);
}

void LaneSession::unpark() { post(FrameType::resume, {}, false); }

void LaneSession::release(TaskId id) noexcept {
  const std::lock_guard lock{release_mutex_};
  if (ended_) return;
  released_.push_back(id);
  if (released_.size() < releases_held_back) return;
  channel_->post(wire::make_frame(FrameType::release, wire::write_ids(released_), identity_.lane), false);
  released_.clear();
}

void LaneSession::flush_releases() {
  const std::lock_guard lock{release_mutex_};
  if (released_.empty()) return;
  channel_->post(wire::make_frame(FrameType::release, wire::write_ids(released_), identity_.lane), false);
  released_.clear();
}

Cluster LaneSession::cluster() {
  ByteReader answer{request(FrameType::cluster, {})};
  Cluster cluster;
  cluster.nodes = answer.get<std::int32_t>();
  cluster.ranks = answer.get<std::int32_t>();
  cluster.workers = answer.get<std::int32_t>();
  cluster.total.cpus = answer.get<double>();
  cluster.free.cpus = answer.get<double>();
  return cluster;
}

Bytes LaneSession::request(FrameType type, ByteBuffer payload) {
  wire::Frame frame = wire::make_frame(type, std::move(payload), identity_.lane);
  const std::uint64_t sequence = frame.header.sequence = ++requests_;
  channel_->post(std::move(frame), true);
  while (true) {
    const wire::Frame answer = channel_->next_reply();
    if (answer.header.type != FrameType::reply || answer.header.sequence != sequence) continue;
    wire::Reply reply = wire::read_reply(answer.payload);
    if (!reply.error.empty()) throw UsageError{reply.error};
    return std::move(reply.bytes);
  }
}

}  // namespace lane
}  // namespace crema
