#include "journal/journal_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "crema/errors.hpp"
#include "journal/blob.hpp"
#include "journal/disk.hpp"
#include "journal/owner.hpp"
#include "journal/segments.hpp"

namespace crema::journal {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail(const std::filesystem::path& path, int error) {
  throw Error{fmt::format("writing the journal \"{}\": {}; what it holds can be resumed once there is room",
                          path.string(), reason(error))};
}

void expect_synced(const std::filesystem::path& folder) {
  if (const int error = sync_folder(folder); error != 0) fail(folder, error);
}

std::uint64_t next_number(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directory(folder, error);
  if (error) fail(folder, error.value());
  expect_synced(folder.has_parent_path() ? folder.parent_path() : std::filesystem::path{"."});
  const std::vector<journal::Segment> segments = list_segments(folder);
  return segments.empty() ? 1 : segments.back().number + 1;
}

}  // namespace

/// The history's records of the segment that is being written.
class OwnRecords final : public RecordSource {
 public:
  OwnRecords(const std::filesystem::path& path, std::uint64_t up_to) : reader_{read_segment(path), up_to} {}
  std::optional<Record> next() override {
    std::optional<Record> record = reader_.next();
    while (record && is_of_container(record->type)) record = reader_.next();
    return record;
  }
  /// What this start has recorded it has checked.
  void refuse(const std::string& why) override { throw Error{"reading back the journal: " + why}; }
  [[nodiscard]] std::string damage() const override { return reader_.damage(); }

 private:
  SegmentReader reader_;
};

/// The file. Used by one thread at a time.
class JournalFile::Segment {
 public:
  Segment(const std::filesystem::path& folder, std::uint64_t number)
      : folder_{folder}, path_{folder / segment_name(number)}, next_{folder / segment_name(number + 1)} {
    file_ = ::open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (file_ < 0 && errno == EEXIST)
      throw Error{
          fmt::format("writing the journal \"{}\": another start of the job has just begun there; only one can "
                      "go on",
                      folder.string())};
    if (file_ < 0) fail(path_, errno);
  }
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment() { ::close(file_); }

  void write(std::span<const std::byte> bytes) {
    if (const int error = write_to_disk(file_, bytes); error != 0) fail(path_, error);
  }
  void write_header(const SegmentHeader& header) {
    write(journal::write(header).span());
    expect_synced(folder_);
    owner_.emplace(folder_);
  }
  /// What it holds up to a byte.
  [[nodiscard]] std::unique_ptr<RecordSource> records(std::uint64_t up_to) const {
    return std::make_unique<OwnRecords>(path_, up_to);
  }
  /// Throws Error when another start has taken the journal over.
  void show_life() {
    // A start numbers its segment behind all that it finds, so this one is the first that can follow.
    if (::access(next_.c_str(), F_OK) == 0)
      throw Error{
          fmt::format("writing the journal \"{}\": another start of the job has taken it over (\"{}\"), and only "
                      "one can go on; this one ends",
                      path_.string(), next_.filename().string())};
    owner_->move();
  }

 private:
  const std::filesystem::path folder_;
  const std::filesystem::path path_;
  const std::filesystem::path next_;
  int file_ = -1;
  std::optional<OwnerFile> owner_;
};

JournalFile::JournalFile(const std::filesystem::path& folder, Continues continues, Bytes facts)
    : number_{next_number(folder)},
      blobs_{blobs_of(std::filesystem::absolute(folder)).string()},
      segment_{std::make_shared<Segment>(folder, number_)},
      io_{[] {}} {
  const SegmentHeader header{number_, continues, std::move(facts)};
  segment_->write_header(header);
  offset_ = header_size(header);
}

JournalFile::~JournalFile() = default;

void JournalFile::append(RecordType type, std::span<const std::byte> payload, std::span<const std::byte> rest) {
  if (io_.failed() || !refusal_.empty()) return;
  const std::uint64_t size = payload.size() + rest.size();
  if (size > max_record_bytes) {
    refusal_ = fmt::format("writing the journal: a record of {} bytes is larger than {} bytes, the most one can have",
                           size, max_record_bytes);
    return;
  }
  const auto number = static_cast<std::uint16_t>(type);
  group_.put(
      RecordHeader{static_cast<std::uint32_t>(size), number, 0, checksum(number_, offset_, number, payload, rest)});
  group_.append(payload);
  group_.append(rest);
  offset_ += record_header_size + size;
  ++appended_;
}

void JournalFile::turn(std::chrono::steady_clock::time_point now) {
  if (now - moved_ >= OwnerFile::interval) {
    moved_ = now;
    io_.post(0, IoThread::Work{[segment = segment_] { segment->show_life(); }});
  }
  if (group_.size() == 0) {
    committed_ = now;  // the first record to come waits a whole interval for others
    hurried_ = false;
    return;
  }
  if (!hurried_ && group_.size() < commit_bytes && now - committed_ < commit_interval) return;
  committed_ = now;
  start_commit();
}

void JournalFile::start_commit() {
  hurried_ = false;
  auto group = std::make_shared<ByteBuffer>(std::exchange(group_, {}));
  const std::size_t bytes = group->size();
  io_.post(bytes, IoThread::Work{[this, segment = segment_, group = std::move(group), upto = appended_] {
             segment->write(group->span());
             durable_.store(upto, std::memory_order_release);
           }});
}

void JournalFile::read_back(std::function<void(RecordSource&)> read) {
  if (group_.size() > 0) start_commit();
  io_.post(0, IoThread::Work{[segment = segment_, read = std::move(read), upto = offset_] {
             const std::unique_ptr<RecordSource> source = segment->records(upto);
             read(*source);
             if (!source->damage().empty()) throw Error{"reading the journal of this run: " + source->damage()};
           }});
}

void JournalFile::commit() {
  if (group_.size() > 0) start_commit();
  io_.call([] {});
}

void JournalFile::check_owner() {
  io_.call([this] { segment_->show_life(); });
}

void remove_journal(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error)
    throw Error{fmt::format("removing the journal \"{}\" of a finished run: {}; remove it by hand", folder.string(),
                            error.message())};
}

}  // namespace crema::journal
