#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "crema/bytes.hpp"
#include "journal/record.hpp"

// The bytes of a segment: README.md beside this has the layout. Numbers never change their meaning.
namespace crema::journal {

inline constexpr std::array<char, 8> magic{'c', 'r', 'e', 'm', 'a', 'j', 'n', 'l'};
inline constexpr std::uint32_t format_version = 3;

/// Of one record, without its header. A header that says more is damage, so a reader allocates no more.
inline constexpr std::uint64_t max_record_bytes = std::uint64_t{1} << 30;

/// Where a segment goes on from: so many bytes of that segment count, what is behind them does not. Segment 0: the
/// history begins here.
struct Continues {
  std::uint64_t segment = 0;
  std::uint64_t bytes = 0;

  friend bool operator==(const Continues&, const Continues&) = default;
};

/// In front of the records of a segment.
struct SegmentHeader {
  std::uint64_t number = 0;
  Continues continues{};
  Bytes facts{};  ///< of this start, for the resume to compare; the journal does not read them
};
ByteBuffer write(const SegmentHeader& header);
/// Nothing: damaged, or not all there. Throws Error for a journal of another format version.
std::optional<SegmentHeader> read_segment_header(const Bytes& start_of_file);
/// Bytes in front of the facts.
inline constexpr std::size_t fixed_header_size = 56;
[[nodiscard]] inline std::uint64_t header_size(const SegmentHeader& header) {
  return fixed_header_size + header.facts.size();
}

/// In front of each record's payload.
struct RecordHeader {
  std::uint32_t size = 0;  ///< of the payload
  std::uint16_t type = 0;
  std::uint16_t zero = 0;
  std::uint64_t checksum = 0;
};
inline constexpr std::size_t record_header_size = 16;
static_assert(sizeof(RecordHeader) == record_header_size);

/// Of a record at this byte of this segment: one that got elsewhere (a block of an old file) does not pass for another.
std::uint64_t checksum(std::uint64_t segment, std::uint64_t offset, std::uint16_t type,
                       std::span<const std::byte> payload, std::span<const std::byte> rest = {});

/// The file of a segment, inside the journal's folder.
std::string segment_name(std::uint64_t number);
/// Nothing: another file.
std::optional<std::uint64_t> segment_number(const std::filesystem::path& file);

}  // namespace crema::journal
