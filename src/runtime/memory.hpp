#pragma once

#include <cstdint>
#include <filesystem>

namespace crema::runtime {

/// Bytes of memory this process may use: the host's, or its cgroup's where that is less (batch systems set it).
/// `root`: where /proc and /sys are, for tests.
std::uint64_t usable_memory(const std::filesystem::path& root = "/");

}  // namespace crema::runtime
