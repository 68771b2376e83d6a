#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "history/records.hpp"
#include "journal/reader.hpp"
#include "wire/messages.hpp"

namespace crema::history {

/// What earlier starts of this run have done, by key. Memory: all recorded values. Thread safety: immutable once made.
class Past {
 public:
  /// How a task ended, or a stored value.
  struct Completion {
    std::uint64_t order = 0;  ///< which of the records of ends its first one is, from 1
    bool succeeded = false;
    Task::Kept kept = Task::Kept::nothing;
    TaskKey source{};
    Large large{};
    std::vector<Named<TaskId>> carried{};  ///< with ids of the start that recorded it
    Bytes value{};
    std::optional<wire::TaskSpec> submission{};  ///< of a task that has succeeded without a value
  };

  /// One that has its place among its actor's calls.
  struct Call {
    TaskKey caller{};
    wire::CallSpec spec{};  ///< `carried` names all futures in the arguments
  };
  /// What an actor was once so many of its calls, from the first, were applied.
  struct Snapshot {
    std::uint64_t place = 0;
    Bytes state{};
  };
  struct Creation {
    TaskKey caller{};
    wire::ActorSpec spec{};
  };

  /// Nothing has happened yet.
  Past() = default;
  using CallCounts = std::unordered_map<ActorId, std::uint64_t>;
  /// Reads all. `before`: calls of each actor that were recorded before these records. `blobs`: where the files are
  /// that records name, so that the source is cut at the first one that is not as it was; empty: they are not looked
  /// at. Throws Error for a record that this program cannot understand.
  explicit Past(journal::RecordSource& source, const CallCounts& before = {}, const std::string& blobs = {});

  /// Something has changed: keeps only tasks that, with all they have started, have acted on no actor, and that depend
  /// on such tasks alone.
  void forget_actors();
  /// Throws Error when what is kept needs a function that this program does not have.
  void require_functions() const;

  [[nodiscard]] bool empty() const {
    return completions_.empty() && answers_.empty() && calls_.empty() && creations_.empty() && checkpoints_.empty();
  }
  /// Stands for one that is recorded, and that this program does not have.
  static constexpr FunctionId missing_function{std::numeric_limits<std::uint32_t>::max()};

  /// nullptr: it had not ended.
  [[nodiscard]] const Completion* find(TaskKey key) const;
  /// nullptr: it was not told anything.
  [[nodiscard]] const std::vector<std::uint32_t>* answer(TaskKey caller, std::uint32_t ordinal) const;
  /// How many ends are recorded.
  [[nodiscard]] std::uint64_t last_order() const { return last_order_; }
  /// Tasks that ended tasks have started, and that have not ended.
  [[nodiscard]] std::vector<wire::TaskSpec> unfinished() const;
  [[nodiscard]] const std::unordered_map<TaskKey, Completion>& completions() const { return completions_; }
  /// The newest of an actor; nullptr: there is none.
  [[nodiscard]] const Snapshot* snapshot(ActorId actor) const {
    const auto found = snapshots_.find(actor);
    return found == snapshots_.end() ? nullptr : &found->second;
  }
  /// By actor, in order. Those that its snapshot covers have no arguments.
  [[nodiscard]] const std::unordered_map<ActorId, std::vector<Call>>& calls() const { return calls_; }
  [[nodiscard]] const std::unordered_map<ActorId, Creation>& creations() const { return creations_; }
  [[nodiscard]] bool killed(ActorId actor) const { return killed_.contains(actor); }
  /// What a task's newest checkpoint has kept; nullptr: there is none.
  [[nodiscard]] const Bytes* checkpoint(TaskKey task) const {
    const auto found = checkpoints_.find(task);
    return found == checkpoints_.end() ? nullptr : &found->second;
  }
  /// How a call failed; nullptr: it has not, or nobody has recorded it.
  [[nodiscard]] const FailedCall* failure(TaskKey call) const;
  /// Whether the call has ended its actor's lane, and is not applied again.
  [[nodiscard]] bool is_skipped(TaskKey call) const {
    const FailedCall* failed = failure(call);
    return failed != nullptr && failed->ended_lane;
  }

 private:
  using Functions = std::unordered_map<FunctionId, FunctionId>;  // recorded number: today's

  void add(const journal::Record& record, Functions& functions, const CallCounts& before, const std::string& blobs);
  void add_snapshot(wire::Snapshot snapshot, const CallCounts& before);
  void add_task(Task task, const Functions& functions);
  void add_children(TaskKey parent, const std::vector<Bytes>& submissions, const Functions& functions);
  Completion& complete(TaskKey key);

  std::unordered_map<TaskKey, Completion> completions_;
  std::map<std::pair<TaskKey, std::uint32_t>, std::vector<std::uint32_t>> answers_;
  std::unordered_map<TaskKey, wire::TaskSpec> children_;
  std::unordered_map<ActorId, std::vector<Call>> calls_;
  std::unordered_map<ActorId, Creation> creations_;
  std::unordered_map<ActorId, Snapshot> snapshots_;
  std::unordered_set<ActorId> killed_;
  std::unordered_map<TaskKey, FailedCall> failed_calls_;
  std::unordered_map<TaskKey, Bytes> checkpoints_;
  std::uint64_t last_order_ = 0;
  std::string missing_;  // the name of the first function that is recorded, and is missing

  // For forget_actors.
  std::unordered_set<TaskKey> called_;                        // work of which that is recorded
  std::unordered_map<TaskKey, TaskKey> parents_;              // of work that other work has started
  std::unordered_map<TaskKey, std::vector<TaskKey>> inputs_;  // of tasks that have ended
};

}  // namespace crema::history
