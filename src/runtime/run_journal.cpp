#include "runtime/run_journal.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "crema/errors.hpp"
#include "journal/blob.hpp"
#include "journal/segments.hpp"
#include "wire/messages.hpp"

namespace crema::runtime {
namespace {

using Clock = std::chrono::system_clock;

std::int64_t nanoseconds(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Clock::time_point time_of(std::int64_t nanoseconds) {
  return Clock::time_point{std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds{nanoseconds})};
}

/// The start that wrote a segment; `ended`: the payload of its run_ended, where it got so far.
record::EarlierRun earlier_run(const journal::Segment& segment, const Bytes& ended) {
  const RunFacts facts = read_run_facts(segment.header->facts);
  record::EarlierRun run{.started = time_of(facts.started), .ranks = facts.ranks, .slurm_job_id = facts.slurm_job_id};
  if (ended.empty()) return run;
  ByteReader in{ended};
  run.ended = time_of(in.get<std::int64_t>());
  run.exit_code = in.get<std::int32_t>();
  return run;
}

/// Of the files that the job has opened itself: empty, or which are not as they were.
std::string changed_inputs(const journal::ChainReader& reader, const RunFacts& facts) {
  std::vector<InputFile> files;
  for (const Bytes& payload : reader.inputs()) files.push_back(wire::read_input(payload));
  // Those that an option names are compared already.
  std::erase_if(files, [&](const InputFile& file) {
    return std::any_of(facts.inputs.begin(), facts.inputs.end(),
                       [&](const InputFile& named) { return named.path == file.path; });
  });
  return describe_changed_inputs(files);
}

}  // namespace

RunJournal::RunJournal(const RunStart& start, const RunFacts& facts) : folder_{start.journal} {
  journal::Continues continues;
  bool forgets = false;
  if (start.resumes) {
    journal::ChainReader reader{folder_};
    past_ = history::Past{reader, {}, journal::blobs_of(std::filesystem::absolute(folder_)).string()};
    damage_ = reader.damage();
    std::string changed = start.changed;
    if (const std::string inputs = changed_inputs(reader, facts); !inputs.empty())
      changed += (changed.empty() ? "" : "; ") + inputs;
    if (!changed.empty() && !start.accepts_changes) throw UsageError{describe_refusal(folder_, changed)};
    forgets = !changed.empty();
    if (forgets) past_.forget_actors();
    past_.require_functions();
    continues = reader.end();
    for (const journal::Segment& segment : reader.chain()) {
      const auto ended = reader.ends().find(segment.number);
      earlier_.push_back(earlier_run(segment, ended == reader.ends().end() ? Bytes{} : ended->second));
    }
  }
  file_ = std::make_unique<journal::JournalFile>(folder_, continues, Bytes{write(facts)});
  // Later starts read what lies before, too.
  if (forgets) file_->append(journal::RecordType::forgotten, {});
}

void RunJournal::finish(int exit_code) {
  ByteBuffer payload;
  payload.put(nanoseconds(Clock::now()));
  payload.put<std::int32_t>(exit_code);
  file_->append(journal::RecordType::run_ended, payload.span());
  file_->commit();
  file_->check_owner();
}

void RunJournal::remove() {
  file_->check_owner();
  file_.reset();
  journal::remove_journal(folder_);
}

}  // namespace crema::runtime
