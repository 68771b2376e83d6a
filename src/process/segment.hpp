#pragma once

#include <cstddef>
#include <cstdint>

#include "crema/bytes.hpp"
#include "process/descriptors.hpp"

namespace crema::process {

/// How a payload is told of, in a message with its descriptor.
struct PassedPayload {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// A piece of memory without a name that a rank and its lanes pass to each other instead of copying it: a memfd and a
/// mapping of it. One process fills it and passes it on, once filled nobody writes. It lives as long as somebody has it
/// open or mapped, so nothing is left of it when all are killed. Bytes in it count as those of the heap do, also
/// towards a store's budget; a lane that still reads what its rank has let go keeps it.
class Segment final : public detail::StorageElsewhere {
 public:
  /// Larger payloads are passed, smaller ones copied.
  static constexpr std::size_t smallest = 64 << 10;
  /// Buffers of this size on are made as segments and filled there. The heap has used the memory of smaller ones
  /// before, and to write them over into a segment when they are passed takes less time than to touch fresh pages.
  static constexpr std::size_t smallest_filled = 32 << 20;
  /// A process that has so many, each a descriptor and a mapping (of which Linux allows 65,530), keeps what comes then
  /// on the heap, which costs a copy. Small ones leave the last half to those of 1 MiB and more.
  static constexpr std::size_t most = 2048;
  /// The same, or a quarter of the descriptors that the process may have where that is less.
  static std::size_t most_here() noexcept;

  ~Segment() override;

  /// An empty one to be filled. Nothing: the system has none, or there are too many.
  static detail::StorageElsewhere* make(std::size_t capacity) noexcept;
  /// What was passed here. `writes`: the mapping allows it, as network cards ask of what is sent. Throws Error where
  /// there is less than told, or where the other side could take it away.
  static Bytes take(Descriptor memory, const PassedPayload& told, bool writes);
  /// From now on make serves this process's buffers of smallest_filled and more.
  static void use_for_large_buffers() noexcept { detail::use_for_large_buffers(smallest_filled, &make); }
  /// Nothing: the bytes are elsewhere.
  static Segment* holding(const Bytes& bytes) noexcept { return static_cast<Segment*>(bytes.elsewhere()); }
  /// The same where they are only a small part of it: to have them for long, they have to be copied.
  static Segment* of(const Bytes& bytes) noexcept;

  bool grow(std::size_t wanted) noexcept override;
  /// Before one that was made here is passed: this process writes no more. What lies behind the first `used` bytes is
  /// given back, unless others hold the segment as well.
  void finish(std::size_t used, bool others_hold_it) noexcept;
  [[nodiscard]] int descriptor() const { return memory_.get(); }

 private:
  Segment(Descriptor memory, bool made_here);
  static bool room_for(std::size_t size) noexcept;

  const Descriptor memory_;
  const bool made_here_;
  std::size_t mapped_ = 0;
};

/// What passes a payload on: the segment it lies in, or one that it was copied to.
struct Passing {
  PassedPayload told;
  int descriptor = -1;
  Descriptor copied;  ///< where it was
};
/// `parts`: also the segment of which the payload is only a small part; it is kept for as long as the payload is.
/// Throws Error.
Passing pass(const Bytes& payload, bool parts = false);

}  // namespace crema::process
