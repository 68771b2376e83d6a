#pragma once

// The rows of the run file's own tables: what the runtime fills in and README.md describes. Rows with a `serialize`
// take their columns from it; TaskRow, of which there may be 10^8, has a fixed layout (task_table.cpp).

#include <boost/serialization/nvp.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "crema/ids.hpp"

namespace crema::record {

/// The value in the file's column `state`; numbers never change their meaning.
enum class TaskState : std::uint8_t {
  finished = 1,
  failed = 2,
  cancelled = 3,
  lost = 4,
  interrupted = 5,
  crashed = 6,
  timed_out = 7
};

/// One attempt of a task. Times are seconds since the start of the run, NaN for what never happened.
struct TaskRow {
  TaskId id;
  TaskId parent;               ///< zero: the driver
  std::uint32_t function = 0;  ///< index into Summary::functions
  std::uint16_t run = 0;       ///< index into /runs
  std::uint16_t attempt = 0;   ///< counts from 0
  RankId rank{-1};             ///< where it ran; -1: nowhere
  TaskState state = TaskState::finished;
  double submitted = std::numeric_limits<double>::quiet_NaN();
  double started = std::numeric_limits<double>::quiet_NaN();
  double finished = std::numeric_limits<double>::quiet_NaN();
  std::uint64_t bytes_in = 0;   ///< arguments
  std::uint64_t bytes_out = 0;  ///< result
  std::uint64_t key = 0;        ///< the first half of the task's key
};

/// A task was given the value of another task, call or put.
struct DependencyRow {
  TaskId task;
  TaskId input;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& boost::serialization::make_nvp("task", task.number) & boost::serialization::make_nvp("input", input.number);
  }
};

/// A failure of a task, an actor call or the job as a whole; somebody may have asked for it and gone on.
struct ErrorRow {
  TaskId task;  ///< zero: the driver
  std::string type;
  std::string message;
  RankId rank;
  std::string host;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& boost::serialization::make_nvp("task", task.number) & BOOST_SERIALIZATION_NVP(type) &
        BOOST_SERIALIZATION_NVP(message) & boost::serialization::make_nvp("rank", rank.number) &
        BOOST_SERIALIZATION_NVP(host);
  }
};

struct RankRow {
  std::uint16_t run = 0;  ///< index into /runs
  RankId rank;
  std::string role;  ///< "head", "actors", "worker", or two of them with a '+' between
  std::string host;
  std::int64_t pid = 0;
  double busy_seconds = 0;  ///< user code running, summed over lanes
  double idle_seconds = 0;
  double cpus = 0;         ///< offered to tasks and actors
  double gpus = 0;         ///< the same; a device that several ranks see counts at each
  double cpu_seconds = 0;  ///< what tasks and actor calls were given of these from start to end
  double gpu_seconds = 0;
  std::uint64_t tasks = 0;  ///< attempts of tasks and actor calls that ended here
  std::uint64_t peak_rss_bytes = 0;
  std::uint32_t lane_restarts = 0;
  std::optional<double> lost_at;  ///< seconds since the start of the run; empty: the rank lived to its end

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(run) & boost::serialization::make_nvp("rank", rank.number) &
        BOOST_SERIALIZATION_NVP(role) & BOOST_SERIALIZATION_NVP(host) & BOOST_SERIALIZATION_NVP(pid) &
        BOOST_SERIALIZATION_NVP(busy_seconds) & BOOST_SERIALIZATION_NVP(idle_seconds) & BOOST_SERIALIZATION_NVP(cpus) &
        BOOST_SERIALIZATION_NVP(gpus) & BOOST_SERIALIZATION_NVP(cpu_seconds) & BOOST_SERIALIZATION_NVP(gpu_seconds) &
        BOOST_SERIALIZATION_NVP(tasks) & BOOST_SERIALIZATION_NVP(peak_rss_bytes) &
        BOOST_SERIALIZATION_NVP(lane_restarts) & BOOST_SERIALIZATION_NVP(lost_at);
  }
};

struct ActorRow {
  ActorId id;
  std::string class_name;  ///< demangled
  std::string name;        ///< as in ActorOptions; empty: none
  RankId rank;
  std::uint64_t calls = 0;
  double busy_seconds = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& boost::serialization::make_nvp("id", id.number) & boost::serialization::make_nvp("class", class_name) &
        BOOST_SERIALIZATION_NVP(name) & boost::serialization::make_nvp("rank", rank.number) &
        BOOST_SERIALIZATION_NVP(calls) & BOOST_SERIALIZATION_NVP(busy_seconds);
  }
};

/// One method, over all actors of its class.
struct ActorMethodRow {
  std::string method;  ///< demangled, with its class
  std::uint64_t count = 0;
  double total_seconds = 0;
  double mean_seconds = 0;
  double max_seconds = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(method) & BOOST_SERIALIZATION_NVP(count) & BOOST_SERIALIZATION_NVP(total_seconds) &
        BOOST_SERIALIZATION_NVP(mean_seconds) & BOOST_SERIALIZATION_NVP(max_seconds);
  }
};

/// An earlier start of a run that was resumed.
struct EarlierRun {
  std::chrono::system_clock::time_point started;
  std::optional<std::chrono::system_clock::time_point> ended{};  ///< empty: it was killed
  std::uint32_t ranks = 1;
  std::string slurm_job_id{};
  std::int32_t exit_code = -1;  ///< -1: it was killed
};

/// What is known when the run starts.
struct RunInfo {
  std::string job;
  std::string command_line;
  std::uint64_t seed = 0;
  std::chrono::system_clock::time_point started_at;
  std::string crema_version;
  std::string mpi_version;
  std::string slurm_job_id;  ///< empty: not under Slurm
  std::uint32_t ranks = 1;
  std::vector<EarlierRun> earlier{};
  bool replaces = false;  ///< an unfinished run file of the same name gives way when this one is whole
};

enum class RunStatus : std::uint8_t { complete, interrupted, failed };

/// What is known when the run ends.
struct Summary {
  RunStatus status = RunStatus::complete;
  int exit_code = 0;
  std::chrono::system_clock::time_point finished_at;
  double wall_seconds = 0;
  std::vector<std::string> functions;  ///< demangled; TaskRow::function counts in it
  std::vector<RankRow> ranks;
  std::vector<ActorRow> actors;
  std::vector<ActorMethodRow> actor_methods;
};

}  // namespace crema::record
