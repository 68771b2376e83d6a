#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

#include "common/id_table.hpp"
#include "history/past.hpp"
#include "journal/sink.hpp"
#include "wire/messages.hpp"

namespace crema::history {

/// Writes the history of this start. Follows each task from its submission to its end; the head tells it of ends before
/// anybody else. Memory: for each unfinished task its submission. Used on the event loop's thread.
class Keeper {
 public:
  explicit Keeper(journal::JournalSink& sink) : sink_{sink} {}

  /// `payload`: of the submit frame.
  void submitted(const wire::TaskHead& task, const Bytes& payload);
  /// The call has its place; nothing of the method that it causes is recorded before.
  void has_place(const wire::CallSpec& call, std::vector<Named<TaskId>> carried);
  /// A call whose place is recorded has not ended yet.
  void follow(Named<TaskId> call, TaskKey caller);
  void created(const wire::ActorSpec& actor);
  void killed(ActorId actor);
  /// The key of unfinished work; all zero: the driver's, or not known.
  [[nodiscard]] TaskKey key_of(TaskId work) const;
  /// The task's value will be that of the work with this key.
  void forwards(TaskId id, TaskKey source);
  /// Of one that is too large for a record only the end is kept: whoever names it runs again on a resume.
  void stored_value(const wire::Put& put);
  /// The work has ended. False: what a call has given is not kept. Ignores what is not followed.
  bool succeeded(TaskId id, const std::vector<Named<TaskId>>& carried, const Bytes& value);
  /// The same, with a value that is too large for a record.
  bool succeeded(TaskId id, Large large);
  /// It was cancelled, or has failed: then it runs again on a resume, also where its parent does not, unless somebody
  /// heard of it.
  void ended(TaskId id, bool failed);
  void heard(TaskId id);
  /// The task has kept a state, and all calls it made before have their places. Ignores what is not followed.
  void checkpoint(TaskId id, const Bytes& kept);
  /// A call has failed; `ended_lane`: so that it is not applied again. Ignores what is not followed.
  void call_failed(TaskId id, bool ended_lane, const Bytes& failure);
  /// How many records say that something has ended, from the first: those that Past counts.
  [[nodiscard]] std::uint64_t ends() const { return ends_; }
  [[nodiscard]] bool is_call(TaskId id) const {
    const Following* found = following_.find(id.number);
    return found != nullptr && found->call;
  }
  /// The unfinished work with this key; zero: there is none. Takes time in proportion to what is unfinished.
  [[nodiscard]] TaskId unfinished(TaskKey key) const;
  /// Reads what this start has written, on another thread; `read` must not throw.
  void read_back(std::function<void(journal::RecordSource&)> read) { sink_.read_back(std::move(read)); }
  /// For sync: hurries all that is recorded to the disk. Returns what is_on_disk is to be asked for.
  std::uint64_t hurry() {
    sink_.hurry();
    return sink_.appended();
  }
  [[nodiscard]] bool is_on_disk(std::uint64_t recorded) const { return sink_.durable() >= recorded; }
  /// The folder for values that are too large for a record; empty: they cannot be kept.
  [[nodiscard]] const std::string& blobs() const { return sink_.blobs(); }
  void snapshot(const wire::Snapshot& snapshot);
  void answered(TaskKey caller, std::uint32_t ordinal, std::vector<std::uint32_t> places);

 private:
  /// What few work has.
  struct Details {
    TaskKey parent;  ///< all zero: the driver
    TaskKey source;  ///< whose value is its value
    std::vector<TaskKey> inputs;
    std::vector<TaskId> children;
  };
  /// One for each unfinished task: small.
  struct Following {
    TaskKey key;
    Bytes submission;
    TaskId parent_id;
    std::unique_ptr<Details> some;
    bool failed = false;  ///< or is not kept: it stays here until its parent ends, and runs again where that does not
    bool called = false;  ///< it, or what it has started, acts on an actor
    bool call = false;    ///< applied again as long as its outcome is not recorded
    bool never = false;   ///< JournalPolicy::never: it runs again

    Details& make_details();
    [[nodiscard]] const Details& details() const;
  };

  bool end(TaskId id, Task task, const Bytes& value);
  /// It has ended and runs again on a resume.
  bool end_without_value(TaskId id, Following ended);
  /// The submissions of what this work has started and has not ended.
  std::vector<Bytes> unfinished_children(const Following& parent);
  void tell_called(TaskId by);
  void forget_failed_children(const Following& parent);
  void append_end(journal::RecordType type, std::span<const std::byte> payload, std::span<const std::byte> rest = {});
  void describe(const Bytes& submission);
  void describe(FunctionId function);

  journal::JournalSink& sink_;
  std::uint64_t ends_ = 0;
  IdTable<Following> following_;
  std::unordered_set<TaskKey> not_kept_;  // stored values, and tasks that name such
  std::vector<bool> described_;           // by function: its record is written
};

}  // namespace crema::history
