#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "history/past.hpp"
#include "journal/journal_file.hpp"
#include "record/rows.hpp"
#include "runtime/run_start.hpp"

namespace crema::runtime {

/// The journal of this start, on the head: what earlier starts have left in it, and what this one appends.
class RunJournal {
 public:
  /// Reads what is there if the start resumes, then begins a segment of its own. Throws Error.
  RunJournal(const RunStart& start, const RunFacts& facts);

  /// What earlier starts have done. Call once.
  [[nodiscard]] history::Past take_past() { return std::move(past_); }
  /// For /runs, the first start first.
  [[nodiscard]] const std::vector<record::EarlierRun>& earlier() const { return earlier_; }
  /// Empty, or why and where the history was cut.
  [[nodiscard]] const std::string& damage() const { return damage_; }

  /// The event loop's thread only, until finish.
  [[nodiscard]] journal::JournalSink& sink() { return *file_; }

  /// All that was appended, and how this start ended, is on disk. Blocks. Throws Error, also where
  /// another start has taken the journal over.
  void finish(int exit_code);
  /// The run file is whole, and the job is done: nothing will be resumed. Throws Error.
  void remove();

 private:
  const std::filesystem::path folder_;
  history::Past past_;
  std::vector<record::EarlierRun> earlier_;
  std::string damage_;
  std::unique_ptr<journal::JournalFile> file_;
};

}  // namespace crema::runtime
