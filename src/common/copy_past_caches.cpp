#include "crema/copy_past_caches.hpp"

#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace crema::detail {

#if defined(__x86_64__)
CopyPastCaches::~CopyPastCaches() { _mm_sfence(); }

void CopyPastCaches::operator()(std::byte* to, const std::byte* from, std::size_t size) const noexcept {
  using Word = long long;
  if (reinterpret_cast<std::uintptr_t>(to) % sizeof(Word) != 0) {
    std::memcpy(to, from, size);
    return;
  }
  const std::byte* const end = from + size / sizeof(Word) * sizeof(Word);
  for (; from != end; from += sizeof(Word), to += sizeof(Word)) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    _mm_stream_si64(reinterpret_cast<Word*>(to), word);
  }
  std::memcpy(to, from, size % sizeof(Word));
}
#else
CopyPastCaches::~CopyPastCaches() = default;

void CopyPastCaches::operator()(std::byte* to, const std::byte* from, std::size_t size) const noexcept {
  std::memcpy(to, from, size);
}
#endif

}  // namespace crema::detail
