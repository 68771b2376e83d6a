#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "journal/format.hpp"
#include "journal/reader.hpp"

namespace crema::journal {

/// One file of a journal's folder.
struct Segment {
  std::uint64_t number = 0;
  std::filesystem::path path;
  std::uint64_t file_bytes = 0;
  std::optional<SegmentHeader> header{};  ///< nothing: it was cut before its first record
};

/// All segments of a folder by rising number, also those that count no more; none where there is no such folder.
/// Throws Error when the folder cannot be read.
std::vector<Segment> list_segments(const std::filesystem::path& folder);

/// One of them. Throws Error when it cannot be read.
Segment read_segment(const std::filesystem::path& file);

/// The records of one segment, up to a byte of the file. Memory: a few MiB, or the largest record.
class SegmentReader {
 public:
  /// Requires a header. Throws Error when the file cannot be opened.
  SegmentReader(const Segment& segment, std::uint64_t up_to);
  SegmentReader(const SegmentReader&) = delete;
  SegmentReader& operator=(const SegmentReader&) = delete;
  ~SegmentReader();

  std::optional<Record> next();
  /// Where the next record would begin: all before it is whole.
  [[nodiscard]] std::uint64_t position() const { return position_; }
  /// After next() gave nothing: empty, or what is wrong with what comes at position().
  [[nodiscard]] const std::string& damage() const { return damage_; }

 private:
  [[nodiscard]] Bytes read(std::uint64_t offset, std::uint64_t size) const;
  [[nodiscard]] bool have(std::uint64_t size);

  const std::uint64_t number_;
  const std::filesystem::path path_;
  const std::uint64_t end_;
  int file_ = -1;
  std::uint64_t position_ = 0;
  Bytes block_{};  // what was read ahead, from position_ - taken_
  std::uint64_t taken_ = 0;
  std::string damage_;
};

/// The history in a folder: the records of the segments that each other continue, up to the first damage. Reading
/// changes nothing. Thread safety: none.
class ChainReader final : public RecordSource {
 public:
  explicit ChainReader(const std::filesystem::path& folder);

  std::optional<Record> next() override;
  void refuse(const std::string& why) override;
  [[nodiscard]] std::string damage() const override { return damage_; }

  /// What the next segment of this history continues. Requires that next() has given nothing, or refuse().
  [[nodiscard]] Continues end() const { return end_; }
  /// The segments that count, the first one first.
  [[nodiscard]] const std::vector<Segment>& chain() const { return chain_; }
  /// By segment: the payload of its run_ended record, of those that were read.
  [[nodiscard]] const std::map<std::uint64_t, Bytes>& ends() const { return ends_; }
  /// The payloads of the input records that were read, in order.
  [[nodiscard]] const std::vector<Bytes>& inputs() const { return inputs_; }

 private:
  void cut(const std::string& why);
  std::uint64_t follow(const std::map<std::uint64_t, Segment>& by_number, std::uint64_t newest);

  std::vector<Segment> chain_;
  std::vector<std::uint64_t> up_to_;  // of each: so many bytes count
  std::map<std::uint64_t, Bytes> ends_;
  std::vector<Bytes> inputs_;
  std::size_t place_ = 0;
  std::optional<SegmentReader> reader_;
  Continues end_;
  std::uint64_t last_ = 0;  // byte of the segment that is read: where the last record begins
  std::string damage_;
};

}  // namespace crema::journal
