#include "crema/job.hpp"

#include <fmt/format.h>
#include <mpi.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <algorithm>
#include <boost/mpi/collectives.hpp>
#include <boost/mpi/environment.hpp>
#include <iostream>
#include <optional>

#include "common/storage_pool.hpp"
#include "common/version.hpp"
#include "crema/errors.hpp"
#include "crema/registry.hpp"
#include "crema/results.hpp"
#include "process/zygote.hpp"
#include "record/publish.hpp"
#include "runtime/launch.hpp"
#include "runtime/meeting_limit.hpp"
#include "runtime/memory.hpp"
#include "runtime/rank.hpp"
#include "runtime/run_journal.hpp"
#include "runtime/run_options.hpp"
#include "runtime/run_record.hpp"
#include "runtime/stop_signals.hpp"
#include "transport/mpi.hpp"

namespace crema {
namespace runtime {
namespace {

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string all(text, static_cast<std::size_t>(length));
  return all.substr(0, all.find_first_of(",\n"));
}

std::string command_line(int argc, char** argv) {
  std::string text;
  for (int i = 0; i < argc; ++i) text += (i == 0 ? "" : " ") + std::string{argv[i]};
  return text;
}

std::shared_ptr<spdlog::logger> make_logger(const RunOptions& options, int rank, const RankInfo& info) {
  auto log = std::make_shared<spdlog::logger>("crema", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log->set_pattern(fmt::format("%Y-%m-%d %H:%M:%S.%e rank {} {} {} [%l] %v", rank, info.host, info.roles.text()));
  log->set_level(spdlog::level::from_str(options.log_level));
  log->flush_on(spdlog::level::trace);
  return log;
}

void flush_output() {
  std::cout.flush();
  std::fflush(stdout);
}

/// A line of the job's end. Where nobody can be told, the exit code still tells.
void tell(std::FILE* out, const std::string& line) {
  std::fputs((line + "\n").c_str(), out);
  std::fflush(out);
}

}  // namespace
}  // namespace runtime

class Job::State {
 public:
  State(int argc, char** argv, std::string description)
      : argc_{argc}, argv_{argv}, name_{runtime::job_name(argv[0])}, cli_{std::move(description), name_} {
    // crema's own help joins in run, where a clash of names can be told in a sentence.
    cli_.set_help_flag();
  }

  CLI::App& cli() { return cli_; }

  Results& results() {
    if (record_ == nullptr) {
      throw UsageError{
          "storing a result outside the driver: call results() inside the function given to Job::run; tasks "
          "and actors return what is to be stored"};
    }
    return record_->results();
  }

  int run(const std::function<void()>& driver) {
    const auto started = std::chrono::steady_clock::now();
    const int launched_rank = runtime::launched_rank();  // MPI changes what the launcher told
    std::optional<std::string> usage_problem = parse(launched_rank);
    // A task has one CPU unless it asks for more, and libraries should know. What the user has set stays.
    ::setenv("OMP_NUM_THREADS", "1", 0);
    if (!usage_problem) return leave(0, launched_rank);
    if (usage_problem->empty()) *usage_problem = start_zygote();
    const runtime::StopSignals signals;
    if (launched_rank == 0 && usage_problem->empty()) end_ = end_of_process(started);
    // Also after wrong usage: a rank that ended alone would have the launcher kill rank 0 before it has said why.
    // Never aborts the other ranks when it goes: the ranks agree on an exit code, and leave together.
    std::optional<runtime::MeetingLimit> limit;
    if (runtime::launched()) limit.emplace();
    const boost::mpi::environment environment{boost::mpi::threading::funneled, false};
    const boost::mpi::communicator world;
    std::vector<runtime::RankInfo> ranks;
    boost::mpi::all_gather(world,
                           runtime::RankInfo{boost::mpi::environment::processor_name(), getpid(), version,
                                             FunctionRegistry::digest(), *usage_problem, runtime::usable_cores(),
                                             runtime::visible_gpus(), options_.resources, runtime::process_space()},
                           ranks);
    transport::MpiTransport transport{world};
    limit.reset();
    // Processes that do not see each other are all rank 0 to MPI.
    std::string problem = runtime::describe_broken_launch(world.size());
    if (!problem.empty()) return refuse(problem, launched_rank);
    problem = runtime::describe_difference(ranks);
    if (problem.empty()) problem = runtime::describe_wrong_usage(ranks);
    if (problem.empty()) problem = assign_roles(ranks);
    if (!problem.empty()) return refuse(problem, world.rank());

    // The others run already: a long journal takes the head its time.
    if (world.rank() == 0) {
      if (const auto refusal = begin_record(ranks)) {
        runtime::send_away(transport, refusal->exit_code);
        return refuse(refusal->message, 0, refusal->exit_code);
      }
    }
    return run_rank(transport, ranks, driver);
  }

