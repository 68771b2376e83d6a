#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "crema/ids.hpp"

namespace crema {

/// A counter-based generator of 64-bit numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As
/// Easy as 1, 2, 3. SC 2011). A stream follows from a seed, a task's key and a number alone, and yields 2^65 numbers;
/// streams are independent. A std::uniform_random_bit_generator, so the distributions of <random> and std::shuffle take
/// it; note that these differ between standard libraries, which uniform() does not.
/// Thread safety: none; copies go on independently from the same place.
class Random {
 public:
  using result_type = std::uint64_t;
  using Block = std::array<std::uint32_t, 4>;

  /// The stream of this seed, task and number.
  Random(std::uint64_t seed, TaskKey task, std::uint64_t number);

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  result_type operator()() {
    if (position_ % 2 == 0) refill(position_ / 2);
    const std::size_t half = position_++ % 2 * 2;
    return block_[half] | static_cast<std::uint64_t>(block_[half + 1]) << 32;
  }
  /// The next number as a multiple of 2^-53 in [0, 1).
  double uniform() { return static_cast<double>((*this)() >> 11) * 0x1p-53; }
  /// Skips numbers; takes no longer for many than for few.
  void discard(std::uint64_t count) {
    position_ += count;
    if (position_ % 2 != 0) refill(position_ / 2);
  }

  /// How many numbers came before the next one.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  /// Philox4x32-10 itself, for its published test vectors.
  static constexpr Block philox(Block counter, std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t first = std::uint64_t{0xd2511f53} * counter[0];
      const std::uint64_t second = std::uint64_t{0xcd9e8d57} * counter[2];
      counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(second),
                 static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(first)};
      key[0] += 0x9e3779b9;
      key[1] += 0xbb67ae85;
    }
    return counter;
  }

 private:
  void refill(std::uint64_t number) {
    block_ = philox(
        {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32), stream_[0], stream_[1]}, key_);
  }

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 2> stream_;  // the upper half of the counter
  std::uint64_t position_ = 0;           // of the next number
  Block block_{};
};

}  // namespace crema
