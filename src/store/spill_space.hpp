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

  /// Bytes on the disk. Their space returns when the last copy goes.
  class Spilled {
   public:
    Spilled(std::shared_ptr<Segment> segment, std::uint64_t offset, std::uint64_t size) noexcept;
    Spilled(const Spilled&) = delete;
    Spilled& operator=(const Spilled&) = delete;
    ~Spilled();

    /// Throws Error when the disk does not give them.
    [[nodiscard]] Bytes read() const;
    /// The same, of a part alone; Error also where they have no such part.
    [[nodiscard]] Bytes read_part(std::uint32_t part) const;

   private:
    std::shared_ptr<Segment> segment_;
    std::uint64_t offset_;
    std::uint64_t size_;
  };

  /// Creates nothing before the first write.
  explicit SpillSpace(std::filesystem::path folder) : folder_{std::move(folder)} {}

  /// Throws Error when the disk does not take them; what was written before stays.
  [[nodiscard]] std::shared_ptr<const Spilled> write(std::span<const std::byte> bytes);

 private:
  std::filesystem::path folder_;
  std::shared_ptr<Segment> segment_;  // the one that grows
};

}  // namespace crema::store
