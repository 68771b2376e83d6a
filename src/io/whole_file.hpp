#pragma once

#include <filesystem>
#include <string_view>

namespace crema::io {

/// The file appears under its name whole, and is on disk then, folder included. Replaces a file of that name. Throws
/// UsageError where no file can be made there, Error with the system's reason where it cannot be written.
void write_whole_file(const std::filesystem::path& target, std::string_view content);

}  // namespace crema::io
