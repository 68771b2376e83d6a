#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace crema::process {

/// Sleeps until a wake of the same word, while the word has the value seen, or for this long. May return early.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, std::optional<std::chrono::microseconds> longest);
/// Wakes all that sleep on the word, in whatever process.
void futex_wake(std::atomic<std::uint32_t>& word);

}  // namespace crema::process
