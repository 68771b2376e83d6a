#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "journal/reader.hpp"
#include "journal/sink.hpp"

namespace crema::testing {

/// A journal that is a vector.
class MemoryJournal : public journal::JournalSink {
 public:
  void append(journal::RecordType type, std::span<const std::byte> payload,
              std::span<const std::byte> rest = {}) override {
    ByteBuffer bytes;
    bytes.append(payload);
    bytes.append(rest);
    records.push_back({type, Bytes{std::move(bytes)}});
  }
  void read_back(std::function<void(journal::RecordSource&)> read) override;
  [[nodiscard]] std::uint64_t appended() const override { return records.size(); }
  [[nodiscard]] std::uint64_t durable() const override { return records.size(); }
  [[nodiscard]] std::uint64_t bytes() const override {
    std::uint64_t sum = 0;
    for (const journal::Record& record : records) sum += record.payload.size();
    return sum;
  }
  void hurry() override {}
  [[nodiscard]] const std::string& blobs() const override { return folder; }
  void turn(std::chrono::steady_clock::time_point) override {}
  [[nodiscard]] bool keeps_up() const override { return true; }
  [[nodiscard]] std::string failure() const override { return {}; }

  /// Goes on behind the first `count` of some records, which are of earlier starts.
  void go_on(const std::vector<journal::Record>& earlier, std::size_t count) {
    records = {earlier.begin(), earlier.begin() + static_cast<std::ptrdiff_t>(count)};
    of_earlier_starts_ = count;
  }

  std::vector<journal::Record> records;
  std::string folder;  // for blobs

 private:
  std::size_t of_earlier_starts_ = 0;
};

/// The first `count` of some records, as a resume reads them; from `first` on: of one start.
class CutJournal final : public journal::RecordSource {
 public:
  CutJournal(const std::vector<journal::Record>& records, std::size_t count, std::size_t first = 0)
      : records_{records}, count_{count}, next_{first} {}
  std::optional<journal::Record> next() override {
    if (next_ == count_) return std::nullopt;
    return records_[next_++];
  }
  void refuse(const std::string& why) override {
    count_ = --next_;
    damage_ = why;
  }
  [[nodiscard]] std::string damage() const override { return damage_; }
  /// How many it has given that were not refused.
  [[nodiscard]] std::size_t given() const { return next_; }

 private:
  const std::vector<journal::Record>& records_;
  std::size_t count_;
  std::size_t next_;
  std::string damage_;
};

inline void MemoryJournal::read_back(std::function<void(journal::RecordSource&)> read) {
  CutJournal source{records, records.size(), of_earlier_starts_};
  read(source);
}

}  // namespace crema::testing
