#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include "head/head.hpp"

namespace crema::runtime {

enum class ProgressStyle { bar, plain, off };

/// Shows on stderr how far the job is: a bar that is redrawn in place on a terminal, a line every 10 seconds elsewhere,
/// nothing in a job's first second. Used on the event loop's thread.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  Progress(ProgressStyle style, std::FILE* out, Clock::time_point began) : style_{style}, out_{out}, began_{began} {}

  /// Cheap when nothing is due.
  void update(const head::Head::Progress& progress, Clock::time_point now);
  /// Clears the bar until the next update, so that what others print starts on an empty line.
  void clear();

  /// "120/300 tasks (40 %), 59.8/s, 4 running, about 3 s left"
  static std::string describe(const head::Head::Progress& progress, double seconds);

 private:
  void show(const std::string& text);

  const ProgressStyle style_;
  std::FILE* const out_;
  const Clock::time_point began_;
  Clock::time_point shown_{};
  bool drawn_ = false;
};

/// The style for --progress: "auto" is a bar where stderr is a terminal (or jobs/run says that it is one behind
/// mpirun).
ProgressStyle progress_style(const std::string& option);

}  // namespace crema::runtime
