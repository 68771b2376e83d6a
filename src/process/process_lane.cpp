#include "process/process_lane.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <unordered_map>

#include "wire/messages.hpp"

namespace crema::process {

/// The loop's side of a lane that is a process.
class ProcessLane final : public lane::Lane {
 public:
  ProcessLane(ProcessLaneFactory& factory, LaneId id, LaneFunction function)
      : ProcessLane{factory, id, function, create_lane_memory(), connected_pair()} {}

  ~ProcessLane() override {
    if (!stopped()) {
      factory_.zygote_.kill(id_);
      // Until that is done it may read them.
      for (const auto& [number, payload] : lent_) Segment::holding(payload)->never_again();
    }
    factory_.lanes_.erase(id_);
    std::erase(factory_.by_mark_[Board::mark_of(id_)], this);
  }

  LaneId id() const override { return id_; }

  void give_work(wire::Frame frame) override {
    given_.push_back({++last_work_, frame});
    outgoing_.push_back({last_work_, std::move(frame)});
  }
  void reply(wire::Frame frame) override { outgoing_.push_back({0, std::move(frame)}); }

  void wake() override {
    while (!outgoing_.empty() && write(outgoing_.front())) outgoing_.pop_front();
    if (writer_.publish()) memory_->wake_lane();
  }

  void tell_cancelled(std::vector<TaskId> ids) override {
    if (ids.empty() && !cancelled_told_) return;
    cancelled_told_ = !ids.empty();
    outgoing_.push_back({0, wire::make_frame(wire::FrameType::cancel_task, wire::write_ids(ids))});
    wake();
  }

  void tell_stopping() override { memory_->told_stopping.store(1, std::memory_order_relaxed); }

  std::vector<wire::Frame> take_back() override {
    std::uint64_t next = memory_->next_work.load();
    while (!memory_->next_work.compare_exchange_weak(next, last_work_ + 1)) {
    }
    apart_ = {};
    std::erase_if(outgoing_, [&](const Outgoing& item) { return item.work >= next; });
    std::vector<wire::Frame> frames;
    while (!given_.empty() && given_.back().work >= next) {
      frames.push_back(std::move(given_.back().frame));
      given_.pop_back();
    }
    std::reverse(frames.begin(), frames.end());
    return frames;
  }

  TaskId running() const override { return TaskId{memory_->running.load(std::memory_order_acquire)}; }
  std::int64_t running_since() const override { return memory_->running_since.load(std::memory_order_relaxed); }
  std::int64_t time_limit() const override { return memory_->time_limit.load(std::memory_order_relaxed); }
  bool kill() override {
    factory_.zygote_.kill(id_);
    return true;
  }
  std::optional<wire::Frame> take_unfinished() override {
    if (!dead_ || given_.empty()) return std::nullopt;
    wire::Frame frame = std::move(given_.front().frame);
    given_.pop_front();
    return frame;
  }
  bool waiting() const override { return memory_->waiting.load(std::memory_order_relaxed) != 0; }
  ActorId waiting_for_room() const override { return ActorId{memory_->room.load(std::memory_order_relaxed)}; }

  void stop() override {
    memory_->stopping.store(1);
    memory_->wake_lane();
  }
  bool stopped() const override { return dead_ || memory_->ended.load() != 0; }

  /// What the lane has posted, and what waits for room in its ring.
  bool take(const std::function<void(wire::Frame)>& sink) {
    bool any = false;
    for (wire::Frame& frame : read_all()) {
      any = true;
      // Outcomes come in the order of the work.
      if (frame.header.type == wire::FrameType::outcome && !given_.empty()) given_.pop_front();
      sink(std::move(frame));
    }
    if (reader_.writer_waits()) memory_->wake_lane();
    if (!outgoing_.empty()) wake();
    return any;
  }

  /// Its process is no more, and reads nothing.
  void set_dead() {
    dead_ = true;
    lent_.clear();
  }

 private:
  struct Outgoing {
    std::uint64_t work = 0;  ///< as in RecordHead
    wire::Frame frame;
  };

