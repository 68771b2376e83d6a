#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "crema/results.hpp"
#include "record/run_file.hpp"
#include "runtime/head_control.hpp"
#include "runtime/run_journal.hpp"

namespace crema::runtime {

/// Keeps a run in its HDF5 file. Used on the head's event loop's thread, but for finish and results.
class RunRecord final : public RunSink {
 public:
  /// Rows that may wait for the disk before the head hands out no more work.
  static constexpr std::size_t max_backlog_bytes = 128 << 20;

  /// `journal`, if there is one, ends with the run: it goes once the run file is whole and nothing is left to resume.
  RunRecord(const std::filesystem::path& target, const record::RunInfo& info, std::vector<RankInfo> ranks,
            RunJournal* journal = nullptr);

  /// For the driver's thread.
  [[nodiscard]] Results& results() { return results_; }
  /// After finish: where the run file is; empty if it could not be kept.
  [[nodiscard]] const std::string& path() const { return path_; }
  /// After finish: what to tell the user, one line each.
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }

  std::uint32_t name(const std::string& text) override;
  const std::string& text(std::uint32_t name) const override { return names_.at(name); }
  void attempt(const record::TaskRow& row) override;
  void dependency(TaskId task, TaskId input) override;
  void failure(const Failure& failure) override;
  bool keeps_up() const override { return file_.backlog_bytes() < max_backlog_bytes; }
  std::string why_broken() const override;
  void flush() override;
  int finish(const RunEnd& end) override;

 private:
  [[nodiscard]] record::Summary summarise(const RunEnd& end) const;

  const std::uint16_t run_;  // index into /runs
  const std::vector<RankInfo> ranks_;
  RunJournal* const journal_;
  const std::chrono::steady_clock::time_point began_;
  record::RunFile file_;
  Results results_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<std::string> names_;
  std::vector<record::TaskRow> rows_;
  std::vector<record::DependencyRow> dependencies_;
  std::string path_;
  std::vector<std::string> errors_;
};

}  // namespace crema::runtime
