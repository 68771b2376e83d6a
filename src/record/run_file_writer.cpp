#include "record/run_file_writer.hpp"

#include <fmt/chrono.h>

#include <chrono>
#include <ctime>
#include <system_error>
#include <utility>

#include "crema/errors.hpp"
#include "crema/table_rows.hpp"
#include "record/result_types.hpp"

namespace crema::record {
namespace {

constexpr std::int64_t schema_version = 1;

struct FunctionRow {
  std::string name;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(name);
  }
};

struct RunRow {
  std::string started;
  std::string ended;
  std::uint32_t ranks = 0;
  std::string slurm_job_id;
  std::int32_t exit_code = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(started) & BOOST_SERIALIZATION_NVP(ended) & BOOST_SERIALIZATION_NVP(ranks) &
        BOOST_SERIALIZATION_NVP(slurm_job_id) & BOOST_SERIALIZATION_NVP(exit_code);
  }
};

/// ISO 8601, UTC, to the millisecond: 2026-11-22T20:58:56.123Z
std::string iso_8601(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(time - seconds).count();
  const std::time_t clock = std::chrono::system_clock::to_time_t(seconds);
  std::tm utc{};
  ::gmtime_r(&clock, &utc);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", utc, rest);
}

const char* name_of(RunStatus status) {
  switch (status) {
    case RunStatus::complete:
      return "complete";
    case RunStatus::interrupted:
      return "interrupted";
    case RunStatus::failed:
      break;
  }
  return "failed";
}

std::string hdf5_version() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  check(H5get_libversion(&major, &minor, &release), "asking for", "the HDF5 version");
  return fmt::format("{}.{}.{}", major, minor, release);
}

template <class Row>
void write_table(hid_t file, const std::string& name, const std::vector<Row>& rows) {
  ColumnBatch batch{columns_of<Row>()};
  for (const Row& row : rows) append_row(batch, row);
  CompoundTable table{file, name, columns_of<Row>()};
  table.append(batch);
  table.close();
}

}  // namespace

RunFileWriter::OpenFile::OpenFile(const std::string& path, WriteFailure& failure)
    : hdf5{path, failure},
      tasks{file()},
      dependencies{file(), "dependencies", columns_of<DependencyRow>()},
      errors{file(), "errors", columns_of<ErrorRow>()},
      results{(commit_bool_type(file()), file())} {}

RunFileWriter::RunFileWriter(std::filesystem::path target, RunInfo info)
    : info_{std::move(info)},
      temporary_{std::move(target),
                 info_.replaces ? TemporaryFile::Existing::replaced : TemporaryFile::Existing::refused} {}

void RunFileWriter::open() {
  open_.emplace(temporary_.path().string(), failure_);
  write_start();
}

void RunFileWriter::write_start() {
  const hid_t file = open_->file();
  write_attribute(file, "schema_version", schema_version);
  write_attribute(file, "crema_version", info_.crema_version);
  write_attribute(file, "job", info_.job);
  const Handle job = create_group(file, "job");
  write_attribute(job.get(), "command_line", info_.command_line);
  write_attribute(job.get(), "seed", static_cast<std::int64_t>(info_.seed));
  write_attribute(job.get(), "started_at", iso_8601(info_.started_at));
  write_attribute(job.get(), "mpi_version", info_.mpi_version);
  write_attribute(job.get(), "hdf5_version", hdf5_version());
}

void RunFileWriter::add_dependencies(std::span<const DependencyRow> rows) {
  ColumnBatch batch{columns_of<DependencyRow>()};
  for (const DependencyRow& row : rows) append_row(batch, row);
  open_->dependencies.append(batch);
}

void RunFileWriter::add_error(const ErrorRow& row) {
  ColumnBatch batch{columns_of<ErrorRow>()};
  append_row(batch, row);
  open_->errors.append(batch);
}

void RunFileWriter::write_end(const Summary& summary) {
  const hid_t file = open_->file();
  write_attribute(file, "status", std::string{name_of(summary.status)});
  write_attribute(file, "exit_code", std::int64_t{summary.exit_code});
  {
    const Handle job{H5Gopen2(file, "job", H5P_DEFAULT), H5Gclose, "opening", "/job"};
    write_attribute(job.get(), "finished_at", iso_8601(summary.finished_at));
    write_attribute(job.get(), "wall_seconds", summary.wall_seconds);
  }
  std::vector<FunctionRow> functions;
  for (const std::string& name : summary.functions) functions.push_back({name});
  std::vector<RunRow> runs;
  for (const EarlierRun& run : info_.earlier)
    runs.push_back(
        {iso_8601(run.started), run.ended ? iso_8601(*run.ended) : "", run.ranks, run.slurm_job_id, run.exit_code});
  runs.push_back(
      {iso_8601(info_.started_at), iso_8601(summary.finished_at), info_.ranks, info_.slurm_job_id, summary.exit_code});
  write_table(file, "runs", runs);
  write_table(file, "ranks", summary.ranks);
  write_table(file, "functions", functions);
  write_table(file, "actors", summary.actors);
  write_table(file, "actor_methods", summary.actor_methods);
}

void RunFileWriter::finish(const Summary& summary) {
  write_end(summary);
  open_->tasks.close();
  open_->dependencies.close();
  open_->errors.close();
  open_->results.close();
  open_->hdf5.file.close("closing", temporary_.path().string());
  open_.reset();
  check_disk();
  temporary_.publish();
}

void RunFileWriter::check_disk() const {
  if (failure_.error == 0) return;
  throw Error{fmt::format("writing \"{}\": {}; make room, or choose an --output elsewhere", temporary_.path().string(),
                          std::generic_category().message(failure_.error))};
}

}  // namespace crema::record
