#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <random>
#include <unordered_map>
#include <vector>

namespace crema::process {

/// Which slots a lane has mapped in one view of its rank's Arena, so that these stay within bounds. Thread-safe.
class MappedSlots {
 public:
  /// Each may be a mapping of its own, of which Linux allows 65,530.
  static constexpr std::size_t most = 4096;

  /// The slot, of which the first `bytes` may be mapped, is in use until it was let go as often. `map` is called where
  /// it was not mapped; where it returns false, the slot is not in use, and so returns this. Calls `unmap` with slots
  /// that are not in use, by chance, while there are more than `most_bytes` or `most`: were it the oldest, then of
  /// memory that is used in turn and is more than fits, each would go just before it is used again. Throws
  /// std::bad_alloc.
  template <class Map, class Unmap>
  bool use(std::uint32_t slot, std::size_t bytes, std::size_t most_bytes, Map map, Unmap unmap) {
    const std::lock_guard lock{mutex_};
    const auto found = places_.find(slot);
    if (found == places_.end()) {
      slots_.push_back({slot, 0, 0});
      try {
        places_.emplace(slot, slots_.size() - 1);
      } catch (...) {
        slots_.pop_back();
        throw;
      }
      ++unused_;
      if (!map()) {
        remove(slots_.size() - 1);
        return false;
      }
    }
    Mapped& mapped = slots_[places_.find(slot)->second];
    if (mapped.users++ == 0) --unused_;
    count(slot, bytes);
    make_room(most_bytes, unmap);
    return true;
  }
  /// One that is in use is mapped further.
  template <class Unmap>
  void grow(std::uint32_t slot, std::size_t bytes, std::size_t most_bytes, Unmap unmap) {
    const std::lock_guard lock{mutex_};
    count(slot, bytes);
    make_room(most_bytes, unmap);
  }
  void let_go(std::uint32_t slot) {
    const std::lock_guard lock{mutex_};
    const auto found = places_.find(slot);
    // One that could not be counted is let go as well.
    if (found != places_.end() && slots_[found->second].users > 0 && --slots_[found->second].users == 0) ++unused_;
  }
  /// The caller has unmapped it.
  void forget(std::uint32_t slot) {
    const std::lock_guard lock{mutex_};
    if (const auto found = places_.find(slot); found != places_.end()) remove(found->second);
  }
  [[nodiscard]] std::size_t bytes() const {
    const std::lock_guard lock{mutex_};
    return bytes_;
  }

 private:
  struct Mapped {
    std::uint32_t slot;
    std::size_t bytes;
    std::size_t users;
  };
  void count(std::uint32_t slot, std::size_t bytes) {
    const auto found = places_.find(slot);
    if (found == places_.end()) return;
    std::size_t& counted = slots_[found->second].bytes;
    bytes_ += std::max(counted, bytes) - counted;
    counted = std::max(counted, bytes);
  }
  template <class Unmap>
  void make_room(std::size_t most_bytes, Unmap unmap) {
    while (unused_ > 0 && (bytes_ > most_bytes || slots_.size() > most)) {
      std::size_t at = random_() % slots_.size();
      while (slots_[at].users > 0) at = (at + 1) % slots_.size();
      unmap(slots_[at].slot);
      remove(at);
    }
  }
  void remove(std::size_t at) {
    bytes_ -= slots_[at].bytes;
    if (slots_[at].users == 0) --unused_;
    places_.erase(slots_[at].slot);
    if (at + 1 < slots_.size()) {
      slots_[at] = slots_.back();
      places_.find(slots_[at].slot)->second = at;
    }
    slots_.pop_back();
  }

  mutable std::mutex mutex_;  // guards all below
  std::vector<Mapped> slots_;
  std::unordered_map<std::uint32_t, std::size_t> places_;
  std::size_t bytes_ = 0;
  std::size_t unused_ = 0;  // slots
  std::minstd_rand random_;
};

}  // namespace crema::process
