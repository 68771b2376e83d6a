#pragma once

#include <chrono>

namespace crema::runtime {

/// Ends this process, with a sentence on stderr and exit code 1, unless it goes in time. For the start of MPI: there is
/// no way out of a collective operation in which a rank has died, and only afterwards do the ranks watch each other.
/// Uses SIGALRM; one at a time in a process.
class MeetingLimit {
 public:
  /// Far more than thousands of ranks on a slow filesystem take.
  static constexpr std::chrono::seconds usual{300};

  explicit MeetingLimit(std::chrono::seconds limit = usual);
  MeetingLimit(const MeetingLimit&) = delete;
  MeetingLimit& operator=(const MeetingLimit&) = delete;
  ~MeetingLimit();
};

}  // namespace crema::runtime
