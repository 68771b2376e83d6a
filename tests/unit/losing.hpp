#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "loopback_cluster.hpp"

namespace crema {

/// A process that stands for a rank: the head sees when it ends.
class Process {
 public:
  Process() : pid_{fork()} {
    if (pid_ != 0) return;
    while (true) pause();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { end(); }
  void end() {
    if (const pid_t pid = std::exchange(pid_, 0); pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

/// A job that loses a rank, or two.
struct Losing {
  explicit Losing(int ranks, RankId rank, std::uint64_t seed = 1) : cluster{ranks, seed}, lost{rank} {
    cluster.pids[lost] = process.pid();
    cluster.options.watch_interval = std::chrono::milliseconds{5};
  }
  Bytes end_of_rank() {
    ByteBuffer packet;
    wire::append_frame(packet, runtime::leave_frame(1, false));
    return Bytes{std::move(packet)};
  }
  void lose_after(std::size_t packets) {
    cluster.network.cut_after(packets, lost, end_of_rank(), [this] { process.end(); });
  }
  /// Besides, and after so many packets of its own.
  void lose_after(std::size_t packets, RankId another) {
    another_process.emplace();
    cluster.pids[another] = another_process->pid();
    cluster.network.cut_after(packets, another, end_of_rank(), [this] { another_process->end(); });
  }
  void lose_now() {
    cluster.network.cut(lost, end_of_rank());
    process.end();
  }
  int run(const std::function<void()>& driver) { return cluster.run(driver).front(); }

  Process process;
  std::optional<Process> another_process;
  LoopbackCluster cluster;
  RankId lost;
};

}  // namespace crema
