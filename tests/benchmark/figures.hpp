#pragma once

#include <array>
#include <boost/serialization/nvp.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace benchmark {

/// One thing that is measured, on crema and on plain MPI alike.
struct Figure {
  std::string_view name;   ///< in the samples and in the run file
  std::string_view label;  ///< in the printed table
  std::string_view units;
};

inline constexpr Figure null_tasks_kept{"null_tasks_kept", "null tasks, futures kept", "1/s"};
inline constexpr Figure null_tasks_dropped{"null_tasks_dropped", "null tasks, futures dropped", "1/s"};
inline constexpr Figure actor_calls{"actor_calls", "actor calls, futures dropped", "1/s"};
inline constexpr Figure round_trip{"round_trip", "submit + get round trip", "us"};
inline constexpr Figure idle_head{"idle_head", "CPU of the idle head", "% of a core"};
inline constexpr Figure idle_actor_host{"idle_actor_host", "CPU of the idle actor host", "% of a core"};
inline constexpr Figure idle_worker{"idle_worker", "CPU of the idle worker", "% of a core"};

/// In the order of the table.
inline constexpr std::array figures{null_tasks_kept, null_tasks_dropped, actor_calls, round_trip,
                                    idle_head,       idle_actor_host,    idle_worker};

/// How much is measured in one go.
struct Amounts {
  std::int64_t tasks = 1'000'000;
  std::int64_t round_trips = 5'000;
  double idle_seconds = 3;
};

/// A line of the samples file.
struct Sample {
  std::string figure;
  std::string side;  ///< "crema" or "raw"
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
