#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "crema/bytes.hpp"
#include "process/descriptors.hpp"
#include "process/ended_loans.hpp"

namespace crema::process {

/// How a payload is told of, in a message with its descriptor.
struct PassedPayload {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  /// From a rank, which lends it: a number of its own, until the lane tells that it does not read it any more; 0: it is
  /// the lane's. From a lane: what it passes on was lent to it under this number, and no descriptor comes; 0: it was
  /// not.
  std::uint64_t loan = 0;
  /// Of what a lane has made: whether it reads it further.
  std::uint64_t held = 0;
  /// Of what is lent: whether the lane may keep it mapped.
  std::uint64_t stays = 0;
};

struct Passing;

/// A piece of memory without a name that a rank and its lanes pass to each other instead of copying it: a memfd and a
/// mapping of it. One process fills it and passes it on, once filled nobody writes until nobody reads it any more: then
/// its rank may have it filled again (StoragePool). It lives as long as somebody has it open or mapped, so nothing is
/// left of it when all are killed. Bytes in it count as those of the heap do, also towards a store's budget.
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

  /// One to be filled, of pages that were not touched before. Nothing: the system has none, or there are too many.
  static detail::StorageElsewhere* make(std::size_t capacity) noexcept;
  /// One that was used before, for about as much. Nothing: there is none at hand.
  static detail::StorageElsewhere* used_before(std::size_t capacity) noexcept;
  /// What was passed here. `writes`: the mapping allows it, as network cards ask of what is sent. Throws Error where
  /// there is less than told, or where the other side could take it away.
  static Bytes take(Descriptor memory, const PassedPayload& told, bool writes);
  /// From now on this process's large buffers lie in segments: those that are used before, and of smallest_filled on
  /// also fresh ones.
  static void use_for_large_buffers() noexcept;
  /// Nothing: the bytes are elsewhere.
  static Segment* holding(const Bytes& bytes) noexcept { return static_cast<Segment*>(bytes.elsewhere()); }
  /// The same where they are only a small part of it: to have them for long, they have to be copied.
  static Segment* of(const Bytes& bytes) noexcept;

  /// For used_before: memory that this lane may fill, in place of what was set aside last. Without effect where it
  /// cannot be mapped.
  static void set_aside(Descriptor memory, std::size_t capacity) noexcept;
  /// What is set aside goes.
  static void set_nothing_aside() noexcept;

  bool grow(std::size_t wanted) noexcept override;
  [[nodiscard]] bool serves_again() const noexcept override;
  /// It never does: somebody may read it who does not tell.
  void never_again() noexcept { mine_ = false; }
  /// Before one that was made here is passed: this process writes no more. What lies behind the first `used` bytes is
  /// given back, unless others hold the segment as well. Returns whether this process reads it further.
  bool finish(std::size_t used, bool others_hold_it) noexcept;
  [[nodiscard]] int descriptor() const { return memory_.get(); }
  /// Whether a lane to which it is lent now may keep it mapped: its pages go when this process lets go of it, as nobody
  /// else reads it then.
  bool let_stay_mapped() noexcept {
    others_map_ = others_map_ || mine_;
    return mine_;
  }

  /// It was lent to this lane: `ended`, which expects it, is told when all bytes in it have gone. `stays`: then it is
  /// still mapped (KeptMappings).
  void set_loan(std::uint64_t loan, std::shared_ptr<EndedLoans> ended, bool stays) noexcept {
    loan_ = loan;
    ended_ = std::move(ended);
    stays_mapped_ = stays;
  }
  /// 0: it was not lent.
  [[nodiscard]] std::uint64_t loan() const { return loan_; }

 private:
  explicit Segment(Descriptor memory);
  static bool room_for(std::size_t size) noexcept;
  static bool few() noexcept;
  bool map(std::size_t size, bool writes) noexcept;
  void use(std::byte* mapping, std::size_t size) noexcept;

  friend Passing pass(const Bytes& payload, bool parts);

  const Descriptor memory_;
  const ino_t number_;      // of the memory; 0: the system does not tell
  const bool known_first_;  // no other segment of this process has this memory
  bool mine_ = false;       // nobody else will read it when nobody does here
  bool passed_ = false;
  bool stays_mapped_ = false;  // when what was lent here has gone
  bool others_map_ = false;    // lanes may have it mapped, whether they read it or not
  std::size_t mapped_ = 0;
  std::uint64_t loan_ = 0;
  std::shared_ptr<EndedLoans> ended_;
};

/// What passes a payload on.
struct Passing {
  PassedPayload told;
  int descriptor = -1;
  Bytes memory;       ///< keeps the segment: that of the payload, or one that it was copied to
  Descriptor copied;  ///< where no segment could be made for it
};
/// `parts`: also the segment of which the payload is only a small part; it is kept for as long as the payload is.
/// Throws Error.
Passing pass(const Bytes& payload, bool parts = false);

}  // namespace crema::process
