#include "journal/segments.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <system_error>

#include "crema/errors.hpp"

namespace crema::journal {
namespace {

/// Read at a time; a larger record is read alone.
constexpr std::uint64_t block_bytes = 4 << 20;
constexpr std::uint64_t usual_header_bytes = 64 << 10;
/// Facts of a start that are larger are no facts.
constexpr std::uint64_t max_header_bytes = 64 << 20;

std::string reason(int error) { return std::generic_category().message(error); }

int open_to_read(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw Error{fmt::format("reading the journal \"{}\": {}", path.string(), reason(errno))};
  return file;
}

/// So many bytes from there, or as many as the file has. Throws Error.
Bytes read_at(int file, const std::filesystem::path& path, std::uint64_t offset, std::uint64_t size) {
  ByteBuffer buffer{size};
  std::byte* place = buffer.extend(size);
  std::uint64_t done = 0;
  while (done < size) {
    const ssize_t count = ::pread(file, place + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error{fmt::format("reading the journal \"{}\": {}", path.string(), reason(errno))};
    if (count == 0) break;
    done += static_cast<std::uint64_t>(count);
  }
  return Bytes{std::move(buffer)}.slice(0, done);
}

std::optional<SegmentHeader> read_header(const std::filesystem::path& path, std::uint64_t file_bytes) {
  const int file = open_to_read(path);
  const std::unique_ptr<const int, void (*)(const int*)> closed{&file, [](const int* open) { ::close(*open); }};
  const Bytes start = read_at(file, path, 0, std::min(file_bytes, usual_header_bytes));
  std::optional<SegmentHeader> header = read_segment_header(start);
  if (header || file_bytes <= start.size()) return header;
  return read_segment_header(read_at(file, path, 0, std::min(file_bytes, max_header_bytes)));
}

}  // namespace

std::vector<Segment> list_segments(const std::filesystem::path& folder) {
  std::vector<Segment> segments;
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) return segments;
  try {
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
      const auto number = segment_number(entry.path());
      if (!number) continue;
      Segment segment{*number, entry.path(), entry.file_size()};
      segment.header = read_header(segment.path, segment.file_bytes);
      if (segment.header && segment.header->number != segment.number) segment.header.reset();
      segments.push_back(std::move(segment));
    }
  } catch (const std::filesystem::filesystem_error& failure) {
    throw Error{fmt::format("reading the journal \"{}\": {}", folder.string(), failure.code().message())};
  }
  std::sort(segments.begin(), segments.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return segments;
}

Segment read_segment(const std::filesystem::path& file) {
  std::error_code error;
  Segment segment{segment_number(file).value_or(0), file, std::filesystem::file_size(file, error)};
  if (error) throw Error{fmt::format("reading the journal \"{}\": {}", file.string(), error.message())};
  segment.header = read_header(file, segment.file_bytes);
  if (!segment.header) throw Error{fmt::format("reading the journal \"{}\": it has no header", file.string())};
  return segment;
}

SegmentReader::SegmentReader(const Segment& segment, std::uint64_t up_to)
    : number_{segment.number},
      path_{segment.path},
      end_{std::min(up_to, segment.file_bytes)},
      file_{open_to_read(segment.path)},
      position_{header_size(*segment.header)} {}

SegmentReader::~SegmentReader() { ::close(file_); }

Bytes SegmentReader::read(std::uint64_t offset, std::uint64_t size) const {
  return read_at(file_, path_, offset, size);
}

/// So many bytes lie ahead, and in block_.
bool SegmentReader::have(std::uint64_t size) {
  if (size > end_ - position_) return false;
  if (size <= block_.size() - taken_) return true;
  block_ = read(position_, std::min(std::max(size, block_bytes), end_ - position_));
  taken_ = 0;
  return size <= block_.size();
}

std::optional<Record> SegmentReader::next() {
  if (!damage_.empty() || position_ >= end_) return std::nullopt;
  const auto cut = [&](std::string_view what) {
    damage_ = fmt::format("{} at byte {} of {}", what, position_, path_.filename().string());
    return std::nullopt;
  };
  if (!have(record_header_size)) return cut("half a record");
  RecordHeader header;
  std::memcpy(&header, block_.data() + taken_, sizeof header);
  if (header.size > max_record_bytes || header.zero != 0) return cut("a damaged record");
  if (!have(record_header_size + header.size)) return cut("half a record");
  Bytes payload = block_.slice(taken_ + record_header_size, header.size);
  if (header.checksum != checksum(number_, position_, header.type, payload.span())) return cut("a damaged record");
  taken_ += record_header_size + header.size;
  position_ += record_header_size + header.size;
  return Record{RecordType{header.type}, std::move(payload)};
}

ChainReader::ChainReader(const std::filesystem::path& folder) {
  std::map<std::uint64_t, Segment> by_number;
  for (Segment& segment : list_segments(folder))
    if (segment.header) by_number.emplace(segment.number, std::move(segment));
  // What goes on from a segment that is not there has no meaning: then the newest one before that is the last.
  auto last = by_number.end();
  while (last != by_number.begin()) {
    const std::uint64_t missing = follow(by_number, std::prev(last)->first);
    if (missing == 0) break;
    if (damage_.empty())
      damage_ = fmt::format("{} continues segment {}, which is missing or has no whole header",
                            std::prev(last)->second.path.filename().string(), missing);
    last = by_number.lower_bound(std::min(missing, std::prev(last)->first));
  }
  if (chain_.empty()) return;
  if (!damage_.empty()) damage_ += fmt::format("; the segments after {} do not count", chain_.back().number);
  end_ = {chain_.front().number, header_size(*chain_.front().header)};
}

/// From `newest` back to the first. Each continues an older one, so the way ends. Returns the number of the one that
/// is missing, and no chain; or 0.
std::uint64_t ChainReader::follow(const std::map<std::uint64_t, Segment>& by_number, std::uint64_t newest) {
  chain_.clear();
  up_to_.clear();
  std::uint64_t next = newest;
  std::uint64_t up_to = by_number.at(newest).file_bytes;
  while (next != 0) {
    const auto segment = by_number.find(next);
    if (segment == by_number.end() || (!chain_.empty() && next >= chain_.back().number)) {
      chain_.clear();
      up_to_.clear();
      return next;
    }
    chain_.push_back(segment->second);
    up_to_.push_back(up_to);
    next = segment->second.header->continues.segment;
    up_to = segment->second.header->continues.bytes;
  }
  std::reverse(chain_.begin(), chain_.end());
  std::reverse(up_to_.begin(), up_to_.end());
  return 0;
}

std::optional<Record> ChainReader::next() {
  while (place_ < chain_.size()) {
    if (!reader_) reader_.emplace(chain_[place_], up_to_[place_]);
    last_ = reader_->position();
    std::optional<Record> record = reader_->next();
    end_ = {chain_[place_].number, reader_->position()};
    if (record) {
      if (record->type == RecordType::run_ended) ends_[chain_[place_].number] = record->payload.compact();
      if (record->type == RecordType::input) inputs_.push_back(record->payload.compact());
      if (is_of_container(record->type)) continue;
      return record;
    }
    const bool whole =
        reader_->damage().empty() && (place_ + 1 == chain_.size() || reader_->position() == up_to_[place_]);
    if (!whole) {
      cut(reader_->damage().empty() ? fmt::format("{} is shorter than it was", chain_[place_].path.filename().string())
                                    : reader_->damage());
      return std::nullopt;
    }
    reader_.reset();
    ++place_;
  }
  return std::nullopt;
}

void ChainReader::refuse(const std::string& why) {
  end_.bytes = last_;
  cut(fmt::format("{}, which the record at byte {} of {} names", why, last_, chain_[place_].path.filename().string()));
}

/// Nothing from here on counts.
void ChainReader::cut(const std::string& why) {
  damage_ += (damage_.empty() ? "" : "; ") + why;
  if (place_ + 1 < chain_.size())
    damage_ += fmt::format("; the {} later segments do not count", chain_.size() - place_ - 1);
  reader_.reset();
  place_ = chain_.size();
}

}  // namespace crema::journal
