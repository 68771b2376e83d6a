#pragma once

#include <array>
#include <boost/serialization/nvp.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace benchmark {

/// Who is measured: crema with lanes that are threads and without a journal, crema as it comes, and what it is compared
/// with. Names in the samples and in the run file.
inline constexpr std::string_view fastest = "fastest";
inline constexpr std::string_view defaults = "defaults";
inline constexpr std::string_view baseline = "baseline";

/// One thing that is measured.
struct Figure {
  std::string_view name;   ///< in the samples and in the run file
  std::string_view label;  ///< in the printed table
  std::string_view units;
};

inline constexpr Figure null_tasks_kept{"null_tasks_kept", "null tasks, futures kept", "1/s"};
inline constexpr Figure null_tasks_dropped{"null_tasks_dropped", "null tasks, futures dropped", "1/s"};
inline constexpr Figure actor_calls{"actor_calls", "actor calls, futures dropped", "1/s"};
inline constexpr Figure round_trip{"round_trip", "submit + get round trip", "us"};
inline constexpr Figure wake_up{"wake_up", "the same after a pause", "us"};
inline constexpr Figure idle_head{"idle_head", "CPU of the idle head", "% of a core"};
inline constexpr Figure idle_actor_host{"idle_actor_host", "CPU of the idle actor host", "% of a core"};
inline constexpr Figure idle_worker{"idle_worker", "CPU of the idle worker", "% of a core"};

inline constexpr Figure large_result{"large_result", "a large result, rank to rank", "GB/s"};
inline constexpr Figure waits{"waits", "wait for one of 1,000 futures", "1/s"};
inline constexpr Figure queued_bytes{"queued_bytes", "memory of a queued task", "B"};
inline constexpr Figure queued_time{"queued_time", "queueing a task", "us"};
inline constexpr Figure metg{"metg", "METG(50 %)", "us"};
inline constexpr Figure makespan{"makespan", "makespan, Pareto-tailed tasks", "s"};
inline constexpr Figure start{"start", "start to the first line", "ms"};
inline constexpr Figure journaled{"journaled", "100 us tasks with a journal", "1/s"};
inline constexpr Figure isolated_tasks{"isolated_tasks", "null tasks in process lanes", "1/s"};
inline constexpr Figure isolated_round_trip{"isolated_round_trip", "round trip to a process lane", "us"};
inline constexpr Figure lane_replaced{"lane_replaced", "a killed lane's task again", "ms"};
inline constexpr Figure rank_replaced{"rank_replaced", "a killed rank's task again", "ms"};
inline constexpr Figure resumed{"resumed", "resume of finished tasks", "s"};

/// In the order of the table.
inline constexpr std::array figures{
    null_tasks_kept, null_tasks_dropped, actor_calls, round_trip, wake_up,        large_result,
    waits,           queued_bytes,       queued_time, metg,       makespan,       start,
    idle_head,       idle_actor_host,    idle_worker, journaled,  isolated_tasks, isolated_round_trip,
    lane_replaced,   rank_replaced,      resumed};

/// A point of the curve of efficiency by task length.
struct Grain {
  Figure figure;
  double microseconds = 0;
};
inline constexpr std::array grains{
    Grain{{"efficiency_0.5us", "", "1"}, 0.5},   Grain{{"efficiency_1us", "", "1"}, 1},
    Grain{{"efficiency_2us", "", "1"}, 2},       Grain{{"efficiency_5us", "", "1"}, 5},
    Grain{{"efficiency_10us", "", "1"}, 10},     Grain{{"efficiency_20us", "", "1"}, 20},
    Grain{{"efficiency_50us", "", "1"}, 50},     Grain{{"efficiency_100us", "", "1"}, 100},
    Grain{{"efficiency_1000us", "", "1"}, 1000}, Grain{{"efficiency_10000us", "", "1"}, 10000}};

/// Before a round trip of wake_up: long enough for loops to sleep as long as they do.
inline constexpr std::chrono::milliseconds idle_pause{50};
inline constexpr std::int64_t wake_ups = 40;

/// How much is measured in one go.
struct Amounts {
  std::int64_t tasks = 1'000'000;
  std::int64_t round_trips = 5'000;
  std::int64_t queued = 1'000'000;
  std::uint64_t large_bytes = std::uint64_t{1} << 30U;
  double grain_seconds = 0.2;  ///< for each point of the curve
  double launched = 0;         ///< when the program was started, in seconds since 1970
  double idle_seconds = 3;
};

/// A line of the samples file.
struct Sample {
  std::string figure;
  std::string side;
  double value = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(figure) & BOOST_SERIALIZATION_NVP(side) & BOOST_SERIALIZATION_NVP(value);
  }
};

/// Appends to a CSV file of samples, which is made where there is none. Throws std::runtime_error when it cannot.
class SamplesFile {
 public:
  SamplesFile(std::filesystem::path path, std::string_view side);
  void add(const Figure& figure, double value) const;

 private:
  std::filesystem::path path_;
  std::string_view side_;
};

}  // namespace benchmark
