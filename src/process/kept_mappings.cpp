#include "process/kept_mappings.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

namespace crema::process {

KeptMappings::~KeptMappings() {
  for (const Mapping& mapping : kept_) ::munmap(mapping.place, mapping.size);
}

KeptMappings& KeptMappings::of_process() {
  // Values may end after everything else has.
  static auto& kept = *new KeptMappings;
  return kept;
}

Mapping KeptMappings::take(ino_t memory, std::size_t size) noexcept {
  const std::lock_guard lock{mutex_};
  const auto found = std::ranges::find(kept_, memory, &Mapping::memory);
  if (found == kept_.end()) return {};
  const Mapping mapping = remove(*found);
  if (mapping.size >= size) return mapping;
  ::munmap(mapping.place, mapping.size);
  return {};
}

void KeptMappings::keep(const Mapping& mapping) noexcept {
  const std::lock_guard lock{mutex_};
  const bool known = std::ranges::any_of(kept_, [&](const Mapping& other) { return other.memory == mapping.memory; });
  if (known || mapping.memory == 0 || mapping.size > most_bytes) {
    ::munmap(mapping.place, mapping.size);
    return;
  }
  while (kept_.size() == most || bytes_ + mapping.size > most_bytes) {
    const Mapping goes = remove(kept_[random_() % kept_.size()]);
    ::munmap(goes.place, goes.size);
  }
  kept_.push_back(mapping);
  bytes_ += mapping.size;
}

Mapping KeptMappings::remove(Mapping& place) noexcept {
  const Mapping mapping = std::exchange(place, kept_.back());
  kept_.pop_back();
  bytes_ -= mapping.size;
  return mapping;
}

std::size_t KeptMappings::bytes() const noexcept {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

}  // namespace crema::process
