#include "runtime/end_time.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <ctime>
#include <vector>

#include "crema/errors.hpp"
#include "runtime/launch.hpp"

namespace crema::runtime {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr auto squeue_limit = 5s;
constexpr seconds longest_limit = std::chrono::hours{24 * 3650};

/// Empty where one of the fields is no whole number of up to six digits.
std::vector<long> numbers(const std::string& text) {
  std::vector<long> found;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    long number = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, number);
    if (error != std::errc{} || stop != text.data() + end || number < 0 || end - begin > 6) return {};
    found.push_back(number);
    begin = end + 1;
  }
  return found;
}

/// Zero where the text is no limit.
seconds read_limit(const std::string& text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string::npos) {
    const std::vector<long> fields = numbers(text);
    if (fields.size() == 1) return std::chrono::minutes{fields[0]};
    if (fields.size() == 2) return std::chrono::minutes{fields[0]} + seconds{fields[1]};
    if (fields.size() == 3) return std::chrono::hours{fields[0]} + std::chrono::minutes{fields[1]} + seconds{fields[2]};
    return 0s;
  }
  const std::vector<long> days = numbers(text.substr(0, dash));
  std::vector<long> fields = numbers(text.substr(dash + 1));
  if (days.size() != 1 || fields.empty() || fields.size() > 3) return 0s;
  fields.resize(3);
  return std::chrono::hours{24 * days[0] + fields[0]} + std::chrono::minutes{fields[1]} + seconds{fields[2]};
}

/// What a program prints; "" where it cannot be run or is not done in time.
std::string output_of(std::vector<std::string> words, std::chrono::steady_clock::duration limit) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const bool started = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string output;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  bool whole = false;
  while (started && !whole) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd source{ends[0], POLLIN, 0};
    const int ready = left > 0ms ? poll(&source, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    std::array<char, 256> part{};
    const ssize_t size = read(ends[0], part.data(), part.size());
    if (size < 0) break;
    whole = size == 0;
    output.append(part.data(), static_cast<std::size_t>(size));
  }
  close(ends[0]);
  if (!started) return {};
  if (!whole) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return whole && status == 0 ? output : std::string{};
}

}  // namespace

std::chrono::seconds parse_time_limit(const std::string& text) {
  const seconds limit = read_limit(text);
  if (limit <= 0s || limit > longest_limit) {
    throw UsageError{fmt::format(
        "\"{}\" is no time limit: use minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes "
        "or days-hours:minutes:seconds",
        text)};
  }
  return limit;
}

StopTimes stop_times(StopTimes::Clock::time_point now, std::chrono::seconds left) {
  const std::chrono::milliseconds all = left;
  const std::chrono::milliseconds lead =
      std::min<std::chrono::milliseconds>(std::max<std::chrono::milliseconds>(60s, all / 20), all / 2);
  return {.begin = now + all - lead, .tasks_until = now + all - lead / 4};
}

std::optional<std::chrono::seconds> slurm_time_left() {
  const std::string job = environment("SLURM_JOB_ID");
  if (job.empty()) return std::nullopt;
  if (const std::string end = environment("SLURM_JOB_END_TIME"); !end.empty()) {
    const std::time_t left = std::atoll(end.c_str()) - std::time(nullptr);
    return left > 0 ? std::optional{seconds{left}} : std::nullopt;
  }
  std::string left = output_of({"squeue", "--noheader", "--jobs", job, "--format", "%L"}, squeue_limit);
  left.erase(std::remove_if(left.begin(), left.end(), [](unsigned char c) { return std::isspace(c) != 0; }),
             left.end());
  const seconds limit = read_limit(left);  // "UNLIMITED", "NOT_SET", "INVALID": none
  return limit > 0s ? std::optional{limit} : std::nullopt;
}

}  // namespace crema::runtime