 private:
  /// Empty, or why the command line cannot be used. Nothing: --help or --version, answered by rank 0.
  std::optional<std::string> parse(int launched_rank) {
    try {
      runtime::add_run_options(cli_, options_);
      runtime::parse(cli_, argc_, argv_);
      return "";
    } catch (const CLI::Success& help_or_version) {
      if (launched_rank == 0) cli_.exit(help_or_version);
      return std::nullopt;
    } catch (const CLI::ParseError& error) {
      return fmt::format("{} (see {} --help)", error.what(), name_);
    } catch (const UsageError& error) {
      return error.what();
    }
  }

  /// Before MPI_Init and any thread. Empty, or why this rank cannot have lanes that are processes.
  std::string start_zygote() try {
    if (options_.isolation == "process" && runtime::launched()) zygote_.emplace();
    return "";
  } catch (const Error& error) {
    return error.what();
  }

  /// The earlier of what --time-limit and Slurm say; nothing where neither does.
  [[nodiscard]] std::optional<runtime::StopTimes> end_of_process(std::chrono::steady_clock::time_point started) const {
    std::optional<runtime::StopTimes> end;
    if (options_.time_limit) end = runtime::stop_times(started, *options_.time_limit);
    if (const auto left = runtime::slurm_time_left()) {
      const runtime::StopTimes slurm = runtime::stop_times(std::chrono::steady_clock::now(), *left);
      if (!end || slurm.begin < end->begin) end = slurm;
    }
    return end;
  }

  /// Empty, or why the ranks cannot have the roles asked for.
  std::string assign_roles(std::vector<runtime::RankInfo>& ranks) const try {
    runtime::assign_roles(ranks, options_.actor_ranks);
    return "";
  } catch (const UsageError& error) {
    return error.what();
  }

  int refuse(const std::string& problem, int rank, int exit_code = 2) {
    zygote_.reset();
    if (rank == 0) runtime::tell(exit_code == 0 ? stdout : stderr, name_ + ": " + problem);
    return leave(exit_code, rank);
  }

  /// The head's: the run file begins, and the journal where there is to be one. Nothing, or why the job does not run.
  std::optional<runtime::RunStart::Refusal> begin_record(const std::vector<runtime::RankInfo>& ranks) try {
    const auto began = std::chrono::system_clock::now();
    record::RunInfo info = run_info(began, ranks.size());
    runtime::RunFacts facts{.job = name_,
                            .command_line = info.command_line,
                            .crema_version = info.crema_version,
                            .build = {},
                            .seed = info.seed,
                            .started = std::chrono::nanoseconds{began.time_since_epoch()}.count(),
                            .ranks = info.ranks,
                            .slurm_job_id = info.slurm_job_id,
                            .process = record::process_name()};
    if (options_.journal) runtime::add_facts_of_program(facts, cli_);
    const runtime::RunStart start = runtime::decide_start(options_, facts);
    if (start.refusal) return start.refusal;
    if (!start.journal.empty()) {
      // Where no run file can be made there is to be no journal either.
      record::TemporaryFile{start.output, start.replaces ? record::TemporaryFile::Existing::replaced
                                                         : record::TemporaryFile::Existing::refused};
      journal_ = std::make_unique<runtime::RunJournal>(start, facts);
      info.earlier = journal_->earlier();
    }
    // Nobody else goes on from there now.
    for (const std::string& process : start.ended_processes) record::remove_temporary_files(start.output, process);
    info.replaces = start.replaces;
    record_ = std::make_unique<runtime::RunRecord>(start.output, info, ranks, journal_.get());
    return std::nullopt;
  } catch (const std::exception& error) {
    // One that goes on from earlier ones stays: they are what it holds.
    if (journal_ != nullptr && journal_->earlier().empty()) remove_journal();
    return runtime::RunStart::Refusal{error.what()};
  }

  void remove_journal() const try { journal_->remove(); } catch (const Error&) {
    // The error that there is says more.
  }

  static int leave(int exit_code, int rank) {
    if (rank == 0) runtime::write_exit_file(exit_code);
    return exit_code;
  }

