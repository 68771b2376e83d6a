#pragma once

#include <sys/types.h>

#include <cstddef>
#include <mutex>
#include <random>
#include <vector>

namespace crema::process {

/// A whole segment's memory, mapped for reading.
struct Mapping {
  ino_t memory = 0;  ///< its number, which a mapping keeps from being another one's; 0: not known
  std::byte* place = nullptr;
  std::size_t size = 0;
};

/// Mappings of what a lane was lent and does not read now: to map a page anew takes as long as to read it. A rank lends
/// the same memory again, with the same content or, once it has filled it again, with another. Thread-safe.
class KeptMappings {
 public:
  /// Pages that are mapped count as this process's in most tools, though they are the rank's.
  static constexpr std::size_t most = 256;
  static constexpr std::size_t most_bytes = 128 << 20;

  KeptMappings() { kept_.reserve(most); }
  KeptMappings(const KeptMappings&) = delete;
  KeptMappings& operator=(const KeptMappings&) = delete;
  ~KeptMappings();

  static KeptMappings& of_process();

  /// The caller's, of this size at least. Nothing: there is none.
  Mapping take(ino_t memory, std::size_t size) noexcept;
  /// Takes it over. Of one memory one is kept. Beyond the bounds others go, by chance: were it the oldest, then of
  /// memory that is read in turn and is more than fits, each would go just before it is read again.
  void keep(const Mapping& mapping) noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  Mapping remove(Mapping& place) noexcept;

  mutable std::mutex mutex_;  // guards all below
  std::vector<Mapping> kept_;
  std::size_t bytes_ = 0;
  std::minstd_rand random_;
};

}  // namespace crema::process
