// Whose each slot of the arena is.

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "process/arena.hpp"
#include "process/pages.hpp"

namespace crema::process {
namespace {

constexpr std::int64_t before_all = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t behind_all = std::numeric_limits<std::int64_t>::max();
/// Of the owner: it has passed the slot on, and its rank has not taken it yet.
constexpr std::uint32_t passed_on = std::uint32_t{1} << 31U;
/// So much is given back at a time, in a millisecond or so: meanwhile nobody else can do that, or write by the file.
constexpr std::size_t part_given_back = 4 << 20;
constexpr std::size_t whole = std::numeric_limits<std::size_t>::max();

constexpr std::uint64_t state_of(std::uint32_t owner, std::size_t used) {
  return std::uint64_t{owner} << 32U | whole_pages(used) / page;
}
constexpr std::uint64_t state_of(Arena::Owner owner, std::size_t used) {
  return state_of(static_cast<std::uint32_t>(owner), used);
}
constexpr std::uint32_t owner_in(std::uint64_t state) { return static_cast<std::uint32_t>(state >> 32U); }
constexpr std::size_t used_in(std::uint64_t state) { return (state & 0xffffffffU) * page; }
constexpr bool is_free(std::uint64_t state) { return owner_in(state) == 0; }

std::int64_t now() { return Arena::Clock::now().time_since_epoch().count(); }

}  // namespace

/// Of slots whose bit is set, until `visit` returns true.
template <class Visit>
bool Arena::any_of(const std::atomic<std::uint64_t>* bits, std::size_t level, Visit visit) const noexcept {
  const Level& slots = levels_[level];
  const std::size_t begun = std::min<std::size_t>(shared_->begun[level].load(std::memory_order_relaxed), slots.count);
  for (std::size_t first = 0; first < begun; first += word_bits) {
    std::uint64_t left = bits[slots.first_word + first / word_bits].load(std::memory_order_relaxed);
    for (; left != 0; left &= left - 1) {
      const std::size_t index = first + static_cast<std::size_t>(std::countr_zero(left));
      if (index < begun && visit(static_cast<std::uint32_t>(slots.first + index))) return true;
    }
  }
  return false;
}

template <class Visit>
void Arena::each_begun(Visit visit) noexcept {
  for (std::size_t level = 0; level < levels; ++level) {
    const Level& slots = levels_[level];
    const std::size_t begun = std::min<std::size_t>(shared_->begun[level].load() + std::size_t{1}, slots.count);
    for (std::size_t index = 0; index < begun; ++index) visit(static_cast<std::uint32_t>(slots.first + index));
  }
}

Arena::Bit Arena::bit_of(std::uint32_t slot) const noexcept {
  const Level& level = levels_[level_of(slot)];
  const std::size_t index = slot - level.first;
  return {level.first_word + index / word_bits, std::uint64_t{1} << (index % word_bits)};
}

bool Arena::claim(std::uint32_t slot, std::uint64_t free_state) noexcept {
  const std::size_t used = used_in(free_state);
  if (!states_[slot].compare_exchange_strong(free_state, state_of(self_, used))) return false;
  const Bit bit = bit_of(slot);
  (used == 0 ? empty_bits_ : kept_bits_)[bit.word].fetch_and(~bit.mask);
  return true;
}

std::optional<Arena::Slot> Arena::claim_used(std::size_t bytes) noexcept {
  std::size_t level = 0;
  while (level < levels && size_at(level) < bytes) ++level;
  if (level == levels) return std::nullopt;
  std::optional<Slot> found;
  any_of(kept_bits_, level, [&](std::uint32_t slot) {
    const std::uint64_t state = states_[slot].load(std::memory_order_relaxed);
    const std::size_t used = used_in(state);
    if (!is_free(state) || used < bytes || used > most_for(bytes) || !claim(slot, state)) return false;
    found = {slot, size_at(level), used};
    return true;
  });
  return found;
}

std::optional<Arena::Slot> Arena::claim_fresh(std::size_t bytes) noexcept {
  std::optional<Slot> found;
  for (std::size_t level = 0; level < levels && !found; ++level) {
    if (size_at(level) < bytes) continue;
    const auto claim_here = [&](std::uint32_t slot) {
      if (!claim(slot, state_of(Owner::nobody, 0))) return false;
      found = {slot, size_at(level), 0};
      return true;
    };
    if (any_of(empty_bits_, level, claim_here)) break;
    std::atomic<std::uint32_t>& begun = shared_->begun[level];
    for (std::uint32_t next = begun.load(); next < levels_[level].count && !found; next = begun.load()) {
      claim_here(static_cast<std::uint32_t>(levels_[level].first + next));
      // Who has claimed it may have been killed before it told.
      begun.compare_exchange_strong(next, next + 1);
    }
  }
  for (std::size_t level = 0; level < levels && !found; ++level) {
    if (size_at(level) < bytes) continue;
    any_of(kept_bits_, level, [&](std::uint32_t slot) {
      const std::uint64_t state = states_[slot].load();
      if (!is_free(state) || !claim(slot, state)) return false;
      found = {slot, size_at(level), used_in(state)};
      return true;
    });
  }
  return found;
}

void Arena::forget_pages(std::uint32_t slot, std::size_t used) noexcept {
  const std::size_t size = size_of(slot);
  const std::size_t most = std::max(part_given_back, size / 256);
  for (std::size_t begin = used, part = 0; begin < size; begin += part) {
    // Up to where a large page ends: to give back a part of one takes as long as all of it in small ones.
    part = std::min(most - begin % large_page, size - begin);
    // By the mapping, as the libraries that let network cards read it watch for that.
    if (::madvise(writing_ + place(slot) + begin, part, MADV_REMOVE) == 0) continue;
    ::fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(shared_size_ + place(slot) + begin), static_cast<off_t>(part));
  }
}

