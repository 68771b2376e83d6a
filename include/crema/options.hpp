#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace crema {

/// What a task or an actor occupies while it runs. Amounts are 0 or more; an amount that no rank can ever offer is an
/// error at once.
struct Resources {
  double cpus = 1;                         ///< cores
  double gpus = 0;                         ///< devices: a whole number, or a fraction of one that others share
  std::map<std::string, double> custom{};  ///< any other resource, by the name a rank offers it under

  friend bool operator==(const Resources&, const Resources&) = default;
};

/// Whether the journal keeps the value of a task that has succeeded, so that a resume need not run it again.
enum class JournalPolicy : std::uint8_t {
  automatic,  ///< up to 64 KiB; a larger one is made again by a resume when somebody asks for it
  always,     ///< of any size: a larger one in a file of its own in the journal's folder, which all hosts have to see,
              ///< and which the task writes before it has ended. One with futures in it is kept as by `automatic`
  never,      ///< it runs again: for what is large in number and cheap
};

/// How one task is run.
struct TaskOptions {
  std::string name{};             ///< shown instead of the function's name in the run file, logs and errors
  std::int32_t priority = 0;      ///< higher runs first; first come, first served among equals
  int max_retries = 3;            ///< further attempts after crashes, timeouts and lost ranks; 0 or more
  bool retry_exceptions = false;  ///< a thrown exception costs an attempt too, instead of being the result
  std::optional<std::chrono::milliseconds> timeout{};  ///< of one attempt, waiting included; needs --isolation process
  Resources resources{};                               ///< a task that waits in get gives its cpus to others meanwhile
  JournalPolicy journal = JournalPolicy::automatic;
};

/// How one actor lives.
struct ActorOptions {
  std::string name{};  ///< find_actor finds it by; unique within a run; empty: no name
  /// Taken from its rank until it is killed. An actor for which there is no room now waits for it, and its calls with
  /// it.
  Resources resources{.cpus = 0};
  /// So often the actor is built anew when its process or its rank is lost: its recorded calls are applied again, in
  /// their order, but for one that has ended its process, whose caller gets ActorError. Needs `durable` and a journal;
  /// without, or after the last time, all further calls fail with ActorError. Negative: UsageError.
  int max_restarts = 3;
  /// So many calls wait in the actor's mailbox or run, at most; 0: no bound. Then a caller may be ahead of the mailbox
  /// by as many calls, at most 64, and its next call waits for room; while it waits, a worker runs other tasks. Bounds
  /// the memory of calls that come faster than they are done: set it where the rows of a dataset, or many tasks, call
  /// an actor and wait for none of it. An actor's calls to itself never wait: they could have room only after the
  /// method that makes them. Negative: UsageError.
  std::int64_t max_pending_calls = 0;
  bool durable = true;  ///< calls are kept in the journal, where there is one, and count exactly once after a resume
};

}  // namespace crema