  ProcessLane(ProcessLaneFactory& factory, LaneId id, LaneFunction function, const Descriptor& memory,
              std::pair<Descriptor, Descriptor> sockets)
      : factory_{factory},
        id_{id},
        memory_{memory.get()},
        socket_{std::move(sockets.first)},
        writer_{memory_->to_lane, memory_->to_lane_bytes},
        reader_{memory_->to_rank, memory_->to_rank_bytes} {
    lane::Identity identity = factory_.self_;
    identity.lane = id_;
    factory_.zygote_.start(identity, function, memory, sockets.second);
    factory_.lanes_.emplace(id_, this);
    factory_.by_mark_[Board::mark_of(id_)].push_back(this);
  }

  /// A lane that has damaged what it shares is ended, as it would be for damage elsewhere.
  std::vector<wire::Frame> read_all() {
    std::vector<wire::Frame> frames;
    if (damaged_) return frames;
    try {
      RecordReader records{reader_.take()};
      while (auto record = records.next()) {
        wire::FrameHeader& header = record->frame.header;
        if ((header.flags & wire::flag_detached_payload) != 0) {
          header.flags &= static_cast<std::uint16_t>(~wire::flag_detached_payload);
          record->frame.payload = receive_apart(header.payload_size);
        }
        header.lane = id_;  // it speaks for no other
        if (header.type == wire::FrameType::loans_ended) {
          for (ByteReader ended{record->frame.payload}; ended.remaining() != 0;)
            lent_.erase(ended.get<std::uint64_t>());
        } else {
          frames.push_back(std::move(record->frame));
        }
      }
    } catch (const std::exception&) {
      damaged_ = true;
      kill();
    }
    return frames;
  }

  bool write(const Outgoing& item) {
    if (dead_) return true;
    RecordHead head{item.work, item.frame.header};
    std::span<const std::byte> payload = item.frame.payload.span();
    head.header.payload_size = payload.size();
    const bool apart = payload.size() >= Segment::smallest;
    const std::size_t size = RingWriter::size_of(apart ? 0 : payload.size());
    if (!writer_.has_room(size) && (writer_.publish(), writer_.ask_for_room(size))) {
      memory_->wake_lane();
      return false;
    }
    if (item.work != 0) pass_spare();
    if (apart) {
      head.header.flags |= wire::flag_detached_payload;
      // Its own work needs a part of a value for no longer than the store has the value, or little longer.
      if (apart_.descriptor < 0) {
        apart_ = pass(item.frame.payload, true);
        if (Segment* const segment = Segment::holding(apart_.memory)) {
          apart_.told.loan = ++last_loan_;
          // A part is read once, as a piece of many that other tasks read.
          apart_.told.stays = Segment::of(apart_.memory) != nullptr && segment->let_stay_mapped() ? 1 : 0;
        }
      }
      // The lane takes descriptors as it takes records: it is asked to tell of those as of room.
      if (!send_apart(apart_.told, apart_.descriptor)) {
        writer_.publish();
        memory_->to_lane.writer_waits.store(1);
        memory_->wake_lane();
        // The lane may have taken all before it was asked.
        if (!send_apart(apart_.told, apart_.descriptor)) return false;
      }
      if (apart_.told.loan != 0) lent_.emplace(apart_.told.loan, std::move(apart_.memory));
      apart_ = {};
      payload = {};
    }
    writer_.write(head, payload);
    return true;
  }

  /// False: not now.
  bool send_apart(const PassedPayload& told, int descriptor) {
    return send_message(socket_.get(), std::as_bytes(std::span{&told, 1}), {&descriptor, 1}, false) != Sent::later;
  }

  /// What it makes next is often as large as what it has made last: it gets memory for it that was used before.
  void pass_spare() {
    const std::size_t wanted = std::exchange(made_last_, 0);
    if (wanted == 0) return;
    detail::StorageElsewhere* const used = Segment::used_before(wanted);
    if (used == nullptr) return;
    const RecordHead head{0, {.type = wire::FrameType::spare, .flags = wire::flag_detached_payload}};
    const bool passed = writer_.has_room(2 * RingWriter::size_of(0) + Segment::smallest) &&
                        send_apart({.size = used->capacity}, static_cast<Segment*>(used)->descriptor());
    if (passed) {
      writer_.write(head, {});
      static_cast<Segment*>(used)->never_again();  // it is the lane's
      delete used;
    } else {
      detail::ByteStorage::drop(used);
    }
  }

