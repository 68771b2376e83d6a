#pragma once

#include <string>
#include <string_view>

#include "crema/ids.hpp"
#include "process/descriptors.hpp"

namespace crema::process {

/// One of a lane's two output streams in the zygote: passes on whole lines, so that lines of several lanes do not mix.
class LaneOutput {
 public:
  /// Longer lines are passed on in parts, each whole.
  static constexpr std::size_t longest_line = 4096;
  /// What is kept for the error of a task that dies.
  static constexpr std::size_t kept_lines = 20;
  static constexpr std::size_t kept_bytes = 4096;

  /// Passes to `to`. `keeps`: the last lines of the work that runs are kept.
  LaneOutput(Descriptor from, int to, bool keeps);

  [[nodiscard]] int descriptor() const { return from_.get(); }
  /// Reads what is there, at most 1 MiB, without waiting. False: nobody writes any more.
  bool pass_on(TaskId running);
  /// Whoever waits for a reader, waits no longer once a signal comes, and all further text is lost. Signal-safe.
  static void give_up() noexcept;
  /// Passes on a line that was not ended.
  void finish();
  /// The last lines of the work that ran last.
  [[nodiscard]] std::string_view kept() const { return kept_; }

 private:
  void take(std::string_view text);
  void keep(std::string_view line);

  Descriptor from_;
  const int to_;
  const bool keeps_;
  std::string line_;
  std::string kept_;
  TaskId kept_of_;
};

}  // namespace crema::process
