#include "process/lane_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace crema::process {
namespace {

/// A pipe holds 64 KiB, so this is all of what a lane that has ended wrote. One that writes for ever must not keep the
/// zygote from hearing that it is to be killed.
constexpr int reads_a_turn = 16;

volatile std::sig_atomic_t given_up = 0;

/// Where nobody can be told of an error, the text is lost.
void write_all(int to, std::string_view text) {
  while (!text.empty() && given_up == 0) {
    const ssize_t written = ::write(to, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void LaneOutput::give_up() noexcept { given_up = 1; }

LaneOutput::LaneOutput(Descriptor from, int to, bool keeps) : from_{std::move(from)}, to_{to}, keeps_{keeps} {
  ::fcntl(from_.get(), F_SETFL, O_NONBLOCK);
}

bool LaneOutput::pass_on(TaskId running) {
  if (running != kept_of_ && running != TaskId{}) {
    kept_of_ = running;
    kept_.clear();
  }
  std::array<char, 65'536> part;
  for (int i = 0; i < reads_a_turn; ++i) {
    const ssize_t size = ::read(from_.get(), part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN;
    if (size == 0) return false;
    take({part.data(), static_cast<std::size_t>(size)});
  }
  return true;
}

void LaneOutput::take(std::string_view text) {
  std::string whole;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const bool ends = end < text.size();
    line_.append(text.substr(0, end + (ends ? 1 : 0)));
    text.remove_prefix(end + (ends ? 1 : 0));
    if (!ends && line_.size() < longest_line) break;
    if (keeps_) keep(line_);
    whole += line_;
    line_.clear();
  }
  write_all(to_, whole);
}

void LaneOutput::finish() {
  if (line_.empty()) return;
  if (keeps_) keep(line_);
  write_all(to_, line_ + "\n");
  line_.clear();
}

void LaneOutput::keep(std::string_view line) {
  kept_.append(line);
  const auto lines = static_cast<std::size_t>(std::count(kept_.begin(), kept_.end(), '\n'));
  for (std::size_t left = lines; left > kept_lines; --left) kept_.erase(0, kept_.find('\n') + 1);
  if (kept_.size() > kept_bytes) kept_.erase(0, kept_.size() - kept_bytes);
}

}  // namespace crema::process
