#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_set>

#include "crema/lane_context.hpp"
#include "lane/lane.hpp"
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

  /// A new piece of work begins: its calls are counted from zero.
  void begin(RunningTask work);
  /// Actor calls made since begin.
  [[nodiscard]] std::uint32_t calls_made() const { return calls_made_; }
  /// Posts what the lane holds back (releases), then the frame.
  void post(wire::FrameType type, ByteBuffer payload, bool wake);

  TaskId submit(FunctionId function, const TaskOptions& options, Bytes arguments) override;
  ActorId create_actor(FunctionId constructor, const ActorOptions& options, const std::string& class_name,
                       Bytes arguments) override;
  ActorId find_actor(const std::string& name, const std::string& class_name) override;
  TaskId call(ActorId actor, FunctionId method, Bytes arguments) override;
  void fetch(std::span<const TaskId> ids, const Sink& sink) override;
  bool ready(TaskId id) override;
  void release(TaskId id) noexcept override;
  Cluster cluster() override;
  const RunningTask& running() const noexcept override { return running_; }
  RankId rank() const noexcept override { return identity_.rank; }
  const std::string& host() const noexcept override { return identity_.host; }
  std::shared_ptr<LaneContext> share() override { return shared_from_this(); }

 private:
  std::uint64_t next_id();
  Bytes request(wire::FrameType type, ByteBuffer payload);
  /// Gives the slot to another lane until unpark.
  void park();
  void unpark();
  void flush_releases();

  // Constant after construction.
  const Identity identity_;
  Channel* const channel_;
  const bool parks_;

  // The lane's thread only.
  RunningTask running_;
  std::uint32_t calls_made_ = 0;
  std::uint64_t ids_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t parks_made_ = 0;

  std::mutex release_mutex_;
  // Guarded by release_mutex_.
  std::vector<TaskId> released_;
  bool ended_ = false;
};

}  // namespace crema::lane
