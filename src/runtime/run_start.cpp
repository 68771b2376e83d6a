#include "runtime/run_start.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "crema/errors.hpp"
#include "journal/journal_file.hpp"
#include "journal/owner.hpp"
#include "journal/segments.hpp"
#include "record/run_file.hpp"

namespace crema::runtime {
namespace {

constexpr std::string_view suffix = ".journal";

/// Of the newest start; nothing: none got as far as to say.
std::optional<RunFacts> newest_facts(const std::filesystem::path& journal) {
  const auto segments = journal::list_segments(journal);
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment)
    if (segment->header) return read_run_facts(segment->header->facts);
  return std::nullopt;
}

std::vector<std::string> processes(const std::filesystem::path& journal) {
  std::vector<std::string> names;
  for (const journal::Segment& segment : journal::list_segments(journal))
    if (segment.header) names.push_back(read_run_facts(segment.header->facts).process);
  return names;
}

/// The unfinished runs of the job whose journals lie in the current folder.
std::vector<std::string> unfinished_runs(const std::string& job) {
  std::vector<std::string> outputs;
  for (const auto& entry : std::filesystem::directory_iterator{"."}) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory() || !name.ends_with(suffix)) continue;
    const auto facts = newest_facts(entry.path());
    if (facts && facts->job == job) outputs.push_back(name.substr(0, name.size() - suffix.size()));
  }
  std::sort(outputs.begin(), outputs.end());
  return outputs;
}

RunStart refuse(RunStart start, std::string message, int exit_code = 2) {
  start.refusal = RunStart::Refusal{std::move(message), exit_code};
  return start;
}

RunStart resume(const RunOptions& options, const RunFacts& facts, RunStart start) {
  const std::string journal = start.journal.string();
  if (std::string owner = journal::wait_until_free(start.journal); !owner.empty())
    return refuse(std::move(start),
                  fmt::format("resuming from \"{}\": {} still writes it; wait for its end", journal, owner));
  const std::optional<RunFacts> before = newest_facts(start.journal);
  if (!before) return start;  // a start that got nowhere
  start.resumes = true;
  if (before->job != facts.job)
    return refuse(std::move(start),
                  fmt::format("resuming from \"{}\": it is of the job {}, not of {}", journal, before->job, facts.job));
  if (before->crema_version != facts.crema_version)
    return refuse(std::move(start),
                  fmt::format("resuming from \"{}\": crema {} wrote it, and this is crema {}; go on with that one, or "
                              "start anew with --restart",
                              journal, before->crema_version, facts.crema_version));
  start.ended_processes = processes(start.journal);
  start.accepts_changes = options.resume == Resume::force;
  start.changed = describe_difference(*before, facts);
  if (!start.changed.empty() && !start.accepts_changes) {
    std::string refusal = describe_refusal(start.journal, start.changed);
    return refuse(std::move(start), std::move(refusal));
  }
  return start;
}

}  // namespace

std::string describe_refusal(const std::filesystem::path& journal, const std::string& difference) {
  return fmt::format(
      "resuming from \"{}\": {}, so results may differ from those that are kept; go back to what it was, start anew "
      "with --restart, or accept that with --resume=force",
      journal.string(), difference);
}

std::filesystem::path journal_of(const std::filesystem::path& output) {
  return std::filesystem::path{output} += std::string{suffix};
}

RunStart decide_start(const RunOptions& options, const RunFacts& facts) try {
  RunStart start;
  start.output = options.output;
  if (options.resume != Resume::no && !options.journal)
    return refuse(std::move(start),
                  "--resume goes on from a journal, and --journal off has none; leave one of them out");
  if (start.output.empty() && options.resume != Resume::no) {
    const auto runs = unfinished_runs(facts.job);
    if (runs.size() > 1)
      return refuse(std::move(start),
                    fmt::format("resuming: this folder has {} unfinished runs of {}; name one with --output: {}",
                                runs.size(), facts.job, fmt::join(runs, ", ")));
    if (runs.size() == 1) start.output = runs.front();
  }
  if (start.output.empty()) start.output = output_path(options, facts.job);
  start.journal = journal_of(start.output);

  const bool has_file = std::filesystem::exists(start.output);
  const bool has_journal = std::filesystem::exists(start.journal);
  const std::string output = start.output.string();
  if (options.restart) {
    if (has_journal) {
      if (std::string owner = journal::wait_until_free(start.journal); !owner.empty())
        return refuse(
            std::move(start),
            fmt::format("starting \"{}\" anew: {} still writes its journal; wait for its end", output, owner));
      start.ended_processes = processes(start.journal);
      journal::remove_journal(start.journal);
    }
    start.replaces = has_file;
  } else if (options.resume != Resume::no) {
    if (has_journal) {
      start = resume(options, facts, std::move(start));
      start.replaces = has_file;
    } else if (has_file && record::is_complete(start.output)) {
      return refuse(std::move(start), fmt::format("\"{}\" is complete: there is nothing to resume", output), 0);
    } else if (has_file) {
      return refuse(std::move(start),
                    fmt::format("resuming \"{}\": it is not complete, but has no journal to go on from; "
                                "begin anew with --restart",
                                output));
    }
  } else if (has_journal) {
    return refuse(std::move(start),
                  fmt::format("an unfinished run has its journal at \"{}\": go on from it with --resume, or begin anew "
                              "with --restart",
                              journal_of(start.output).string()));
  }
  if (!options.journal) start.journal.clear();
  return start;
} catch (const std::exception& error) {
  return refuse(RunStart{}, error.what());
}

}  // namespace crema::runtime
