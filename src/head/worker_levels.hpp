#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

namespace crema::head {

/// Workers by a level, 0 for the one that comes first; workers of one level come in the order they got there. Each
/// operation costs the same however many workers there are.
class WorkerLevels {
 public:
  static constexpr std::uint32_t levels = 128;

  /// The next worker; counts from 0. It has no level yet.
  void add_worker() { links_.push_back({none, none, none}); }
  /// Gives the worker this level (less than `levels`), whichever it had. With the same as before it keeps its turn.
  void put(std::uint32_t worker, std::uint32_t level);
  /// The worker has no level any more, if it had one.
  void remove(std::uint32_t worker);
  /// The first worker of the lowest level that has one.
  [[nodiscard]] std::optional<std::uint32_t> first() const;

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  // One ring a level, closed by the level's own link: the first `levels` links are those, the workers' follow.
  struct Link {
    std::uint32_t previous = none;
    std::uint32_t next = none;
    std::uint32_t level = none;
  };
  static std::vector<Link> empty_rings() {
    std::vector<Link> rings(levels);
    for (std::uint32_t level = 0; level < levels; ++level) rings[level] = {level, level, level};
    return rings;
  }

  std::vector<Link> links_ = empty_rings();
  std::array<std::uint64_t, levels / 64> used_{};  // a bit for each level that has workers
};

inline void WorkerLevels::put(std::uint32_t worker, std::uint32_t level) {
  Link& link = links_[levels + worker];
  if (link.level == level) return;
  remove(worker);
  Link& ring = links_[level];
  link = {ring.previous, level, level};
  links_[ring.previous].next = levels + worker;
  ring.previous = levels + worker;
  used_[level / 64] |= std::uint64_t{1} << (level % 64);
}

inline void WorkerLevels::remove(std::uint32_t worker) {
  Link& link = links_[levels + worker];
  if (link.level == none) return;
  links_[link.previous].next = link.next;
  links_[link.next].previous = link.previous;
  if (link.previous == link.next) used_[link.level / 64] &= ~(std::uint64_t{1} << (link.level % 64));
  link = {};
}

inline std::optional<std::uint32_t> WorkerLevels::first() const {
  for (std::uint32_t word = 0; word < used_.size(); ++word) {
    if (used_[word] == 0) continue;
    return links_[word * 64 + static_cast<std::uint32_t>(std::countr_zero(used_[word]))].next - levels;
  }
  return std::nullopt;
}

}  // namespace crema::head
