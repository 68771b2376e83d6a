#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "crema/ids.hpp"
#include "history/records.hpp"
#include "journal/record.hpp"

namespace crema::history {

/// The files that records name: values that are too large for them, in the journal's folder, and what work has written
/// elsewhere. Is shown all records in their order. Memory: the names of what work has written that has not ended.
class NamedFiles {
 public:
  /// `blobs`: where the files with values are.
  explicit NamedFiles(std::filesystem::path blobs) : blobs_{std::move(blobs)} {}

  /// What is wrong with the file that has the record's value; empty: nothing. Reads it.
  std::string damage_of(const journal::Record& record);
  /// Whether what a task has written is as it was, where the record is of its end; else the task is to run again. Reads
  /// it.
  bool has_outputs(const journal::Record& record);

  /// Those that were found as they were written.
  struct Found {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] const Found& values() const { return values_; }
  [[nodiscard]] const Found& outputs() const { return outputs_; }
  /// What is wrong with those for which tasks run again; empty: nothing. Names the first.
  [[nodiscard]] std::string damaged_outputs() const;

 private:
  struct File {
    std::uint64_t size = 0;
    Digest digest{};
  };
  std::string look_at_value(TaskKey key, const Large& large);

  const std::filesystem::path blobs_;
  std::unordered_map<TaskKey, std::map<std::string, File>> written_;  // by the newest attempt that has written it
  Found values_;
  Found outputs_;
  std::uint64_t damaged_ = 0;  // outputs
  std::string first_damage_;   // of an output
};

}  // namespace crema::history
