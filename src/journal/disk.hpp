#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

// What puts files on disk, for all that a journal consists of. Each returns 0, or errno.
namespace crema::journal {

/// Appends all bytes to an open file, and waits until the disk has them.
[[nodiscard]] int write_to_disk(int file, std::span<const std::byte> bytes);

/// Waits until the disk has what was made in a folder.
[[nodiscard]] int sync_folder(const std::filesystem::path& folder);

}  // namespace crema::journal
