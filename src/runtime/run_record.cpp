#include "runtime/run_record.hpp"

#include <algorithm>
#include <map>

#include "crema/registry.hpp"

namespace crema::runtime {
namespace {

/// Rows go to the file's thread in groups of this many.
constexpr std::size_t rows_a_group = 4096;

std::vector<record::ActorRow> actor_rows(const head::ActorDirectory& actors) {
  std::vector<record::ActorRow> rows;
  for (const auto& [id, actor] : actors.all())
    rows.push_back({id, actor.class_name, actor.name, actor.rank, actor.calls, actor.busy_seconds});
  return rows;
}

std::vector<record::ActorMethodRow> method_rows(const head::ActorDirectory& actors) {
  std::map<std::string, record::ActorMethodRow> rows;
  for (const auto& [id, actor] : actors.all()) {
    for (const auto& [function, method] : actor.methods) {
      record::ActorMethodRow& row = rows[FunctionRegistry::at(function).name];
      row.count += method.count;
      row.total_seconds += method.total_seconds;
      row.max_seconds = std::max(row.max_seconds, method.max_seconds);
    }
  }
  std::vector<record::ActorMethodRow> list;
  for (auto& [name, row] : rows) {
    row.method = name;
    row.mean_seconds = row.total_seconds / static_cast<double>(row.count);
    list.push_back(std::move(row));
  }
  return list;
}

}  // namespace

RunRecord::RunRecord(const std::filesystem::path& target, const record::RunInfo& info, std::vector<RankInfo> ranks,
                     RunJournal* journal)
    : run_{static_cast<std::uint16_t>(info.earlier.size())},
      ranks_{std::move(ranks)},
      journal_{journal},
      began_{std::chrono::steady_clock::now()},
      file_{target, info},
      results_{file_} {}

std::uint32_t RunRecord::name(const std::string& text) {
  const auto [place, added] = numbers_.try_emplace(text, static_cast<std::uint32_t>(names_.size()));
  if (added) names_.push_back(text);
  return place->second;
}

void RunRecord::attempt(const record::TaskRow& row) {
  rows_.push_back(row);
  rows_.back().run = run_;
  if (rows_.size() >= rows_a_group) flush();
}

void RunRecord::dependency(TaskId task, TaskId input) {
  dependencies_.push_back({task, input});
  if (dependencies_.size() >= rows_a_group) flush();
}

void RunRecord::failure(const Failure& failure) {
  file_.add_error({failure.task, failure.type, failure.message, failure.rank, failure.host});
}

std::string RunRecord::why_broken() const {
  return file_.failed() ? "the run file cannot be written any more, so the job ends" : "";
}

void RunRecord::flush() {
  if (!dependencies_.empty()) file_.add_dependencies(std::exchange(dependencies_, {}));
  if (rows_.empty()) return;
  file_.add_tasks(std::exchange(rows_, {}));
  rows_.reserve(rows_a_group);
}

int RunRecord::finish(const RunEnd& end) try {
  if (!end.error.empty()) {
    errors_.push_back(end.error);
    if (!end.asked_to_stop) file_.add_error({TaskId{}, end.error_type, end.error, head_rank, ranks_.front().host});
  }
  if (end.driver_came_back) results_.close();
  // Before the run file: whatever becomes of that, what has ended can be resumed.
  if (journal_ != nullptr) journal_->finish(end.exit_code);
  path_ = file_.finish(summarise(end)).string();
  if (journal_ != nullptr && end.exit_code == 0) journal_->remove();
  return end.exit_code;
} catch (const std::exception& error) {
  if (end.error != error.what()) errors_.emplace_back(error.what());
  return end.exit_code == 0 ? 1 : end.exit_code;
}

record::Summary RunRecord::summarise(const RunEnd& end) const {
  record::Summary summary;
  summary.status = end.exit_code == 0                  ? record::RunStatus::complete
                   : end.exit_code == exit_interrupted ? record::RunStatus::interrupted
                                                       : record::RunStatus::failed;
  summary.exit_code = end.exit_code;
  summary.finished_at = std::chrono::system_clock::now();
  summary.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  summary.functions = names_;
  const int count = static_cast<int>(ranks_.size());
  for (int i = 0; i < count; ++i) {
    const RankId rank{i};
    const RankInfo& info = ranks_[static_cast<std::size_t>(i)];
    record::RankRow row;
    row.run = run_;
    row.rank = rank;
    row.role = info.roles.text();
    row.host = info.host;
    row.pid = info.pid;
    if (const auto report = end.reports.find(rank); report != end.reports.end()) {
      row.busy_seconds = report->second.busy_seconds;
      row.idle_seconds = report->second.idle_seconds;
      row.tasks = report->second.tasks;
      row.peak_rss_bytes = report->second.peak_rss_bytes;
      row.lane_restarts = report->second.lanes_lost;
    }
    if (const auto use = end.uses.find(rank); use != end.uses.end()) {
      row.cpus = use->second.cpus;
      row.gpus = use->second.gpus;
      row.cpu_seconds = use->second.cpu_seconds;
      row.gpu_seconds = use->second.gpu_seconds;
    }
    if (const auto lost = end.lost_at.find(rank); lost != end.lost_at.end()) row.lost_at = lost->second;
    summary.ranks.push_back(std::move(row));
  }
  summary.actors = actor_rows(*end.actors);
  summary.actor_methods = method_rows(*end.actors);
  return summary;
}

}  // namespace crema::runtime
