#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "crema/dataset_plan.hpp"

namespace crema {

/// Where the time of a dataset goes: a row for each operator, in the order in which rows pass them; those that run in
/// one task a block are told apart.
struct DatasetStats {
  struct Operator {
    std::string name;          ///< "read_csv<Order>", "map<make_drink>", …
    std::uint64_t blocks = 0;  ///< that passed it; of what cuts a file ("read_csv.cut") its tasks
    std::uint64_t rows = 0;    ///< behind it, of all blocks
    std::uint64_t bytes = 0;   ///< that its task passed on; of the last operator of a task alone, others pass rows
    std::chrono::nanoseconds time{};  ///< in it, of all blocks: CPUs that work side by side count each
    std::uint64_t peak_memory = 0;    ///< bytes: the most that a process held which ran its task
    std::uint64_t left_out = 0;       ///< records that its reader could not make rows of (BadRecordPolicy)
  };
  std::vector<Operator> operators;

  /// An aligned table with a line for each operator; records that were left out are in it where there were any.
  [[nodiscard]] std::string text() const;
  friend std::ostream& operator<<(std::ostream& out, const DatasetStats& stats);
};

namespace dataset {

/// The most that this process has held so far, in bytes.
std::uint64_t peak_memory();

/// Collects what runs on this thread while it lives. May be nested; the innermost collects.
class StatsCollector {
 public:
  StatsCollector();
  ~StatsCollector();
  StatsCollector(const StatsCollector&) = delete;
  StatsCollector& operator=(const StatsCollector&) = delete;

  /// A block has run that has passed these: without effect where nobody collects on this thread.
  static void add(const std::vector<std::string>& operators, const BlockFacts& facts);
  DatasetStats take();

 private:
  struct Stage {
    std::vector<std::string> names;
    std::vector<DatasetStats::Operator> operators;
  };
  StatsCollector* const outer_;
  std::vector<Stage> stages_;  // in the order in which they were first heard of
};

}  // namespace dataset
}  // namespace crema
