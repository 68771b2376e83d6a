#pragma once

#include <cstddef>
#include <span>

namespace crema::testing {

/// What one target does with an input. Throwing Error is an answer; all else that is no return is a finding.
void take(std::span<const std::byte> input);

}  // namespace crema::testing
