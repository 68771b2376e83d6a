#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "crema/bytes.hpp"
#include "crema/ids.hpp"

// Values that are too large for a record, each in a file of its own in the folder "blobs" of the journal. A record
// names the file once it is on disk; one that no record names counts for nothing, and goes with the journal.
namespace crema::journal {

/// Where the blobs of a journal lie.
std::filesystem::path blobs_of(const std::filesystem::path& journal);

/// The file with this number, of the work or value with this key.
std::string blob_name(TaskKey key, std::uint64_t number);

Digest digest_of(std::span<const std::byte> bytes);

/// Writes a value to a new file in `folder`, which is made where there is none; both are on disk afterwards. Any
/// process, on any host that sees the journal's folder. Returns the file's number, which is not 0. Blocks. Throws
/// Error.
std::uint64_t write_blob(const std::filesystem::path& folder, TaskKey key, const Bytes& value);

/// What is wrong with the file of a value; empty: it is as it was written. Memory: 1 MiB.
std::string blob_damage(const std::filesystem::path& file, std::uint64_t size, Digest digest);

/// Throws Error where the file is not as it was written.
Bytes read_blob(const std::filesystem::path& file, std::uint64_t size, Digest digest);

}  // namespace crema::journal
