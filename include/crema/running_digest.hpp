#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "crema/ids.hpp"

namespace crema::detail {

/// The digest (XXH3, 128 bits) of bytes that come one after the other. Thread safety: none.
class RunningDigest {
 public:
  RunningDigest();
  ~RunningDigest();
  RunningDigest(const RunningDigest&) = delete;
  RunningDigest& operator=(const RunningDigest&) = delete;

  void add(std::span<const std::byte> bytes) noexcept;
  /// Of all so far.
  [[nodiscard]] Digest digest() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace crema::detail
