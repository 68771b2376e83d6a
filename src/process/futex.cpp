#include "process/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace crema::process {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen,
                std::optional<std::chrono::microseconds> longest) {
  timespec time{};
  if (longest) {
    time.tv_sec = static_cast<std::time_t>(longest->count() / 1'000'000);
    time.tv_nsec = static_cast<long>(longest->count() % 1'000'000 * 1000);
  }
  // Whatever ends the wait, the caller looks again.
  ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, longest ? &time : nullptr, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace crema::process
