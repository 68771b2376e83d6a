#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/freed_memory.hpp"
#include "crema/bytes.hpp"
#include "process/descriptors.hpp"
#include "process/mapped_slots.hpp"

namespace crema::process {

/// The memory through which a rank and its lanes pass large payloads: a memfd that the rank maps before its zygote is
/// forked, so it lies at one address in all of them, and nothing of it outlives them. It is address space that is
/// divided into slots; a slot that was let go keeps its pages for a while, mapped wherever they are, for who fills a
/// slot next: to touch fresh pages takes several times as long as to write into used ones, and so does mapping used
/// ones anew. Lanes read through a view of their own that they cannot write to.
///
/// Who fills slots claims them, in memory that all share and without a lock, so a lane that is killed at any point
/// holds up nobody. Pages that the rank has had are given back to the system by the rank alone.
/// Thread safety: any thread of the rank and its lanes, except where it says otherwise.
class Arena final : public FreedMemory {
 public:
  /// Who has a slot. Lanes are counted on from `rank`, and never the same twice.
  enum class Owner : std::uint32_t { nobody, rank };

  struct Slot {
    std::uint32_t number = 0;
    std::size_t size = 0;  ///< its address space
    std::size_t used = 0;  ///< so many of its first bytes have pages
  };

  /// Of this process and of those that are forked from it. Makes it the first time, which is to be before the zygote is
  /// forked. Throws Error where there is no address space.
  static Arena& of_process();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// In the rank: a name for a new lane.
  [[nodiscard]] Owner name_lane() noexcept;
  /// In a lane's process, before it has another thread: from now on it claims in this name. Throws Error.
  void become_lane(Owner lane);
  /// Bytes, see let_lanes_map.
  static constexpr std::size_t least_mapped = 128 << 20;
  /// In the rank: how much of what it reads a lane may have mapped, and as much again of what it fills, beside what is
  /// in use. Tools count such pages as the lane's, though they are the rank's.
  void let_lanes_map(std::size_t bytes) noexcept;

  // Slots.

  /// Slots of up to so many bytes of pages serve for `bytes`: an eighth more.
  static constexpr std::size_t most_for(std::size_t bytes) { return bytes + bytes / 8 + (4 << 10); }
  /// A slot that has pages for so many bytes, and no more than most_for tells. Nothing: there is none at hand.
  std::optional<Slot> claim_used(std::size_t bytes) noexcept;
  /// One without pages or, where all such are taken, one with any. Nothing: all slots for so much are taken.
  std::optional<Slot> claim_fresh(std::size_t bytes) noexcept;
  /// The caller's slot, of which so many bytes are going to be filled, gets the large pages that these fill, where the
  /// system has them and the slot has no pages yet. To make one takes a quarter of the time of touching the small ones
  /// in its place, and to give it back a twentieth; where bytes are written to any place, it is found sooner.
  void add_large_pages(Slot& slot, std::size_t bytes) noexcept;
  /// The caller's slot is for whoever wants one. `used`: of its first bytes, how many are likely to have
  /// pages.
  void release(const Slot& slot, std::size_t used) noexcept;
  /// In a lane, before it tells its rank: the slot is to be the rank's.
  void pass_on(std::uint32_t slot) noexcept;
  /// In the rank: what this lane has passed on is the rank's. False: the lane has not.
  [[nodiscard]] bool take_over(std::uint32_t slot, Owner lane) noexcept;
  /// In the rank: the pages behind the first `used` bytes of its slot go.
  void give_back_behind(std::uint32_t slot, std::size_t used) noexcept;
  /// In the zygote, when a lane is dead: what it had claimed and not passed on is free.
  void release_claims(Owner lane) noexcept;
  /// In the rank, when it has taken all that a dead lane had told: that is all that the lane had passed on.
  void release_all(Owner lane) noexcept;
  /// 0: there is no such slot.
  [[nodiscard]] std::size_t size_of(std::uint32_t slot) const noexcept;

  // What is in them. Each begin_writing is followed by one end_writing, or by seal and unseal; each begin_reading by
  // one end_reading.

  /// Where the owner of a slot writes, so many bytes first. nullptr: the system does not let it.
  std::byte* begin_writing(std::uint32_t slot, std::size_t bytes) noexcept;
  void write_up_to(std::uint32_t slot, std::size_t bytes) noexcept;
  void end_writing(std::uint32_t slot) noexcept;
  /// In a lane, instead of end_writing: it passes the slot on, and reads it where it wrote, until it is unsealed.
  void seal(std::uint32_t slot) noexcept;
  void unseal(std::uint32_t slot) noexcept;
  /// Where others read, so many bytes.
  const std::byte* begin_reading(std::uint32_t slot, std::size_t bytes) noexcept;
  void end_reading(std::uint32_t slot) noexcept;
  /// Copies to the beginning of the caller's slot, between begin_writing and end_writing: to fresh pages by the file,
  /// which takes half as long as to touch them. Throws Error.
  void fill(const Slot& slot, std::span<const std::byte> bytes);

