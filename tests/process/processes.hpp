#pragma once

#include <sys/types.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "process/zygote.hpp"

namespace crema::process {

constexpr std::chrono::seconds long_enough{30};

/// Whether the process still runs; one that has ended and was not waited for does not.
inline bool lives(pid_t pid) {
  std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  if (!std::getline(stat, line)) return false;
  const char state = line[line.rfind(')') + 2];
  return state != 'Z' && state != 'X';
}

template <class Condition>
bool comes_true(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + long_enough;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

/// Sleeps on the bell as an event loop does, and calls `turn` until it returns true.
template <class Turn>
bool loop_until(Board& board, Turn turn) {
  const auto until = std::chrono::steady_clock::now() + long_enough;
  while (true) {
    board.bell().silence();
    if (turn()) return true;
    if (std::chrono::steady_clock::now() > until) return false;
    board.bell().sleep(std::chrono::milliseconds{100});
  }
}

}  // namespace crema::process
