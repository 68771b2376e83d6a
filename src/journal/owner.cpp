#include "journal/owner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>
#include <thread>

#include "crema/errors.hpp"

namespace crema::journal {
namespace {

using namespace std::chrono_literals;

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "host";
  return name;
}

std::filesystem::path file_in(const std::filesystem::path& journal) { return journal / "owner"; }

struct Owner {
  std::string host;
  long pid = 0;
  std::uint64_t count = 0;

  friend bool operator==(const Owner&, const Owner&) = default;
};

std::optional<Owner> read_owner(const std::filesystem::path& path) {
  std::ifstream file{path};
  Owner owner;
  if (!(file >> owner.host >> owner.pid >> owner.count)) return std::nullopt;
  return owner;
}

bool is_gone(const Owner& owner) {
  return owner.host == host_name() && ::kill(static_cast<pid_t>(owner.pid), 0) != 0 && errno == ESRCH;
}

}  // namespace

OwnerFile::OwnerFile(const std::filesystem::path& journal) : path_{file_in(journal)} { move(); }

OwnerFile::~OwnerFile() {
  const std::optional<Owner> owner = read_owner(path_);
  if (owner && owner->host == host_name() && owner->pid == ::getpid()) ::unlink(path_.c_str());
}

std::string OwnerFile::text() const { return fmt::format("{} {} {:020}\n", host_name(), ::getpid(), count_); }

void OwnerFile::move() {
  ++count_;
  const std::string line = text();
  // One write in place: who reads meets the old count or the new one.
  const int file = ::open(path_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
  const bool written = file >= 0 && ::pwrite(file, line.data(), line.size(), 0) == std::ssize(line) &&
                       ::ftruncate(file, static_cast<off_t>(line.size())) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (!written)
    throw Error{fmt::format("writing the journal's owner file \"{}\": {}", path_.string(),
                            std::generic_category().message(error))};
}

std::string wait_until_free(const std::filesystem::path& journal, std::chrono::milliseconds lease) {
  const std::filesystem::path path = file_in(journal);
  const std::optional<Owner> first = read_owner(path);
  if (!first || is_gone(*first)) return {};
  // The clocks of hosts differ, so only whether the count moves tells.
  for (const auto until = std::chrono::steady_clock::now() + lease; std::chrono::steady_clock::now() < until;) {
    std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(lease / 10, 250ms));
    const std::optional<Owner> now = read_owner(path);
    if (!now || is_gone(*now)) return {};
    if (*now != *first) return fmt::format("process {} on {}", now->pid, now->host);
  }
  return {};
}

}  // namespace crema::journal
