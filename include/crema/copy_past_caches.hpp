#pragma once

#include <cstddef>

namespace crema::detail {

/// Copies to places that nobody reads soon, where the machine can do so without first loading into its caches what is
/// overwritten: a third less traffic with the memory. Places that are not at multiples of 8 bytes, and what is smaller,
/// are written as usual.
/// Thread safety: one thread; others may read what was copied once this has ended.
class CopyPastCaches {
 public:
  CopyPastCaches() = default;
  CopyPastCaches(const CopyPastCaches&) = delete;
  CopyPastCaches& operator=(const CopyPastCaches&) = delete;
  ~CopyPastCaches();

  /// As memcpy.
  void operator()(std::byte* to, const std::byte* from, std::size_t size) const noexcept;
};

}  // namespace crema::detail