  Bytes receive_apart(std::size_t size) {
    PassedPayload told;
    auto message = receive_message(socket_.get(), std::as_writable_bytes(std::span{&told, 1}), false);
    if (!message || (message->descriptors.size() != 1 && told.loan == 0))
      throw Error{"taking a large payload from lane " + std::to_string(id_.number) + ": it did not come"};
    if (told.size != size) throw Error{"taking a large payload from a lane: it has another size than was told"};
    if (told.loan != 0) return part_of_loan(told);
    Bytes payload = Segment::take(std::move(message->descriptors.front()), told, true);
    if (const Segment* segment = Segment::holding(payload)) made_last_ = segment->capacity;
    return payload;
  }

  /// What the lane passes on was lent to it.
  Bytes part_of_loan(const PassedPayload& told) const {
    const auto loan = lent_.find(told.loan);
    Segment* const segment = loan == lent_.end() ? nullptr : Segment::holding(loan->second);
    if (segment == nullptr || told.size > segment->capacity || told.offset > segment->capacity - told.size)
      throw Error{"taking a large payload from a lane: it is not what was lent to the lane"};
    segment->add_reference();
    return Bytes::in(segment, told.offset, told.size);
  }

  ProcessLaneFactory& factory_;
  const LaneId id_;
  const LaneMapping memory_;
  const Descriptor socket_;
  RingWriter writer_;
  RingReader reader_;
  Passing apart_;  // of the first of outgoing_, when it could not be sent
  // What the lane may read, by the number it was passed under, until the lane tells that it does not. Bounded by what
  // it has been given.
  std::unordered_map<std::uint64_t, Bytes> lent_;
  std::uint64_t last_loan_ = 0;
  std::size_t made_last_ = 0;  // capacity of the last segment that it made, until it has got a spare for it

  // Bounded by the worker's credits, and for actors by what their callers send.
  std::deque<Outgoing> outgoing_;
  std::deque<Outgoing> given_;  // work without outcome
  std::uint64_t last_work_ = 0;
  bool cancelled_told_ = false;
  bool damaged_ = false;
  bool dead_ = false;
};

namespace {

lane::Loss describe(const LaneEnd& end) {
  lane::Loss loss{end.lane, {}, {}, end.last_errors};
  if (WIFSIGNALED(end.wait_status)) {
    const int signal = WTERMSIG(end.wait_status);
    const char* name = ::sigabbrev_np(signal);
    const char* text = ::sigdescr_np(signal);
    loss.type = name == nullptr ? "signal " + std::to_string(signal) : std::string{"SIG"} + name;
    loss.reason =
        "killed by signal " + std::to_string(signal) + (text == nullptr ? "" : " (" + std::string{text} + ")");
    if (signal == SIGKILL) loss.reason += ", as Linux does where memory has run out";
  } else {
    loss.type = "exit code " + std::to_string(WEXITSTATUS(end.wait_status));
    loss.reason = "its process ended with " + loss.type;
  }
  return loss;
}

}  // namespace

std::unique_ptr<lane::Lane> ProcessLaneFactory::start(LaneId id, lane::Main main) {
  const auto* function = main.target<LaneFunction>();
  if (function == nullptr) throw Error{"starting a lane as a process: its main is no function"};
  return std::make_unique<ProcessLane>(*this, id, *function);
}

bool ProcessLaneFactory::take(const std::function<void(wire::Frame)>& sink) {
  bool any = false;
  zygote_.board().take_marks([&](std::size_t mark) {
    // A sink may end lanes.
    for (std::size_t i = 0; i < by_mark_[mark].size(); ++i) any |= by_mark_[mark][i]->take(sink);
  });
  return any;
}

bool ProcessLaneFactory::take_ends(const std::function<void(wire::Frame)>& sink,
                                   const std::function<void(const lane::Loss&)>& lost) {
  bool any = false;
  for (const LaneEnd& end : zygote_.take_ends()) {
    any = true;
    const auto found = lanes_.find(end.lane);
    if (found == lanes_.end()) continue;
    ProcessLane& lane = *found->second;
    lane.take(sink);
    if (lane.stopped()) continue;
    lane.set_dead();
    if (end.refused != 0) {
      throw Error{"starting lane " + std::to_string(end.lane.number) + " on rank " + std::to_string(self_.rank.number) +
                  " of " + self_.host + ": the system refuses another process (" + std::strerror(end.refused) +
                  "); raise the limits (ulimit -u, ulimit -n) or use fewer ranks"};
    }
    lost(describe(end));
  }
  return any;
}

}  // namespace crema::process
