#include "runtime/stop_signals.hpp"

#include <array>
#include <csignal>

namespace crema::runtime {
namespace {

constexpr std::array signals{SIGUSR1, SIGTERM, SIGINT};

std::atomic<int> last{0};
static_assert(std::atomic<int>::is_always_lock_free);
std::array<struct sigaction, signals.size()> before;

void keep(int signal) {
  if (signal != SIGUSR1) {
    last.store(signal, std::memory_order_relaxed);
  } else {
    int none = 0;
    last.compare_exchange_strong(none, signal, std::memory_order_relaxed);
  }
}

}  // namespace

StopSignals::StopSignals() {
  last.store(0, std::memory_order_relaxed);
  for (std::size_t i = 0; i < signals.size(); ++i) {
    struct sigaction action {};
    action.sa_handler = &keep;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    if (signals[i] == SIGINT) action.sa_flags |= static_cast<int>(SA_RESETHAND);
    sigaction(signals[i], &action, &before[i]);
  }
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before[i], nullptr);
}

const std::atomic<int>& StopSignals::caught() { return last; }

}  // namespace crema::runtime
