#include "crema/random.hpp"

#include <xxhash.h>

namespace crema {

Random::Random(std::uint64_t seed, TaskKey task, std::uint64_t number) {
  const std::array<std::uint64_t, 4> content{seed, task.high, task.low, number};
  const XXH128_hash_t hash = XXH3_128bits(content.data(), sizeof content);
  key_ = {static_cast<std::uint32_t>(hash.low64), static_cast<std::uint32_t>(hash.low64 >> 32)};
  stream_ = {static_cast<std::uint32_t>(hash.high64), static_cast<std::uint32_t>(hash.high64 >> 32)};
}

}  // namespace crema
