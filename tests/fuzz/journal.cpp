// A segment of a journal: what is read of it is whole records from the first on, and a resume could continue there.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "crema/errors.hpp"
#include "journal/segments.hpp"
#include "target.hpp"
#include "temporary_folder.hpp"

namespace {

using crema::Bytes;
namespace journal = crema::journal;

void replace(std::vector<std::byte>& bytes, std::size_t offset, std::uint64_t value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

/// The same with its checksums right where sizes make sense: else no input that is made up gets past the first one.
std::vector<std::byte> with_checksums(std::span<const std::byte> input) {
  std::vector<std::byte> bytes{input.begin(), input.end()};
  if (bytes.size() < journal::fixed_header_size) return bytes;
  journal::SegmentHeader header{.number = 1, .continues = {}, .facts = {}};
  std::memcpy(&header.continues.bytes, bytes.data() + 32, 8);
  const std::size_t facts = std::to_integer<std::size_t>(bytes[40]) % (bytes.size() - journal::fixed_header_size + 1);
  header.facts = Bytes::copy_of(std::span{bytes}.subspan(journal::fixed_header_size, facts));
  const crema::ByteBuffer start = journal::write(header);
  std::memcpy(bytes.data(), start.data(), start.size());
  for (std::size_t place = start.size(); place + journal::record_header_size <= bytes.size();) {
    journal::RecordHeader record;
    std::memcpy(&record, bytes.data() + place, sizeof record);
    const std::size_t payload = place + journal::record_header_size;
    if (record.size > bytes.size() - payload) break;
    replace(bytes, place + 8, journal::checksum(1, place, record.type, std::span{bytes}.subspan(payload, record.size)));
    place = payload + record.size;
  }
  return bytes;
}

void read(const crema::testing::TemporaryFolder& folder, std::span<const std::byte> input) {
  {
    std::ofstream stream{folder / journal::segment_name(1), std::ios::binary | std::ios::trunc};
    stream.write(reinterpret_cast<const char*>(input.data()), std::ssize(input));
    if (!stream.flush()) std::abort();
  }
  journal::ChainReader reader{folder.path()};
  std::uint64_t payload = 0;
  while (const auto record = reader.next()) payload += record->payload.size();
  if (payload > input.size() || reader.end().bytes > input.size()) std::abort();
  const bool whole = reader.end().bytes == input.size();
  if (!reader.chain().empty() && whole != reader.damage().empty()) std::abort();
}

}  // namespace

void crema::testing::take(std::span<const std::byte> input) {
  static const TemporaryFolder folder;
  read(folder, with_checksums(input));
  read(folder, input);
}
