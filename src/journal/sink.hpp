#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "journal/reader.hpp"
#include "journal/record.hpp"

namespace crema::journal {

/// Where the head appends. Event loop's thread only. Nothing blocks, nothing throws.
class JournalSink {
 public:
  virtual ~JournalSink() = default;
  /// Copies; `rest` follows `payload` in the record (so a value need not be joined to its description first).
  /// After a failure it does nothing. Payload + rest at most max_record_bytes (1 GiB; larger values are blobs).
  virtual void append(RecordType type, std::span<const std::byte> payload, std::span<const std::byte> rest = {}) = 0;
  /// Reads what this start has appended so far, in order, on a thread of the journal's, once it is on disk. `read` must
  /// not throw; it is not called after a failure.
  virtual void read_back(std::function<void(RecordSource&)> read) = 0;
  /// Records appended by this start, and how many of these are on disk. durable() <= appended(), both only grow.
  [[nodiscard]] virtual std::uint64_t appended() const = 0;
  [[nodiscard]] virtual std::uint64_t durable() const = 0;
  /// Bytes that this start has appended, values in blobs aside; only grows.
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
  /// Commit what is appended now and not at the next 100 ms. sync(): remember appended(), hurry(), and answer in the
  /// turn in which durable() has reached it.
  virtual void hurry() = 0;
  /// The folder for values that are too large for a record (blob.hpp); empty: they cannot be kept.
  [[nodiscard]] virtual const std::string& blobs() const = 0;
  /// Once a turn: starts a group commit when one is due.
  virtual void turn(std::chrono::steady_clock::time_point now) = 0;
  /// False: more than 64 MiB wait for the disk; the head hands out no work meanwhile.
  [[nodiscard]] virtual bool keeps_up() const = 0;
  /// Why nothing more can be kept (a write failed, another start took the journal over), or empty. Ends the run.
  [[nodiscard]] virtual std::string failure() const = 0;
};

}  // namespace crema::journal
