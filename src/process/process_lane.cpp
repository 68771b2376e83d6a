#include "process/process_lane.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "wire/messages.hpp"

namespace crema::process {

/// The loop's side of a lane that is a process.
class ProcessLane final : public lane::Lane {
 public:
  ProcessLane(ProcessLaneFactory& factory, LaneId id, LaneFunction function)
      : ProcessLane{factory, id, function, create_lane_memory()} {}

  ~ProcessLane() override {
    if (!stopped()) factory_.zygote_.kill(id_);
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

  /// Its process is no more: what comes for it is for nobody.
  void set_dead() { dead_ = true; }

 private:
  struct Outgoing {
    std::uint64_t work = 0;  ///< as in RecordHead
    wire::Frame frame;
  };

  ProcessLane(ProcessLaneFactory& factory, LaneId id, LaneFunction function, const Descriptor& memory)
      : factory_{factory},
        id_{id},
        memory_{memory.get()},
        writer_{memory_->to_lane, memory_->to_lane_bytes},
        reader_{memory_->to_rank, memory_->to_rank_bytes} {
    lane::Identity identity = factory_.self_;
    identity.lane = id_;
    const Arena::Owner owner = Arena::of_process().name_lane();
    factory_.zygote_.start(identity, function, memory, owner);
    factory_.processes_[id_] = {owner, {}};
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
        if (record->passed) record->frame.payload = take_passed(*record->passed, header.payload_size);
        header.lane = id_;  // it speaks for no other
        if (header.type == wire::FrameType::loans_ended) {
          for (ByteReader ended{record->frame.payload}; ended.remaining() != 0;) end_loan(ended.get<std::uint64_t>());
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
    head.header.payload_size = item.frame.payload.size();
    const bool apart = item.frame.payload.size() >= Segment::smallest;
    const std::size_t size = RingWriter::size_of(apart ? sizeof(PassedPayload) : item.frame.payload.size());
    if (!writer_.has_room(size) && (writer_.publish(), writer_.ask_for_room(size))) {
      memory_->wake_lane();
      return false;
    }
    if (!apart) return writer_.write(head, item.frame.payload.span());
    head.header.flags |= wire::flag_detached_payload;
    // Its own work needs a part of a value for no longer than the store has the value, or little longer.
    Passing passing = pass(item.frame.payload, true);
    if (passing.told.kind != PassedPayload::Kind::unmapped) {
      passing.told.kind = PassedPayload::Kind::lent;
      process().lent.emplace(passing.told.slot, std::move(passing.memory));
    }
    return writer_.write(head, std::as_bytes(std::span{&passing.told, 1}));
  }

  /// Until it is dead.
  ProcessLaneFactory::Process& process() const { return factory_.processes_.at(id_); }

  Bytes take_passed(const PassedPayload& told, std::size_t size) {
    if (told.kind == PassedPayload::Kind::lent) return part_of_loan(told, size);
    Bytes payload = Segment::take(told, size, process().owner);
    if (told.kind == PassedPayload::Kind::held) process().lent.emplace(told.slot, payload);
    return payload;
  }

  /// What the lane passes on was lent to it.
  Bytes part_of_loan(const PassedPayload& told, std::size_t size) const {
    const auto loan = process().lent.find(told.slot);
    Segment* const segment = loan == process().lent.end() ? nullptr : Segment::holding(loan->second);
    if (segment == nullptr || size > segment->capacity || told.offset > segment->capacity - size)
      throw Error{"taking a large payload from a lane: it is not what was lent to the lane"};
    segment->add_reference();
    return Bytes::in(segment, told.offset, size);
  }

  void end_loan(std::uint64_t slot) {
    auto& lent = process().lent;
    if (const auto loan = lent.find(static_cast<std::uint32_t>(slot)); loan != lent.end()) lent.erase(loan);
  }

  ProcessLaneFactory& factory_;
  const LaneId id_;
  const LaneMapping memory_;
  RingWriter writer_;
  RingReader reader_;
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
    bool came_back = true;
    if (found != lanes_.end()) {
      found->second->take(sink);
      came_back = found->second->stopped();
      found->second->set_dead();
    }
    forget_process(end.lane);
    if (came_back) continue;
    if (end.refused != 0) {
      throw Error{"starting lane " + std::to_string(end.lane.number) + " on rank " + std::to_string(self_.rank.number) +
                  " of " + self_.host + ": the system refuses another process (" + std::strerror(end.refused) +
                  "); raise the limits (ulimit -u, ulimit -n) or use fewer ranks"};
    }
    lost(describe(end));
  }
  return any;
}

/// It reads nothing any more, and fills nothing.
void ProcessLaneFactory::forget_process(LaneId id) {
  const auto found = processes_.find(id);
  if (found == processes_.end()) return;
  Arena::of_process().release_all(found->second.owner);
  processes_.erase(found);
}

}  // namespace crema::process
