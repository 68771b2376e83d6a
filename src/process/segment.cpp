#include "process/segment.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "common/storage_pool.hpp"
#include "crema/errors.hpp"

namespace crema::process {
namespace {

detail::StorageElsewhere* reuse_or_make(std::size_t capacity) noexcept {
  if (detail::StorageElsewhere* const used = Segment::used_before(capacity)) return used;
  return capacity < Segment::smallest_filled ? nullptr : Segment::make(capacity);
}

}  // namespace

Segment::Segment(Use use, const Arena::Slot& slot, std::byte* at, std::size_t size) noexcept : use_{use}, slot_{slot} {
  place = at;
  capacity = size;
}

Segment::~Segment() {
  Arena& arena = Arena::of_process();
  switch (use_) {
    case Use::filled:
      arena.end_writing(slot_.number);
      arena.release(slot_, std::max(slot_.used, capacity));
      break;
    case Use::handed_over:
      break;
    case Use::held:
      arena.unseal(slot_.number);
      break;
    case Use::borrowed:
      arena.end_reading(slot_.number);
      break;
  }
  if (ended_ != nullptr) ended_->add(slot_.number);
}

detail::StorageElsewhere* Segment::in(std::optional<Arena::Slot> slot, std::size_t wanted) noexcept {
  if (!slot) return nullptr;
  Arena& arena = Arena::of_process();
  if (std::byte* const at = arena.begin_writing(slot->number, wanted)) {
    if (auto* const segment = new (std::nothrow) Segment{Use::filled, *slot, at, wanted}) return segment;
    arena.end_writing(slot->number);
  }
  arena.release(*slot, slot->used);
  return nullptr;
}

detail::StorageElsewhere* Segment::make(std::size_t wanted) noexcept {
  Arena& arena = Arena::of_process();
  std::optional<Arena::Slot> slot = arena.claim_fresh(wanted);
  if (slot) arena.add_large_pages(*slot, wanted);
  return in(slot, wanted);
}

detail::StorageElsewhere* Segment::used_before(std::size_t wanted) noexcept {
  return in(Arena::of_process().claim_used(wanted), wanted);
}

void Segment::use_for_large_buffers() noexcept { detail::use_for_large_buffers(StoragePool::smallest, &reuse_or_make); }

bool Segment::grow(std::size_t wanted) noexcept {
  if (wanted > slot_.size) return false;
  Arena::of_process().write_up_to(slot_.number, wanted);
  capacity = wanted;
  return true;
}

void Segment::hand_over(std::shared_ptr<EndedLoans> ended) {
  if (ended != nullptr) ended->expect_one();
  ended_ = std::move(ended);
  use_ = ended_ == nullptr ? Use::handed_over : Use::held;
  Arena& arena = Arena::of_process();
  // Before it is passed on, as it may come back to another thread at any moment then.
  if (use_ == Use::held) {
    arena.seal(slot_.number);
  } else {
    arena.end_writing(slot_.number);
  }
  arena.pass_on(slot_.number);
}

Bytes Segment::borrow(const PassedPayload& told, std::size_t size, std::shared_ptr<EndedLoans> ended) {
  Arena& arena = Arena::of_process();
  if (told.kind == PassedPayload::Kind::unmapped) return arena.take_unmapped(told.offset, size);
  ended->expect_one();
  // Nobody writes there: Bytes are read.
  auto* const at = const_cast<std::byte*>(arena.begin_reading(told.slot, told.offset + size));
  auto* const segment = new Segment{Use::borrowed, {told.slot, arena.size_of(told.slot), told.used}, at, told.used};
  segment->ended_ = std::move(ended);
  return Bytes::in(segment, told.offset, size);
}

Bytes Segment::take(const PassedPayload& told, std::size_t size, Arena::Owner lane) {
  Arena& arena = Arena::of_process();
  if (told.kind == PassedPayload::Kind::unmapped) return arena.take_unmapped(told.offset, size);
  const std::size_t there = arena.size_of(told.slot);
  const auto refuse = [&] {
    throw Error{"taking " + std::to_string(size) + " bytes that a lane has made: what it tells of the place in slot " +
                std::to_string(told.slot) + " cannot be; the memory that says so was overwritten"};
  };
  if (size > there || told.offset > there - size) refuse();
  const std::size_t end = told.offset + size;
  const std::size_t used = std::clamp<std::size_t>(told.used, end, there);
  // Before the slot is the rank's: where there is no memory for this, it is to stay the lane's.
  std::unique_ptr<Segment> segment{
      new Segment{Use::handed_over, {told.slot, there, used}, arena.begin_writing(told.slot, used), used}};
  if (!arena.take_over(told.slot, lane)) refuse();
  segment->use_ = Use::filled;
  if (told.capacity > Arena::most_for(used)) arena.give_back_behind(told.slot, used);
  return Bytes::in(segment.release(), told.offset, size);
}

Segment* Segment::of(const Bytes& bytes) noexcept {
  Segment* segment = holding(bytes);
  return segment == nullptr || segment->capacity > 2 * bytes.size() ? nullptr : segment;
}

Passing pass(const Bytes& payload, bool parts) {
  const auto passing = [](const Segment& segment, Bytes memory) {
    const auto offset = static_cast<std::uint64_t>(memory.data() - segment.place);
    const std::uint64_t end = offset + memory.size();
    const std::uint64_t there = segment.slot_.used;  // before it was filled
    return Passing{{.slot = segment.slot_.number,
                    .offset = offset,
                    .used = there > Arena::most_for(end) ? end : std::max(there, end),
                    .capacity = std::max({there, end, segment.capacity})},
                   std::move(memory)};
  };
  if (const Segment* const segment = parts ? Segment::holding(payload) : Segment::of(payload))
    return passing(*segment, payload);
  detail::StorageElsewhere* storage = Segment::used_before(payload.size());
  if (storage == nullptr) storage = Segment::make(payload.size());
  if (storage != nullptr) {
    const Segment& segment = *static_cast<Segment*>(storage);
    Passing filled = passing(segment, Bytes::in(storage, 0, payload.size()));
    Arena::of_process().fill(segment.slot_, payload.span());
    return filled;
  }
  return {{.kind = PassedPayload::Kind::unmapped, .offset = Arena::of_process().put_unmapped(payload.span())}, {}};
}

}  // namespace crema::process
