#include "io/file.hpp"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "crema/errors.hpp"

namespace crema::io {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail(const std::string& path, std::string expected, std::string found) {
  throw DataError{{.file = path, .line = 0, .column = {}, .expected = std::move(expected), .found = std::move(found)}};
}

std::string current_folder() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::current_path(error);
  return error ? "unknown: " + error.message() : folder.string();
}

/// A pattern takes what is there for all there is. `paths` are sorted.
void refuse_unfinished(const std::string& pattern, const std::vector<std::string>& paths) {
  std::filesystem::path looked_at;
  for (const std::filesystem::path path : paths) {
    const std::filesystem::path folder = path.parent_path();
    const std::string name = path.filename().string();
    if ((!name.starts_with("part-") && name != unfinished_marker) || folder == looked_at) continue;
    looked_at = folder;
    std::error_code error;
    if (std::filesystem::exists(folder / unfinished_marker, error)) {
      fail(pattern, "datasets that are whole",
           "one that is still written, or was given up: " + (folder / unfinished_marker).string() +
               " is there (let the job that writes it go on to its end, or name single files)");
    }
  }
}

}  // namespace

// O_NONBLOCK: opening a pipe must be an error, not a wait for its writer.
File::File(std::string path)
    : path_{std::move(path)}, descriptor_{::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)} {
  if (descriptor_ < 0) {
    const int error = errno;
    if (error == ENOENT && path_.empty()) fail(path_, "the name of a file", "an empty one");
    std::error_code ignored;
    if (error == ENOENT && std::filesystem::is_symlink(path_, ignored))
      fail(path_, "a file", "a link to one that is not there");
    if (error == ENOENT) {
      fail(path_, "a file", "none of that name (paths start at the current folder, " + current_folder() + ")");
    }
    fail(path_, "a file that can be read", reason(error));
  }
  struct stat status {};
  const int error = ::fstat(descriptor_, &status) == 0 ? 0 : errno;
  if (error == 0 && S_ISREG(status.st_mode)) {
    size_ = static_cast<std::uint64_t>(status.st_size);
    modified_ = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    return;
  }
  ::close(descriptor_);
  if (error != 0) fail(path_, "a file that can be read", reason(error));
  if (S_ISDIR(status.st_mode)) fail(path_, "a file", "a folder (for the files in it name a pattern, as in folder/*)");
  fail(path_, "a file that several ranks can read from any place", "a pipe or a device (store its contents in a file)");
}

File::File(File&& other) noexcept
    : path_{std::move(other.path_)},
      descriptor_{std::exchange(other.descriptor_, -1)},
      size_{other.size_},
      modified_{other.modified_} {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(modified_, other.modified_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void File::read(std::uint64_t offset, char* to, std::size_t size) const {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(descriptor_, to + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_, "a file that can be read", reason(errno) + " at byte " + std::to_string(offset + done));
    if (got == 0) {
      fail(path_, std::to_string(offset + size) + " bytes or more, as when the job started",
           std::to_string(offset + done) + " bytes (do not change input files while a job runs)");
    }
    done += static_cast<std::size_t>(got);
  }
}

std::uint64_t block_size_for(std::uint64_t size) { return std::clamp<std::uint64_t>(size / 64, 64 << 10, 8 << 20); }

std::vector<std::string> matching_paths(const std::string& pattern) {
  struct stat status {};
  if (::stat(pattern.c_str(), &status) == 0 || pattern.find_first_of("*?[~") == std::string::npos) return {pattern};

  glob_t matches{};
  const int result = ::glob(pattern.c_str(), GLOB_ERR | GLOB_TILDE, nullptr, &matches);
  const int error = errno;
  std::vector<std::string> paths{matches.gl_pathv, matches.gl_pathv + matches.gl_pathc};
  ::globfree(&matches);
  std::erase_if(paths, [](const std::filesystem::path& path) { return path.filename() == finished_marker; });
  if (result == GLOB_NOMATCH || (result == 0 && paths.empty())) {
    fail(pattern, "a file that this pattern matches",
         "none (paths start at the current folder, " + current_folder() + ")");
  }
  if (result != 0) fail(pattern, "folders that can be listed for this pattern", reason(error));
  std::ranges::sort(paths);
  refuse_unfinished(pattern, paths);
  return paths;
}

std::vector<std::string> matching_paths(const std::vector<std::string>& patterns) {
  std::vector<std::string> paths;
  for (const std::string& pattern : patterns) std::ranges::move(matching_paths(pattern), std::back_inserter(paths));
  return paths;
}

}  // namespace crema::io
