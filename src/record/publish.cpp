#include "record/publish.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "crema/errors.hpp"

namespace crema::record {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "host";
  return name;
}

/// Renames without replacing; returns errno, 0 for success.
int rename_exclusively(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  // Some filesystems (NFS, older Lustre) know no such rename; there a hard link does not replace either.
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return errno;
  if (::link(from.c_str(), to.c_str()) != 0) return errno;
  return ::unlink(from.c_str()) == 0 ? 0 : errno;
}

std::string temporary_stem(const std::filesystem::path& target, const std::string& process) {
  return fmt::format(".{}.{}", target.filename().string(), process);
}

std::filesystem::path folder_of(const std::filesystem::path& target) {
  return target.has_parent_path() ? target.parent_path() : std::filesystem::path{"."};
}

}  // namespace

TemporaryFile::TemporaryFile(std::filesystem::path target, Existing existing, FileNaming naming)
    : target_{std::move(target)}, existing_{existing}, naming_{std::move(naming)} {
  const std::string attempt = fmt::format("making {} \"{}\"", naming_.what, target_.string());
  std::error_code error;
  if (target_.filename().empty() || std::filesystem::is_directory(target_, error)) {
    throw UsageError{attempt + ": that names a folder; " + naming_.give_a_file};
  }
  if (existing == Existing::refused && std::filesystem::exists(std::filesystem::symlink_status(target_, error))) {
    throw UsageError{attempt + ": it exists already and is never overwritten; " + naming_.choose_another +
                     naming_.or_begin_anew};
  }
  if (!std::filesystem::is_directory(folder(), error)) {
    throw UsageError{fmt::format("{}: the folder \"{}\" does not exist; make it or {}", attempt, folder().string(),
                                 naming_.choose_another)};
  }
  // Whose file it is; the count tells it from one that a killed process of that name left behind.
  const std::string stem = temporary_stem(target_, process_name());
  for (int count = 0;; ++count) {
    path_ = folder() / (count == 0 ? stem + ".partial" : fmt::format("{}-{}.partial", stem, count));
    const int file = ::open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (file >= 0) {
      ::close(file);
      return;
    }
    if (errno != EEXIST) {
      throw UsageError{fmt::format("{}: the folder \"{}\" cannot be written: {}; {}", attempt, folder().string(),
                                   reason(errno), naming_.choose_another)};
    }
  }
}

TemporaryFile::~TemporaryFile() {
  if (remove_) ::unlink(path_.c_str());
}

std::filesystem::path TemporaryFile::folder() const { return folder_of(target_); }

void TemporaryFile::publish() {
  remove_ = false;
  try {
    sync_to_disk(path_);
    const int error = existing_ == Existing::refused                  ? rename_exclusively(path_, target_)
                      : ::rename(path_.c_str(), target_.c_str()) == 0 ? 0
                                                                      : errno;
    if (error != 0) {
      throw Error{error == EEXIST ? "a file of that name was made meanwhile and is not overwritten" : reason(error)};
    }
    sync_to_disk(folder());
  } catch (const Error& error) {
    throw Error{fmt::format("publishing {} \"{}\": {}; {} in \"{}\"", naming_.what, target_.string(), error.what(),
                            naming_.content, path_.string())};
  }
}

std::string process_name() { return fmt::format("{}-{}", host_name(), ::getpid()); }

void remove_temporary_files(const std::filesystem::path& target, const std::string& process) {
  const std::filesystem::path stem = folder_of(target) / temporary_stem(target, process);
  for (int count = 0;; ++count) {
    const std::string name =
        count == 0 ? stem.string() + ".partial" : fmt::format("{}-{}.partial", stem.string(), count);
    if (::unlink(name.c_str()) != 0) return;
  }
}

void sync_to_disk(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && (::fsync(file) == 0 || errno == EINVAL);  // EINVAL: folders of some filesystems
  const int error = errno;
  if (file >= 0) ::close(file);
  if (!synced) throw Error{fmt::format("writing \"{}\" to disk: {}", path.string(), reason(error))};
}

}  // namespace crema::record
