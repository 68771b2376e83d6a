#pragma once

#include <atomic>
#include <filesystem>
#include <memory>

#include "common/io_thread.hpp"
#include "journal/format.hpp"
#include "journal/sink.hpp"

namespace crema::journal {

/// One start's segment of a journal: records are collected in memory and written about every 100 ms by a thread of its
/// own, which also keeps the owner file moving. Used on the event loop's thread.
class JournalFile final : public JournalSink {
 public:
  /// A group of records goes to the disk at the latest so long after the first of them.
  static constexpr std::chrono::milliseconds commit_interval{100};
  /// Or as soon as it has so many bytes.
  static constexpr std::size_t commit_bytes = 8 << 20;
  /// Bytes that may wait for the disk before keeps_up() asks for a pause.
  static constexpr std::size_t max_waiting_bytes = 64 << 20;

  /// Makes the folder where there is none, and a new segment behind all that are there; both are on disk afterwards.
  /// Throws Error: also where another start makes one at the same moment.
  JournalFile(const std::filesystem::path& folder, Continues continues, Bytes facts);
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;
  /// Drops what is not written; commit() first.
  ~JournalFile() override;

  void append(RecordType type, std::span<const std::byte> payload, std::span<const std::byte> rest = {}) override;
  void read_back(std::function<void(RecordSource&)> read) override;
  [[nodiscard]] std::uint64_t appended() const override { return appended_; }
  [[nodiscard]] std::uint64_t durable() const override { return durable_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t bytes() const override { return offset_; }
  void hurry() override { hurried_ = true; }
  [[nodiscard]] const std::string& blobs() const override { return blobs_; }
  void turn(std::chrono::steady_clock::time_point now) override;
  [[nodiscard]] bool keeps_up() const override { return waiting_bytes() <= max_waiting_bytes; }
  [[nodiscard]] std::string failure() const override { return io_.failed() ? io_.failure() : refusal_; }

  /// Blocks until all that was appended is on disk: at the end of a run. Throws Error.
  void commit();
  /// Throws Error where another start has taken the journal over: what this one does counts no more.
  void check_owner();
  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  class Segment;
  [[nodiscard]] std::size_t waiting_bytes() const { return group_.size() + io_.backlog_bytes(); }
  void start_commit();

  const std::uint64_t number_;
  const std::string blobs_;  // from any folder
  std::shared_ptr<Segment> segment_;

  // The event loop's thread only.
  ByteBuffer group_;
  std::uint64_t offset_ = 0;  // of the group's end, in the file
  std::uint64_t appended_ = 0;
  bool hurried_ = false;
  std::chrono::steady_clock::time_point committed_{};
  std::chrono::steady_clock::time_point moved_{};
  std::string refusal_;

  std::atomic<std::uint64_t> durable_{0};
  IoThread io_;  // last: its work uses the rest
};

/// Removes a journal's folder with all that crema put there. Throws Error.
void remove_journal(const std::filesystem::path& folder);

}  // namespace crema::journal
