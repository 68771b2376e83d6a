#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "crema/bytes.hpp"
#include "process/arena.hpp"
#include "process/ended_loans.hpp"

namespace crema::process {

/// What a record in a ring says of a payload that lies in the arena.
struct PassedPayload {
  enum class Kind : std::uint32_t {
    given,     ///< by a lane: the slot is the rank's
    held,      ///< the same, but the lane reads it until it tells that it does not any more
    lent,      ///< by the rank, which keeps it until the lane tells that; by a lane: of what was lent to it
    unmapped,  ///< there was no slot: a copy, for who takes it (Arena::take_unmapped)
  };
  std::uint32_t slot = 0;
  Kind kind{};
  std::uint64_t offset = 0;    ///< of the payload in its slot; of an unmapped one, its place
  std::uint64_t used = 0;      ///< of the slot's first bytes, how many are to be kept
  std::uint64_t capacity = 0;  ///< of given and held ones: of how many there may be pages
};

struct Passing;

/// A slot of the arena as the storage of bytes. One process fills it and passes it on; once filled nobody writes until
/// nobody reads it any more, then it is released. Bytes in it count as those of the heap do, also towards a store's
/// budget.
class Segment final : public detail::StorageElsewhere {
 public:
  /// Larger payloads are passed, smaller ones copied.
  static constexpr std::size_t smallest = 64 << 10;
  /// Buffers of this size on are made in the arena and filled there. The heap has used the memory of smaller ones
  /// before, and to write them over into a slot when they are passed takes less time than to touch fresh pages.
  static constexpr std::size_t smallest_filled = 32 << 20;

  ~Segment() override;

  /// One to be filled, of fresh pages while there are such slots; the large ones that it fills take memory at once.
  /// Nothing: all are taken.
  static detail::StorageElsewhere* make(std::size_t capacity) noexcept;
  /// One that was used before, for about as much. Nothing: there is none at hand.
  static detail::StorageElsewhere* used_before(std::size_t capacity) noexcept;
  /// From now on this process's large buffers lie in the arena: in slots that were used before, and of smallest_filled
  /// on also in fresh ones.
  static void use_for_large_buffers() noexcept;
  /// In a lane: `size` bytes that its rank has lent to it. `ended`, which expects it, is told when all that reads them
  /// has gone.
  static Bytes borrow(const PassedPayload& told, std::size_t size, std::shared_ptr<EndedLoans> ended);
  /// In the rank: `size` bytes that this lane has made. Throws Error where it cannot be true what the lane tells.
  static Bytes take(const PassedPayload& told, std::size_t size, Arena::Owner lane);

  /// Nothing: the bytes are elsewhere.
  static Segment* holding(const Bytes& bytes) noexcept { return static_cast<Segment*>(bytes.elsewhere()); }
  /// The same where they are only a small part of it: to have them for long, they have to be copied.
  static Segment* of(const Bytes& bytes) noexcept;

  bool grow(std::size_t wanted) noexcept override;

  [[nodiscard]] std::uint32_t slot() const { return slot_.number; }
  [[nodiscard]] bool lent() const { return ended_ != nullptr; }
  /// In a lane: the slot of what was made here is the rank's from now on. `ended`: this process reads it further, and
  /// tells when it does not. Throws std::bad_alloc.
  void hand_over(std::shared_ptr<EndedLoans> ended);

 private:
  enum class Use {
    filled,       ///< claimed here
    handed_over,  ///< was filled here
    held,         ///< the same, and is read
    borrowed,
  };
  Segment(Use use, const Arena::Slot& slot, std::byte* at, std::size_t size) noexcept;
  static detail::StorageElsewhere* in(std::optional<Arena::Slot> slot, std::size_t wanted) noexcept;

  friend Passing pass(const Bytes& payload, bool parts);

  Use use_;
  const Arena::Slot slot_;
  std::shared_ptr<EndedLoans> ended_;
};

/// What passes a payload on.
struct Passing {
  PassedPayload told;
  Bytes memory;  ///< keeps the segment: that of the payload, or one that it was copied to; an unmapped one has none
};
/// `parts`: also the segment of which the payload is only a small part; it is kept for as long as the payload is.
/// Throws Error.
Passing pass(const Bytes& payload, bool parts = false);

}  // namespace crema::process
