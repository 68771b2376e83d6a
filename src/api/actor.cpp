#include "crema/actor.hpp"

#include <xxhash.h>

namespace crema::detail {

std::uint64_t stable_hash(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace crema::detail