void Arena::set_free(std::uint32_t slot, std::size_t used, std::int64_t since) noexcept {
  since_[slot].store(since, std::memory_order_relaxed);
  states_[slot].store(state_of(Owner::nobody, used));
  set_bit(slot, used);
}

void Arena::set_bit(std::uint32_t slot, std::size_t used) noexcept {
  const Bit bit = bit_of(slot);
  (used == 0 ? empty_bits_ : kept_bits_)[bit.word].fetch_or(bit.mask);
}

void Arena::punch(std::uint32_t slot) noexcept {
  forget_pages(slot, 0);
  set_free(slot, 0, 0);
}

void Arena::release(const Slot& slot, std::size_t used) noexcept {
  used = std::min(whole_pages(used), slot.size);
  const std::size_t most = shared_->most_kept.load();
  if (self_ == Owner::rank) {
    if (used == 0 || used > most) return punch(slot.number);
    while (free_oldest(most - used, most_kept_slots - 1, before_all, whole)) {
    }
  } else if (const Kept kept = look_at_kept(); used + kept.bytes > most || kept.slots >= most_kept_slots) {
    // The rank has not had what came since it was claimed, so its network card knows nothing of that.
    used = used_in(states_[slot.number].load());
    forget_pages(slot.number, used);
  }
  set_free(slot.number, used, now());
}

void Arena::pass_on(std::uint32_t slot) noexcept {
  states_[slot].store(states_[slot].load() | std::uint64_t{passed_on} << 32U);
}

bool Arena::take_over(std::uint32_t slot, Owner lane) noexcept {
  if (size_of(slot) == 0) return false;
  std::uint64_t state = states_[slot].load();
  return owner_in(state) == (static_cast<std::uint32_t>(lane) | passed_on) &&
         states_[slot].compare_exchange_strong(state, state_of(Owner::rank, 0));
}

void Arena::give_back_behind(std::uint32_t slot, std::size_t used) noexcept { forget_pages(slot, whole_pages(used)); }

void Arena::release_claims(Owner lane) noexcept {
  each_begun([&](std::uint32_t slot) {
    const std::uint64_t state = states_[slot].load();
    if (owner_in(state) == static_cast<std::uint32_t>(lane)) {
      forget_pages(slot, used_in(state));
      set_free(slot, used_in(state), now());
    } else if (is_free(state)) {
      set_bit(slot, used_in(state));  // who has released it may have been killed before it did this
    }
  });
}

void Arena::release_all(Owner lane) noexcept {
  each_begun([&](std::uint32_t slot) {
    if (take_over(slot, lane)) punch(slot);
  });
}

Arena::Kept Arena::look_at_kept() const noexcept {
  Kept kept;
  kept.since = behind_all;
  for (std::size_t level = 0; level < levels; ++level) {
    any_of(kept_bits_, level, [&](std::uint32_t slot) {
      const std::uint64_t state = states_[slot].load();
      const std::int64_t since = since_[slot].load(std::memory_order_relaxed);
      if (!is_free(state) || used_in(state) == 0) return false;
      ++kept.slots;
      kept.bytes += used_in(state);
      if (since < kept.since) {
        kept.oldest = slot;
        kept.state = state;
        kept.since = since;
      }
      return false;
    });
  }
  return kept;
}

bool Arena::free_oldest(std::size_t most_bytes, std::size_t most_slots, std::int64_t before,
                        std::size_t part) noexcept {
  const Kept kept = look_at_kept();
  if (kept.slots == 0 || (kept.bytes <= most_bytes && kept.slots <= most_slots && kept.since >= before)) return false;
  if (!claim(kept.oldest, kept.state)) return true;  // somebody has use for it
  const std::size_t used = used_in(kept.state);
  const std::size_t left = used > part ? in_large_pages(used - part) : 0;
  forget_pages(kept.oldest, left);
  set_free(kept.oldest, left, kept.since);
  return true;
}

void Arena::keep_at_most(std::size_t bytes) {
  shared_->most_kept.store(bytes);
  while (free_oldest(bytes, most_kept_slots, before_all, whole)) {
  }
}

void Arena::free_unused(Clock::time_point now) noexcept {
  if (now < next_look_) return;
  const std::int64_t before = (now - patience).time_since_epoch().count();
  if (!free_oldest(shared_->most_kept.load(), most_kept_slots, before, part_given_back))
    next_look_ = now + std::chrono::milliseconds{50};
}

std::size_t Arena::bytes() const noexcept { return look_at_kept().bytes; }

}  // namespace crema::process
