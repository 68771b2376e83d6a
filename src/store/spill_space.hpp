#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "crema/bytes.hpp"

namespace crema::store {

/// Room on a disk for what memory does not hold, in files without a name: when the process ends, however it ends,
/// nothing of it is left. One thread at a time.
class SpillSpace {
  class Segment;

 public:
  /// A segment takes what is written until it is this long; its space returns at the latest when all in it is dropped.
  static constexpr std::uint64_t segment_size = 1ULL << 30U;

  /// Where bytes lie on the disk. Their space returns with free(), or with the SpillSpace and the last place in its
  /// segment.
  struct Place {
    std::shared_ptr<Segment> segment;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  /// Creates nothing before the first write.
  explicit SpillSpace(std::filesystem::path folder) : folder_{std::move(folder)} {}

  /// Throws Error when the disk does not take them; what was written before stays.
  [[nodiscard]] Place write(std::span<const std::byte> bytes);
  /// Throws Error when the disk does not give them.
  [[nodiscard]] static Bytes read(const Place& place);
  /// The same, of a part alone; Error also where they have no such part.
  [[nodiscard]] static Bytes read_part(const Place& place, std::uint32_t part);
  /// The bytes are not read again.
  static void free(const Place& place);

 private:
  std::filesystem::path folder_;
  std::shared_ptr<Segment> segment_;  // the one that grows
};

}  // namespace crema::store
