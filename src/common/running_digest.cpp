#include "crema/running_digest.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace crema::detail {

struct RunningDigest::State {
  XXH3_state_t hash;
};

RunningDigest::RunningDigest() : state_{std::make_unique<State>()} { XXH3_128bits_reset(&state_->hash); }
RunningDigest::~RunningDigest() = default;

void RunningDigest::add(std::span<const std::byte> bytes) noexcept {
  XXH3_128bits_update(&state_->hash, bytes.data(), bytes.size());
}

Digest RunningDigest::digest() const noexcept {
  const XXH128_hash_t hash = XXH3_128bits_digest(&state_->hash);
  return {hash.high64, hash.low64};
}

}  // namespace crema::detail
