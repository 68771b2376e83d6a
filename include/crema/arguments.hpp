#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/ids.hpp"

namespace crema {

/// A value that is not there yet and belongs between the bytes of a call's arguments.
struct Input {
  std::uint64_t offset = 0;  ///< in Arguments::bytes: before this byte
  TaskId id;
  TaskKey key{};
  // Of a task's arguments:
  std::uint32_t part = 0;   ///< of a value in parts: which one is wanted, counted from 1; 0: the whole value
  std::uint32_t parts = 0;  ///< how many the value has
};

/// Where the bytes of arguments name a value or an actor. Its number there differs from run to run, its key does not.
struct Mention {
  std::uint64_t offset = 0;  ///< of an 8-byte id
  TaskKey key;
};

/// A call's arguments: what is known, the values it waits for, and the futures that travel in it as futures.
struct Arguments {
  Bytes bytes{};
  std::vector<Input> inputs{};           ///< by rising offset; those at one offset in order
  std::vector<Named<TaskId>> carried{};  ///< may repeat
  // Does not travel; for the key of the call.
  std::vector<Mention> mentions{};  ///< futures and actors in the bytes
};

/// Collects the futures that are encoded on this thread while it lives, and keeps them from being released: a sender
/// holds its reference until the message that passes it on is posted. May be nested; the innermost collects.
class CarriedFutures {
 public:
  CarriedFutures();
  ~CarriedFutures();
  CarriedFutures(const CarriedFutures&) = delete;
  CarriedFutures& operator=(const CarriedFutures&) = delete;

  /// A future is being encoded. Throws UsageError where nobody collects: there futures cannot travel.
  static void add(Named<TaskId> future, std::shared_ptr<const void> keep);
  /// The 8 bytes from this place on are the number of something that has a key. Ignored where nobody collects.
  static void mention(std::uint64_t offset, TaskKey key);
  [[nodiscard]] const std::vector<Named<TaskId>>& ids() const { return ids_; }
  [[nodiscard]] const std::vector<Mention>& mentions() const { return mentions_; }

 private:
  CarriedFutures* const outer_;
  std::vector<Named<TaskId>> ids_;
  std::vector<std::shared_ptr<const void>> kept_;
  std::vector<Mention> mentions_;
};

}  // namespace crema
