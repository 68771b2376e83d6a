#include "lane/lane_session.hpp"

#include <algorithm>

#include "common/lane_ids.hpp"
#include "journal/blob.hpp"
#include "lane/current_context.hpp"
#include "lane/option_checks.hpp"

namespace crema::lane {
namespace {

using wire::FrameType;

/// Released ids travel together; fewer than this many wait for the lane's next message.
constexpr std::size_t releases_held_back = 128;
/// Calls of a lane to a bounded actor that are on their way: enough to hide a round trip.
constexpr std::uint64_t most_unaccepted = 64;
/// Bytes of stored values for which the lane's rank may have no room yet.
constexpr std::uint64_t most_without_room = 64 << 20;

}  // namespace

LaneSession::Scope::Scope(LaneSession& session) : session_{session} { set_current_context(&session); }

LaneSession::Scope::~Scope() {
  set_current_context(nullptr);
  const std::lock_guard lock{session_.release_mutex_};
  session_.ended_ = true;
}

void LaneSession::begin(RunningTask work, ActorId actor, const std::string& blobs) {
  running_ = work;
  blobs_ = blobs;
  stored_before_.clear();
  actor_ = actor;
  calls_made_ = 0;
  saw_stopping_ = false;
  knows_cancelled_ = false;
  durable_calls_ = 0;
  calls_to_keep_.clear();
  waits_made_ = 0;
  channel_->runs(work.id);
  keys_.begin(work.key);
  random_.reset();
}

void LaneSession::stores_again(const std::vector<Named<TaskId>>& values) {
  for (const Named<TaskId>& value : values) stored_before_.emplace(value.key, value.id);
}

// Releases come behind: the receiver of a future that the frame carries must know of it before its sender lets go.
void LaneSession::post(FrameType type, ByteBuffer payload, bool wake, std::uint16_t flags) {
  wire::Frame frame = wire::make_frame(type, std::move(payload), identity_.lane);
  frame.header.flags = flags;
  channel_->post(std::move(frame), wake);
  flush_releases();
}

void LaneSession::post_ids(FrameType type, const std::vector<TaskId>& ids) {
  channel_->post(wire::make_frame(type, wire::write_ids(ids), identity_.lane), true);
}

/// The head keeps what the arguments name until this work has ended.
void LaneSession::pin(Named<TaskId> work, const Arguments& arguments) {
  wire::Pin pin{work, {}};
  for (const Input& input : arguments.inputs) pin.values.push_back(input.id);
  for (const Named<TaskId>& carried : arguments.carried) pin.values.push_back(carried.id);
  channel_->post(wire::make_frame(FrameType::pin, wire::write(pin), identity_.lane), true);
}

std::uint64_t LaneSession::next_id() {
  // Beyond these ids would repeat.
  if (++ids_ > most_ids_of_lane || identity_.lane.number > highest_lane || identity_.rank.number > 0xffff)
    throw Error{"starting a task: lane " + std::to_string(identity_.lane.number) + " of rank " +
                std::to_string(identity_.rank.number) + " has used up its ids (4294967295 a lane, 65535 lanes a rank)"};
  return first_id_of(global_lane(identity_.rank, identity_.lane)).number | ids_;
}

Named<TaskId> LaneSession::submit(FunctionId function, const TaskOptions& options, Arguments arguments) {
  check_supported(options, identity_.isolated);
  wire::TaskSpec task{.id = TaskId{next_id()},
                      .key = keys_.task(function, arguments),
                      .parent = running_.id,
                      .function = function,
                      .priority = options.priority,
                      .depth = running_.depth + 1,
                      .label = options.name,
                      .occupation = occupation_of(options.resources, TaskOptions{}.resources),
                      .terms = terms_of(options),
                      .arguments = std::move(arguments)};
  wire::Frame frame = wire::make_frame(FrameType::submit, wire::write(task), identity_.lane);
  if (task.occupation) frame.header.flags |= wire::flag_resources;
  channel_->post(std::move(frame), true);
  return {task.id, task.key};
}

Named<TaskId> LaneSession::put(Arguments value) {
  if (may_lack_room_ >= most_without_room) {
    may_lack_room_ = 0;
    ByteReader why{request(FrameType::make_room, wire::write_ids({running_.id}), Slot::kept)};
    if (why.remaining() > 0) throw Error{"storing values: " + std::string{why.get_text()}};
  }
  const TaskKey key = keys_.stored_value(value);
  const auto before = stored_before_.find(key);
  wire::Put put{.id = before == stored_before_.end() ? TaskId{next_id()} : before->second,
                .key = key,
                .parent = running_.id,
                .carried = std::move(value.carried),
                .value = std::move(value.bytes)};
  if (put.value.size() > wire::max_value_in_message) {
    put.stored = put.value.size();
    may_lack_room_ += put.stored;
    if (!blobs_.empty() && put.carried.empty()) {
      put.digest = journal::digest_of(put.value.span());
      put.blob = journal::write_blob(blobs_, key, put.value);
    }
    store(put.id, std::exchange(put.value, {}));
  }
  channel_->post(wire::make_frame(FrameType::put, wire::write(put), identity_.lane), false);
  return {put.id, key};
}

void LaneSession::opened(const InputFile& file) {
  channel_->post(wire::make_frame(FrameType::input, wire::write(file), identity_.lane), false);
}

/// One wait of a lane for replies. On a worker the lane gives up its slot while it waits for other work, so that this
/// can run; too many that wait are an error. So is it when the task is cancelled meanwhile and does not know yet.
class LaneSession::Waiting {
 public:
  explicit Waiting(LaneSession& session, Refused refused = Refused::error, Slot slot = Slot::given_up)
      : session_{session}, refused_{refused}, parks_{session.parks_ && slot == Slot::given_up} {}
  ~Waiting() {
    if (parked_) session_.post(FrameType::resume, {}, false);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  wire::Frame next() {
    while (true) {
      std::optional<wire::Frame> frame = session_.channel_->poll_reply();
      if (!frame) {
        park();
        frame = session_.channel_->next_reply();
      }
      if (frame->header.type == FrameType::completed) {
        const auto watch = session_.watches_.find(frame->header.sequence);
        if (watch != session_.watches_.end())
          for (const TaskId id : wire::read_ids(frame->payload)) watch->second.push_back(id);
      }
      if (frame->header.type == FrameType::accepted) session_.on_accepted(*frame);
      if (frame->header.type == FrameType::cancel_task) {
        session_.on_cancel(wire::read_ids(frame->payload));
        continue;
      }
      if (frame->header.type != FrameType::refuse_park) return std::move(*frame);
      // One of an earlier wait, whose value came first, is of no interest.
      if (parked_ && refused_ == Refused::error && frame->header.sequence == session_.parks_made_) {
        throw Error{
            "waiting for a result inside a task: too many tasks of this rank wait for others already; let the parent "
            "wait for fewer levels, or collect results in the driver"};
      }
    }
  }
  void park() {
    if (!parks_ || parked_) return;
    session_.flush_releases();
    wire::Frame frame = wire::make_frame(FrameType::park, {}, session_.identity_.lane);
    frame.header.sequence = ++session_.parks_made_;
    frame.header.attempt = session_.running_.depth;
    if (refused_ == Refused::wait) frame.header.flags = wire::flag_for_room;
    session_.channel_->post(std::move(frame), true);
    parked_ = true;
  }

 private:
  LaneSession& session_;
  const Refused refused_;
  const bool parks_;
  bool parked_ = false;
};

void LaneSession::wait_for_room(const ActorName& actor) {
  const auto full = [&] {
    const auto found = unaccepted_.find(actor.id);
    return found != unaccepted_.end() && found->second >= std::min(actor.max_pending_calls, most_unaccepted);
  };
  if (!full()) return;
  struct Shown {
    Shown(Channel& where, ActorId actor) : channel{where} { channel.waits_for_room(actor); }
    Shown(const Shown&) = delete;
    Shown& operator=(const Shown&) = delete;
    ~Shown() { channel.waits_for_room({}); }
    Channel& channel;
  };
  const Shown shown{*channel_, actor.id};
  Waiting waiting{*this, Refused::wait};
  while (full()) static_cast<void>(waiting.next());
}

void LaneSession::on_cancel(const std::vector<TaskId>& ids) {
  if (std::find(ids.begin(), ids.end(), running_.id) == ids.end() || knows_cancelled_.exchange(true)) return;
  throw TaskCancelled{{.kind = Failure::Kind::cancelled,
                       .task = running_.id,
                       .rank = identity_.rank,
                       .host = identity_.host,
                       .type = "crema::TaskCancelled",
                       .message = "somebody cancelled it while it waited"}};
}

void LaneSession::on_accepted(const wire::Frame& frame) {
  const wire::Accepted accepted = wire::read_accepted(frame.payload);
  const auto found = unaccepted_.find(accepted.actor);
  if (found == unaccepted_.end() || (found->second -= std::min(found->second, accepted.calls)) > 0) return;
  unaccepted_.erase(found);
}

void LaneSession::store(TaskId id, Bytes value) {
  wire::Frame frame{{.type = FrameType::object, .lane = identity_.lane, .payload_size = value.size()},
                    std::move(value)};
  frame.header.sequence = id.number;
  channel_->post(std::move(frame), false);
}

void LaneSession::fetch(std::span<const TaskId> ids, const Sink& sink) {
  const std::vector<TaskId> asked{ids.begin(), ids.end()};
  post(FrameType::get, wire::write_ids(asked), true);
  try {
    await(ids.size(),
          [&sink](const wire::ObjectPart& object, Result result) { return sink(object.id, std::move(result)); });
  } catch (...) {
    post_ids(FrameType::unget, asked);
    throw;
  }
}

void LaneSession::await(std::size_t count, const std::function<bool(const wire::ObjectPart&, Result)>& take,
                        Refused refused) {
  Waiting waiting{*this, refused};
  for (std::size_t missing = count; missing > 0;) {
    wire::Frame frame = waiting.next();
    wire::ObjectPart object;
    Result result;
    if (frame.header.type == FrameType::value) {
      wire::Value value = wire::read_value(frame.payload);
      object.id = value.id;
      result = {value.failed, std::move(value.bytes)};
    } else if (frame.header.type == FrameType::large_value) {
      object = {TaskId{frame.header.sequence}, frame.header.incarnation};
      result = {(frame.header.flags & wire::flag_failed) != 0, std::move(frame.payload), true};
    } else {
      continue;
    }
    const bool failed = result.failed;
    if (!take(object, std::move(result))) continue;  // of a wait that ended with a failure
    --missing;
    if (failed) break;
  }
}

bool LaneSession::ready(TaskId id) {
  ByteReader answer{request(FrameType::ready, wire::write_ids({id}))};
  return answer.get<std::uint8_t>() != 0;
}

std::vector<std::uint32_t> LaneSession::wait(std::span<const TaskId> ids, std::size_t count,
                                             std::optional<std::chrono::nanoseconds> timeout) {
  const wire::Wait wait{.by = running_.id,
                        .caller = running_.key,
                        .ordinal = ++waits_made_,
                        .count = static_cast<std::uint32_t>(std::min(count, ids.size())),
                        .timeout = timeout ? std::max<std::int64_t>(0, timeout->count()) : -1,
                        .ids = {ids.begin(), ids.end()}};
  ByteReader answer{request(FrameType::wait, wire::write(wait))};
  std::vector<std::uint32_t> places(answer.remaining() / sizeof(std::uint32_t));
  answer.copy_to(places.data(), places.size() * sizeof(std::uint32_t));
  return places;
}

std::uint64_t LaneSession::watch(std::span<const Named<TaskId>> futures) {
  wire::Frame frame = wire::make_frame(FrameType::watch, wire::write_named(futures), identity_.lane);
  const std::uint64_t number = frame.header.sequence = ++requests_;
  watches_.try_emplace(number);
  channel_->post(std::move(frame), true);
  return number;
}

TaskId LaneSession::next_completed(std::uint64_t watch) {
  std::deque<TaskId>& completed = watches_.at(watch);
  Waiting waiting{*this};
  while (completed.empty()) static_cast<void>(waiting.next());
  const TaskId id = completed.front();
  completed.pop_front();
  return id;
}

void LaneSession::unwatch(std::uint64_t watch) noexcept {
  watches_.erase(watch);
  wire::Frame frame = wire::make_frame(FrameType::unwatch, {}, identity_.lane);
  frame.header.sequence = watch;
  channel_->post(std::move(frame), false);
}

void LaneSession::cancel(TaskId id) { post_ids(FrameType::cancel, {id}); }

void LaneSession::retain(TaskId id) {
  channel_->post(wire::make_frame(FrameType::retain, wire::write_ids({id}), identity_.lane), false);
}

void LaneSession::release(TaskId id) noexcept {
  const std::lock_guard lock{release_mutex_};
  if (ended_) return;
  released_.push_back(id);
  any_released_.store(true, std::memory_order_relaxed);
  if (released_.size() < releases_held_back) return;
  channel_->post(wire::make_frame(FrameType::release, wire::write_ids(released_), identity_.lane), false);
  released_.clear();
}

void LaneSession::flush_releases() {
  if (!any_released_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock{release_mutex_};
  any_released_.store(false, std::memory_order_relaxed);
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
  cluster.lanes = answer.get<std::int32_t>();
  cluster.total = wire::read_resources(answer);
  cluster.free = wire::read_resources(answer);
  return cluster;
}

Bytes LaneSession::request(FrameType type, ByteBuffer payload, Slot slot) {
  wire::Frame frame = wire::make_frame(type, std::move(payload), identity_.lane);
  const std::uint64_t sequence = frame.header.sequence = ++requests_;
  channel_->post(std::move(frame), true);
  Waiting waiting{*this, Refused::error, slot};
  // A task that asks again and again must not keep what it asks about from running.
  waiting.park();
  const auto next = [&] {
    try {
      return waiting.next();
    } catch (...) {
      if (type == FrameType::wait) unwatch(sequence);
      throw;
    }
  };
  while (true) {
    const wire::Frame answer = next();
    if (answer.header.type != FrameType::reply || answer.header.sequence != sequence) continue;
    wire::Reply reply = wire::read_reply(answer.payload);
    if (!reply.error.empty()) throw UsageError{reply.error};
    return std::move(reply.bytes);
  }
}

}  // namespace crema::lane
