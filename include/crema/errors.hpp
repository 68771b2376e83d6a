#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "crema/ids.hpp"

namespace crema {

/// The root of every error crema throws. A message says what was attempted, on what, why it failed and what to do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Wrong use of the command line or of the API. A driver that lets it pass ends the job with exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Input that cannot be read as asked. A driver that lets it pass ends the job with exit code 2.
class DataError : public Error {
 public:
  /// Where and what: `line` counts from 1 (0: the file as a whole), `column` is the column's name (empty: the row as a
  /// whole).
  struct Place {
    std::string file;
    std::uint64_t line = 0;
    std::string column;
    std::string expected;
    std::string found;
  };
  explicit DataError(Place place);

  [[nodiscard]] const std::string& file() const noexcept { return place_.file; }
  [[nodiscard]] std::uint64_t line() const noexcept { return place_.line; }
  [[nodiscard]] const std::string& column() const noexcept { return place_.column; }
  [[nodiscard]] const std::string& expected() const noexcept { return place_.expected; }
  [[nodiscard]] const std::string& found() const noexcept { return place_.found; }
  [[nodiscard]] const Place& place() const noexcept { return place_; }

 private:
  Place place_;
};

/// A wait with a timeout has ended without what it waited for, which goes on.
class Timeout : public Error {
 public:
  using Error::Error;
};

/// How one attempt of a task or an actor call failed, as it travels between ranks and into the run file.
struct Failure {
  enum class Kind : std::uint8_t {
    task = 0,
    actor = 1,
    data = 2,
    worker_lost = 4,  // 3 was in earlier versions
    cancelled = 5,
    timeout = 6,
    crashed = 7  ///< the process that ran it died
  };

  Kind kind = Kind::task;
  std::string function{};  ///< demangled, as registered
  TaskId task{};
  std::uint32_t attempt = 0;  ///< counts from 0
  RankId rank{};
  std::string host{};     ///< empty: it never ran, or nobody knows where
  std::string type{};     ///< the original exception's type, demangled; where a process died "SIGSEGV", "exit code 3"
  std::string message{};  ///< the original exception's what(), empty where it had none
  DataError::Place place{};  ///< where kind is data
};

/// A task threw, or its process died: thrown again where its value is asked for.
class TaskError : public Error {
 public:
  explicit TaskError(Failure failure);

  [[nodiscard]] const std::string& function() const noexcept { return failure_.function; }
  [[nodiscard]] TaskId task() const noexcept { return failure_.task; }
  /// Counts from 0; what() says the same counted from 1.
  [[nodiscard]] std::uint32_t attempt() const noexcept { return failure_.attempt; }
  [[nodiscard]] RankId rank() const noexcept { return failure_.rank; }
  [[nodiscard]] const std::string& host() const noexcept { return failure_.host; }
  /// The original exception's type, demangled; where the process died, of what: "SIGSEGV", "exit code 3".
  [[nodiscard]] const std::string& type() const noexcept { return failure_.type; }
  /// The original exception's message.
  [[nodiscard]] const std::string& message() const noexcept { return failure_.message; }
  [[nodiscard]] const Failure& failure() const noexcept { return failure_; }

 private:
  Failure failure_;
};

/// A call of an actor has no value. Its constructor or method threw, and the actor's state is as the method left it; or
/// the call ended the actor's process, which is built anew without it; or there is no such actor any more: it was
/// killed, has died more often than ActorOptions::max_restarts, or was lost with a rank and has no history.
class ActorError : public TaskError {
 public:
  using TaskError::TaskError;
};

/// A task overstayed TaskOptions::timeout.
class TaskTimeout : public TaskError {
 public:
  using TaskError::TaskError;
};

class TaskCancelled : public TaskError {
 public:
  using TaskError::TaskError;
};

/// A rank died, and what it held or ran cannot be had again.
class WorkerLost : public TaskError {
 public:
  using TaskError::TaskError;
};

/// Throws the class that belongs to the failure's kind.
[[noreturn]] void throw_failure(const Failure& failure);

}  // namespace crema
