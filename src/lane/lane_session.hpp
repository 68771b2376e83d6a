#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "crema/lane_context.hpp"
#include "lane/lane.hpp"
#include "lane/task_keys.hpp"
#include "wire/messages.hpp"

namespace crema::lane {

/// The LaneContext of one lane: turns what user code asks into frames on the lane's channel, and waits for the answers.
/// Thread safety: the lane's thread only, except `release` and the destructor.
class LaneSession final : public LaneContext, public std::enable_shared_from_this<LaneSession> {
 public:
  /// `parks`: a wait gives the lane's slot to another lane (lanes of a worker).
  LaneSession(Identity identity, Channel& channel, bool parks)
      : identity_{std::move(identity)}, channel_{&channel}, parks_{parks} {}

  /// Makes this the context of the calling thread as long as the scope lasts, and ends the session with it.
  class Scope {
   public:
    explicit Scope(LaneSession& session);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    LaneSession& session_;
  };

  /// A new piece of work begins, of this actor if it is one's: its calls are counted from zero. `blobs`: where large
  /// values that it stores are kept; empty: they are not.
  void begin(RunningTask work, ActorId actor = {}, const std::string& blobs = {});
  /// After begin: values that an earlier attempt of the work has stored. Stored once more, each has the same id.
  void stores_again(const std::vector<Named<TaskId>>& values);
  /// Actor calls made since begin.
  [[nodiscard]] std::uint32_t calls_made() const { return calls_made_; }
  /// Of these, to durable actors.
  [[nodiscard]] std::uint32_t durable_calls() const { return durable_calls_; }
  /// Posts the frame, then what the lane holds back (releases).
  void post(wire::FrameType type, ByteBuffer payload, bool wake, std::uint16_t flags = 0);
  /// flag_early where the work that runs was told that the job stops, else 0.
  [[nodiscard]] std::uint16_t early() const { return saw_stopping_ ? wire::flag_early : 0; }

  /// Tells what is held back: nobody should keep for long what this lane has let go of.
  void flush_releases();
  /// Gives a value to the rank's store; the message that tells of it comes next.
  void store(TaskId id, Bytes value);

  /// The values a task was sent with, and those it has to ask for, between its arguments. Waits for the latter.
  ByteReader gather(const Arguments& arguments, std::vector<wire::InputValue> values);

  Named<TaskId> submit(FunctionId function, const TaskOptions& options, Arguments arguments) override;
  Named<TaskId> put(Arguments value) override;
  ActorName create_actor(FunctionId constructor, const ActorOptions& options, const std::string& class_name,
                         Arguments arguments) override;
  ActorName find_actor(const std::string& name, const std::string& class_name,
                       std::chrono::nanoseconds timeout) override;
  void kill_actor(ActorId actor) override;
  Named<ActorId> create_pool(std::span<const Named<ActorId>> members) override;
  Named<TaskId> call_pool(Named<ActorId> pool, FunctionId method, Arguments arguments) override;
  Named<TaskId> call(ActorName actor, FunctionId method, Arguments arguments) override;
  void fetch(std::span<const TaskId> ids, const Sink& sink) override;
  bool ready(TaskId id) override;
  std::vector<std::uint32_t> wait(std::span<const TaskId> ids, std::size_t count,
                                  std::optional<std::chrono::nanoseconds> timeout) override;
  std::uint64_t watch(std::span<const Named<TaskId>> futures) override;
  TaskId next_completed(std::uint64_t watch) override;
  void unwatch(std::uint64_t watch) noexcept override;
  void cancel(TaskId id) override;
  bool cancelled() const override {
    if (!channel_->cancelled(running_.id)) return false;
    knows_cancelled_.store(true, std::memory_order_relaxed);
    return true;
  }
  bool stopping() override { return saw_stopping_ = saw_stopping_ || channel_->stopping(); }
  void checkpoint(Bytes state) override;
  std::optional<Bytes> restore() override;
  void retain(TaskId id) override;
  void release(TaskId id) noexcept override;
  Cluster cluster() override;
  void sync() override { static_cast<void>(request(wire::FrameType::sync, {})); }
  void opened(const InputFile& file) override;
  bool keeps_history() const noexcept override { return identity_.keeps_history; }
  bool resumes() const noexcept override { return identity_.resumes; }
  const RunningTask& running() const noexcept override { return running_; }
  const std::vector<std::string>& gpus() const noexcept override { return gpus_; }
  void set_gpus(std::vector<std::string> gpus) { gpus_ = std::move(gpus); }
  Random& random() override {
    if (!random_) random_.emplace(identity_.seed, running_.key, 0);
    return *random_;
  }
  std::uint64_t seed() const noexcept override { return identity_.seed; }
  RankId rank() const noexcept override { return identity_.rank; }
  const std::string& host() const noexcept override { return identity_.host; }
  std::shared_ptr<LaneContext> share() override { return shared_from_this(); }

 private:
  std::uint64_t next_id();
  /// Whether other work may have the lane's slot while it waits.
  enum class Slot { given_up, kept };
  Bytes request(wire::FrameType type, ByteBuffer payload, Slot slot = Slot::given_up);
  Named<TaskId> post_call(wire::FrameType type, Named<ActorId> actor, FunctionId method, Arguments arguments,
                          std::uint16_t flags = 0);
  /// Waits for the values of the futures among the arguments and puts them in their places. Throws what they threw.
  void wait_for_inputs(Arguments& arguments);
  void wait_for_room(const ActorName& actor);
  void check_is_task(const char* what) const;
  void on_accepted(const wire::Frame& frame);
  void on_cancel(const std::vector<TaskId>& ids);
  void post_ids(wire::FrameType type, const std::vector<TaskId>& ids);
  void pin(Named<TaskId> work, const Arguments& arguments);
  /// Waits for so many values that `take` takes, or for a failed one.
  /// Where no further task may wait: that is an error, or the lane waits with its slot.
  enum class Refused { error, wait };
  void await(std::size_t count, const std::function<bool(const wire::ObjectPart&, Result)>& take,
             Refused refused = Refused::error);
  class Waiting;

  // Constant after construction.
  const Identity identity_;
  Channel* const channel_;
  const bool parks_;

  // The lane's thread only.
  RunningTask running_;
  std::vector<std::string> gpus_;  // of the running work
  TaskKeys keys_;
  std::optional<Random> random_;  // of the running work, once asked for
  std::uint32_t calls_made_ = 0;
  bool saw_stopping_ = false;                         // the work that runs
  mutable std::atomic<bool> knows_cancelled_{false};  // that it is
  std::uint32_t durable_calls_ = 0;
  std::vector<TaskKey> calls_to_keep_;  // of a task, to durable actors, since its last checkpoint
  std::uint64_t ids_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t parks_made_ = 0;
  std::uint64_t may_lack_room_ = 0;                      // bytes stored since its rank was known to have room
  std::uint32_t waits_made_ = 0;                         // of the running work
  ActorId actor_;                                        // whose method runs
  std::string blobs_;                                    // of the running work
  std::unordered_map<TaskKey, TaskId> stored_before_;    // of the running work, by earlier attempts
  std::map<ActorId, std::uint32_t> unaccepted_;          // of bounded actors: calls on their way; no zeros
  std::map<std::uint64_t, std::deque<TaskId>> watches_;  // what has completed and was not taken

  std::mutex release_mutex_;
  // Guarded by release_mutex_.
  std::vector<TaskId> released_;
  bool ended_ = false;
  std::atomic<bool> any_released_{false};  // read without it: what another thread lets go of may go a message later
};

}  // namespace crema::lane
