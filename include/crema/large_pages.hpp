#pragma once

#include <cstddef>
#include <vector>

namespace crema::detail {

inline constexpr std::size_t large_page = 2 << 20;  ///< bytes
/// From this size on memory may have a large page in it, and is worth some: the first touch of each of 4 KiB costs more
/// than copying what comes into it, as does finding it again where rows are written to any place.
inline constexpr std::size_t smallest_for_large_pages = large_page;

/// Asks for them before the memory is touched. Without effect where the system has none.
void ask_for_large_pages(void* place, std::size_t size) noexcept;

/// Asks for them where memory was perhaps used before, as a heap's is: the small pages there would stay, so they go,
/// with whatever is in them. Without effect where the system has no large ones.
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
