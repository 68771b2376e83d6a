#pragma once

#include <cstddef>
#include <vector>

namespace crema::detail {

/// Memory of this size on is worth large pages, of which it may have one: the first touch of each of 4 KiB costs more
/// than copying what comes into it, as does finding it again where rows are written to any place.
inline constexpr std::size_t smallest_for_large_pages = 2 << 20;

/// Asks for them before the memory is touched. Without effect where the system has none.
void ask_for_large_pages(void* place, std::size_t size) noexcept;

/// The same for memory that was perhaps used before, as a heap's is: small pages that it has would stay, so they go,
/// with whatever is in them.
void replace_by_large_pages(void* place, std::size_t size) noexcept;

/// As vector::reserve.
template <class T>
void reserve(std::vector<T>& items, std::size_t count) {
  if (count <= items.capacity()) return;
  items.reserve(count);
  if (count * sizeof(T) >= smallest_for_large_pages) ask_for_large_pages(items.data(), count * sizeof(T));
}
inline void reserve(std::vector<bool>& items, std::size_t count) { items.reserve(count); }

}  // namespace crema::detail
