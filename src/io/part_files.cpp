#include "crema/part_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <vector>

#include "crema/errors.hpp"
#include "crema/task.hpp"

namespace crema::io {
namespace {

namespace fs = std::filesystem;

constexpr const char* unfinished_marker = "_UNFINISHED";
constexpr const char* finished_marker = "_SUCCESS";

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail(const fs::path& file, const std::string& why) {
  throw Error{fmt::format("writing \"{}\": {}", file.string(), why)};
}

/// A file that is open for writing, and is removed unless it was given its name.
class NewFile {
 public:
  explicit NewFile(fs::path target) : target_{std::move(target)} {
    path_ = (target_.parent_path() / fmt::format(".{}.XXXXXX.partial", target_.filename().string())).string();
    file_ = ::mkostemps(path_.data(), static_cast<int>(std::string_view{".partial"}.size()), O_CLOEXEC);
    if (file_ < 0) {
      fail(target_,
           reason(errno) + "; the folder must be there for every rank, and writable: name one that all ranks share");
    }
    ::fchmod(file_, 0644);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (file_ >= 0) ::close(file_);
    if (!published_) ::unlink(path_.c_str());
  }

  void write(std::string_view content) {
    for (std::size_t done = 0; done < content.size();) {
      const ::ssize_t count = ::write(file_, content.data() + done, content.size() - done);
      if (count >= 0) {
        done += static_cast<std::size_t>(count);
      } else if (errno != EINTR) {
        fail(target_, reason(errno) + "; nothing of it is left behind");
      }
    }
  }
  /// On disk, folder included, afterwards.
  void publish() {
    if (::fdatasync(file_) != 0) fail(target_, reason(errno));
    if (::close(std::exchange(file_, -1)) != 0) fail(target_, reason(errno));
    if (::rename(path_.c_str(), target_.c_str()) != 0) fail(target_, reason(errno));
    published_ = true;
    const int folder = ::open(target_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || ::fsync(folder) != 0) fail(target_, reason(errno));
    ::close(folder);
  }

 private:
  fs::path target_;
  std::string path_;
  int file_ = -1;
  bool published_ = false;
};

bool is_part(const std::string& name) { return name.starts_with("part-") || name.starts_with(".part-"); }

void write_marker(const fs::path& file, const std::string& content) {
  NewFile marker{file};
  marker.write(content);
  marker.publish();
}

/// Makes the folder ready for parts, once: a start that goes on from a journal finds that it was.
void begin_parts(const std::string& name) {
  const fs::path folder{name};
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(folder, "the folder cannot be made: " + error.message());
  const auto refuse = [&](const std::string& why) {
    throw UsageError{fmt::format("writing a dataset to the folder \"{}\": {}", name, why)};
  };
  if (fs::exists(folder / finished_marker, error))
    refuse("it holds a finished one already, which is never overwritten; name another folder or remove it");
  const bool unfinished = fs::exists(folder / unfinished_marker, error);
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator{folder}) {
    const std::string file = entry.path().filename().string();
    if (file == unfinished_marker || file.starts_with(std::string{"."} + unfinished_marker)) continue;
    if (!unfinished || !is_part(file))
      refuse("it holds \"" + file + "\", which is not of crema; name an empty folder or a new one");
    left.push_back(entry.path());
  }
  write_marker(folder / unfinished_marker,
               "crema is writing a dataset here, or was; it is whole once _SUCCESS is there\n");
  for (const fs::path& file : left) fs::remove(file);
}

/// Checks that all parts are there, and says so.
void finish_parts(const std::string& name, const std::vector<PartFile>& parts) {
  const fs::path folder{name};
  std::set<std::string> names;
  std::string list = "name,rows,bytes,xxh3\n";
  for (const PartFile& part : parts) {
    const fs::path file = folder / part.name;
    std::error_code error;
    const std::uint64_t bytes = fs::file_size(file, error);
    if (error || bytes != part.bytes) {
      fail(file, fmt::format("it was written with {} bytes and {}; the folder must be one that all ranks share, and "
                             "nobody else may change it: start again with --restart",
                             part.bytes, error ? "cannot be found: " + error.message() : fmt::format("has {}", bytes)));
    }
    names.insert(part.name);
    list += fmt::format("{},{},{},{:016x}\n", part.name, part.rows, part.bytes, part.digest);
  }
  for (const auto& entry : fs::directory_iterator{folder}) {
    const std::string file = entry.path().filename().string();
    if (is_part(file) && !names.contains(file)) fs::remove(entry.path());  // of an attempt that was lost
  }
  write_marker(folder / finished_marker, list);
  fs::remove(folder / unfinished_marker);
}

}  // namespace

PartFile write_part(const std::string& folder, std::uint64_t block, const std::string& extension, std::uint64_t rows,
                    std::string_view content) {
  PartFile part{.name = fmt::format("part-{:06}.{}", block, extension),
                .rows = rows,
                .bytes = content.size(),
                .digest = XXH3_64bits(content.data(), content.size())};
  NewFile file{fs::path{folder} / part.name};
  file.write(content);
  file.publish();
  return part;
}

void write_parts(const dataset::Plan& plan, const std::string& folder) {
  with(TaskOptions{.name = "begin to write " + folder}).remote<begin_parts>(folder).get();
  std::vector<PartFile> parts;
  dataset::BlockStream blocks{plan};
  while (const std::optional<Bytes> block = blocks.next()) {
    ByteReader reader{*block};
    for (PartFile& part : decode<std::vector<PartFile>>(reader)) parts.push_back(std::move(part));
  }
  with(TaskOptions{.name = "finish writing " + folder}).remote<finish_parts>(folder, parts).get();
}

}  // namespace crema::io