  record::RunInfo run_info(std::chrono::system_clock::time_point began, std::size_t ranks) const {
    return {.job = name_,
            .command_line = runtime::command_line(argc_, argv_),
            .seed = options_.seed,
            .started_at = began,
            .crema_version = version,
            .mpi_version = runtime::mpi_version(),
            .slurm_job_id = runtime::environment("SLURM_JOB_ID"),
            .ranks = static_cast<std::uint32_t>(ranks)};
  }

  /// A rank's share of its host's memory is as large as that of the host's other ranks.
  runtime::Rank::Options rank_options(int rank, const std::vector<runtime::RankInfo>& ranks) {
    const std::string& host = ranks[static_cast<std::size_t>(rank)].host;
    const auto neighbours = static_cast<std::uint64_t>(
        std::count_if(ranks.begin(), ranks.end(), [&](const runtime::RankInfo& other) { return other.host == host; }));
    const std::uint64_t budget =
        options_.memory_budget > 0 ? options_.memory_budget : runtime::usable_memory() / neighbours * 3 / 10;
    std::vector<FreedMemory*> freed{&StoragePool::of_process()};
    if (zygote_) {
      process::Arena& arena = process::Arena::of_process();
      freed.push_back(&arena);
      // Tools that add up what processes have mapped count a rank's memory no more than twice, if not for little of
      // each lane.
      const std::uint64_t lanes = runtime::offers_of(ranks, options_.lanes)[static_cast<std::size_t>(rank)].lanes;
      arena.let_lanes_map(
          std::max<std::uint64_t>(process::Arena::least_mapped, budget / 2 / std::max(lanes, std::uint64_t{1})));
    }
    return {.lanes = options_.lanes,
            .seed = options_.seed,
            .keeps_history = options_.journal,
            .resumes = options_.resume != runtime::Resume::no,
            .store = {.budget = budget,
                      .spill_folder = options_.spill_folder.empty() ? store::default_spill_folder()
                                                                    : std::filesystem::path{options_.spill_folder},
                      .freed = std::move(freed)},
            .end = end_,
            .stop_signal = &runtime::StopSignals::caught(),
            .zygote = zygote_ ? &*zygote_ : nullptr,
            .isolated = options_.isolation == "process" && ranks.size() > 1};
  }

  int run_rank(transport::Transport& transport, const std::vector<runtime::RankInfo>& ranks,
               const std::function<void()>& driver) {
    // The lanes of a job of one rank are threads, as the driver's is everywhere: for debuggers.
    const int me = transport.rank().number;
    if (transport.size() == 1) zygote_.reset();
    const auto log = runtime::make_logger(options_, me, ranks[static_cast<std::size_t>(me)]);
    runtime::Progress progress{runtime::progress_style(options_.progress), stderr, std::chrono::steady_clock::now()};
    const auto rank = std::make_unique<runtime::Rank>(transport, ranks, rank_options(me, ranks), *log);
    if (record_ != nullptr) rank->become_head(*record_, progress, driver);
    if (journal_ != nullptr) {
      if (!journal_->damage().empty())
        log->warn("the journal is whole up to here, and what comes behind runs again: {}", journal_->damage());
      rank->keep_history(journal_->sink(), journal_->take_past());
    }
    const runtime::Rank::End end = rank->run();
    if (zygote_) zygote_->finish();
    if (record_ != nullptr) tell_end(end.exit_code);
    if (!end.lanes_came_back || !end.everybody_lives) {
      // User code still runs on a lane, or a rank is gone that MPI_Finalize would wait for: the process ends as it is.
      runtime::flush_output();
      if (end.everybody_lives) MPI_Finalize();
      _exit(end.exit_code);
    }
    return end.exit_code;
  }

  void tell_end(int exit_code) const {
    runtime::write_exit_file(exit_code);
    runtime::flush_output();
    for (const std::string& error : record_->errors()) runtime::tell(stderr, name_ + ": " + error);
    if (!record_->path().empty()) runtime::tell(stdout, "Results and timings: " + record_->path());
  }

  const int argc_;
  char** const argv_;
  const std::string name_;
  CLI::App cli_;
  runtime::RunOptions options_;
  std::optional<process::Zygote> zygote_;
  std::optional<runtime::StopTimes> end_;         // the head only, as the next
  std::unique_ptr<runtime::RunJournal> journal_;  // where there is one
  std::unique_ptr<runtime::RunRecord> record_;
};

Job::Job(int argc, char** argv, std::string description)
    : state_{std::make_unique<State>(argc, argv, std::move(description))} {}
Job::~Job() = default;
CLI::App& Job::cli() { return state_->cli(); }
int Job::run(const std::function<void()>& driver) { return state_->run(driver); }
Results& Job::results() { return state_->results(); }

}  // namespace crema
