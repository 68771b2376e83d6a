#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/ids.hpp"
#include "journal/record.hpp"

// The payloads of the history's records. Each has one write and one read; the byte layout is in README.md beside this.
namespace crema::history {

/// A function as the records behind this one number it; another start may number it anew. Payload of function.
struct Function {
  FunctionId number{};
  std::uint32_t index = 0;  ///< among those of equal name
  std::string mangled{};
};
ByteBuffer write(const Function& function);
Function read_function(const Bytes& payload);

/// What is known of a value that is too large for a record.
struct Large {
  std::uint64_t size = 0;  ///< 0: there is no such value
  Digest digest{};
  std::uint64_t blob = 0;  ///< number of its file in the journal; 0: it is not kept
};

/// A task has succeeded. Payload of task.
struct Task {
  enum class Kept : std::uint8_t {
    nothing = 0,  ///< it runs again when its value is wanted
    value = 1,    ///< value
    another = 2,  ///< its value is that of the work with the key `source`
    blob = 3,     ///< in the file large.blob
  };
  TaskKey key{};
  TaskKey parent{};
  Kept kept = Kept::nothing;
  TaskKey source{};
  Large large{};                         ///< of `nothing` and `blob`
  std::vector<Named<TaskId>> carried{};  ///< futures in the value
  std::vector<TaskKey> inputs{};         ///< work whose values or futures it was given
  Bytes submission{};                    ///< of a task without value: the payload of its submit frame
  std::vector<Bytes> children{};         ///< unfinished tasks it started: payloads of their submit frames
  Bytes value{};
};
/// Without the value, which comes behind it.
ByteBuffer write(const Task& task);
Task read_task(const Bytes& payload);

/// The value in a file that a record names; nothing: it names none.
struct BlobName {
  TaskKey key{};
  Large large{};
};
std::optional<BlobName> blob_of(const journal::Record& record);
/// What is wrong with that file, in this folder; empty: it is as it was written.
std::string blob_damage(const BlobName& blob, const std::filesystem::path& folder);

/// Something has ended that runs again on a resume (it failed, it was cancelled): only its place is kept. Payload of
/// order.
struct Order {
  TaskKey key{};
};
ByteBuffer write(const Order& order);
Order read_order(const Bytes& payload);

/// A value that work other than the driver has stored. Payload of value.
struct StoredValue {
  TaskKey key{};
  Large large{};  ///< where it is not in the record
  std::vector<Named<TaskId>> carried{};
  Bytes value{};
};
/// Without the value, which comes behind it.
ByteBuffer write(const StoredValue& value);
StoredValue read_stored_value(const Bytes& payload);

/// A call has got its place: behind those of its actor that are recorded before. Payload of call.
struct Call {
  TaskKey caller{};                      ///< all zero: the driver, or an actor's constructor
  std::vector<Named<TaskId>> carried{};  ///< futures in its arguments
  Bytes payload{};                       ///< of its call frame
};
ByteBuffer write(const Call& call);
Call read_call(const Bytes& payload);

/// An actor was created. Payload of actor.
struct Creation {
  TaskKey caller{};
  Bytes payload{};  ///< of its create_actor frame
};
ByteBuffer write(const Creation& creation);
Creation read_creation(const Bytes& payload);

/// A call has failed. Payload of failed_call.
struct FailedCall {
  TaskKey key{};
  bool ended_lane = false;  ///< with its actor's lane: it is not applied again
  Bytes failure{};
};
/// Without the failure, which comes behind it.
ByteBuffer write(const FailedCall& failed);
FailedCall read_failed_call(const Bytes& payload);

/// A task has kept a state. Payload of checkpoint.
struct Checkpoint {
  TaskKey key{};
  std::vector<Bytes> children{};  ///< unfinished tasks it started before: payloads of their submit frames
  Bytes kept{};                   ///< payload of the reply to restore
};
/// Without what is kept, which comes behind it.
ByteBuffer write(const Checkpoint& checkpoint);
Checkpoint read_checkpoint(const Bytes& payload);

/// Some work that something else than the driver has started acts on an actor, or has started what does. Payload of
/// called.
struct Called {
  TaskKey key{};
  TaskKey parent{};
};
ByteBuffer write(const Called& called);
Called read_called(const Bytes& payload);

/// What somebody who waited for some of several values was told. Payload of answer.
struct Answer {
  TaskKey caller{};
  std::uint32_t ordinal = 0;            ///< of the caller's waits
  std::vector<std::uint32_t> places{};  ///< of those that were there
};
ByteBuffer write(const Answer& answer);
Answer read_answer(const Bytes& payload);

}  // namespace crema::history