  /// For what finds no slot: copies bytes to the file, behind the slots, where nothing has mapped it, and says where;
  /// `take_unmapped` copies them from there. What nobody takes, as they were for a lane that was killed, stays to the
  /// job's end. Throw Error.
  std::uint64_t put_unmapped(std::span<const std::byte> bytes);
  Bytes take_unmapped(std::uint64_t place, std::size_t size);

  // What was let go: of most_kept_slots at most, as each release looks through all. In the rank.

  static constexpr std::size_t most_kept_slots = 1024;
  void keep_at_most(std::size_t bytes) override;
  void free_unused(Clock::time_point now) noexcept override;
  [[nodiscard]] std::size_t bytes() const noexcept override;

 private:
  /// Slots of one size: 256 KiB, 1 MiB, and so on to 1 TiB. What grows has room to, at the price of address space
  /// alone.
  static constexpr std::size_t levels = 12;
  static constexpr std::size_t word_bits = 64;
  static constexpr std::size_t size_at(std::size_t level) { return std::size_t{1} << (18 + 2 * level); }
  struct Level {
    std::size_t count = 0;  // of slots
    std::size_t first = 0;  // number of the first one
    std::size_t first_word = 0;
    std::size_t place = 0;  // of the first one, in the views
  };
  /// At the beginning of the file; behind it lie, of every slot, a State and the time since when it is free, and of
  /// every level two sets of bits: slots that are free and have pages, and that are free and have none. A bit may be
  /// set still for a slot that is not so: the state decides.
  struct Shared {
    std::atomic<std::uint32_t> lanes{0};
    std::atomic<std::size_t> most_kept{0};
    std::atomic<std::size_t> lanes_map{least_mapped};
    std::atomic<std::uint64_t> unmapped{0};  // how many were put and not taken, 24 bits, and the pages up to their end
    std::array<std::atomic<std::uint32_t>, levels> begun{};  // of each level: slots that were ever claimed
  };
  /// Who has it in the upper half; in the lower, about how many of its first pages there are, or were when it was
  /// claimed.
  using State = std::atomic<std::uint64_t>;
  struct Kept {
    std::size_t slots = 0;
    std::size_t bytes = 0;
    std::uint32_t oldest = 0;
    std::uint64_t state = 0;  // of the oldest
    std::int64_t since = 0;
  };

  explicit Arena(std::size_t span);
  static std::size_t affordable_span();
  [[nodiscard]] std::byte* map_view(int protection) const noexcept;
  [[nodiscard]] std::size_t level_of(std::uint32_t slot) const noexcept;
  [[nodiscard]] std::size_t place(std::uint32_t slot) const noexcept;
  void unmap(std::byte* view, std::uint32_t slot) const noexcept;
  [[nodiscard]] bool write(std::uint64_t place, std::span<const std::byte> bytes) noexcept;
  void end_unmapped(std::uint64_t place, std::size_t size) noexcept;

  template <class Visit>
  bool any_of(const std::atomic<std::uint64_t>* bits, std::size_t level, Visit visit) const noexcept;
  /// Of slots that were ever claimed, also where who did was killed before it told.
  template <class Visit>
  void each_begun(Visit visit) noexcept;
  struct Bit {
    std::size_t word;
    std::uint64_t mask;
  };
  [[nodiscard]] Bit bit_of(std::uint32_t slot) const noexcept;
  bool claim(std::uint32_t slot, std::uint64_t free_state) noexcept;
  /// The caller's slot is free and has so many bytes of pages, since this time.
  void set_free(std::uint32_t slot, std::size_t used, std::int64_t since) noexcept;
  /// That it is free, with so many bytes of pages, for those who look for one.
  void set_bit(std::uint32_t slot, std::size_t used) noexcept;
  void forget_pages(std::uint32_t slot, std::size_t used) noexcept;
  void punch(std::uint32_t slot) noexcept;
  [[nodiscard]] Kept look_at_kept() const noexcept;
  /// Where there is more than that, or the one that was let go longest ago was so before this time: gives that back,
  /// `part` bytes of it at most, and what that cuts of a large page. Returns whether there was anything to do.
  bool free_oldest(std::size_t most_bytes, std::size_t most_slots, std::int64_t before, std::size_t part) noexcept;

  Descriptor memory_;
  std::array<Level, levels> levels_{};
  std::size_t shared_size_ = 0;
  std::size_t size_ = 0;
  Shared* shared_ = nullptr;
  State* states_ = nullptr;
  std::atomic<std::int64_t>* since_ = nullptr;
  std::atomic<std::uint64_t>* kept_bits_ = nullptr;
  std::atomic<std::uint64_t>* empty_bits_ = nullptr;
  std::byte* writing_ = nullptr;
  std::byte* reading_ = nullptr;
  Owner self_ = Owner::rank;

  Clock::time_point next_look_{};  // in the rank

  // In a lane.
  MappedSlots mapped_to_read_;
  MappedSlots mapped_to_write_;
};

}  // namespace crema::process
