#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crema/bytes.hpp"
#include "process/segment.hpp"
#include "wire/frame.hpp"

namespace crema::process {

/// In front of each frame in a ring.
struct RecordHead {
  std::uint64_t work = 0;  ///< its number among the work of its lane, from 1; 0: not work
  wire::FrameHeader header;
};

/// The positions of a ring, counted in bytes since its beginning. Lies in shared memory, the ring's bytes behind it.
struct RingPositions {
  alignas(64) std::atomic<std::uint64_t> written{0};
  alignas(64) std::atomic<std::uint64_t> read{0};
  /// The writer wants to hear when there is room.
  alignas(64) std::atomic<std::uint32_t> writer_waits{0};
};

/// The writing end of a ring of bytes between two processes; one thread at a time.
class RingWriter {
 public:
  RingWriter(RingPositions& positions, std::span<std::byte> bytes) : positions_{&positions}, bytes_{bytes} {}

  /// Appends a record, which the reader sees once it is published. False, and nothing is written: there is no room.
  bool write(const RecordHead& head, std::span<const std::byte> payload);
  /// Returns whether there was anything to publish.
  bool publish();
  /// Asks to hear of room. False: there is room for `size` bytes already.
  bool ask_for_room(std::size_t size);

  [[nodiscard]] bool has_room(std::size_t size) const;
  static constexpr std::size_t size_of(std::size_t payload) { return sizeof(RecordHead) + payload; }

 private:
  void put(std::span<const std::byte> bytes);

  RingPositions* positions_;
  std::span<std::byte> bytes_;
  std::uint64_t written_ = 0;
};

/// The reading end; one thread at a time.
class RingReader {
 public:
  RingReader(RingPositions& positions, std::span<const std::byte> bytes) : positions_{&positions}, bytes_{bytes} {}

  [[nodiscard]] bool empty() const { return positions_->written.load() == read_; }
  /// All records that were published, one after the other. Throws Error when the positions make no sense: the other
  /// process has written where it should not.
  Bytes take();
  /// After a take: whether the writer has asked to hear of room.
  bool writer_waits() { return positions_->writer_waits.load() != 0 && positions_->writer_waits.exchange(0) != 0; }

 private:
  RingPositions* positions_;
  std::span<const std::byte> bytes_;
  std::uint64_t read_ = 0;
};

/// The records of what RingReader::take has returned. A payload shares its storage.
class RecordReader {
 public:
  explicit RecordReader(Bytes records) : records_{std::move(records)} {}
  struct Record {
    std::uint64_t work = 0;
    wire::Frame frame;
    std::optional<PassedPayload> passed;  ///< where the payload lies; the frame's is empty then, and has no flag
  };
  /// Throws Error when the records are damaged.
  std::optional<Record> next();

 private:
  Bytes records_;
  std::size_t position_ = 0;
};

}  // namespace crema::process
