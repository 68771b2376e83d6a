#pragma once

#include <cstdint>
#include <string>

namespace crema::runtime {

/// This process's rank as its launcher tells it, before MPI is started; 0 without a launcher.
int launched_rank();

/// Whether a launcher has started this process.
bool launched();

/// The processes that see each other by their numbers, on one host: another value in another container. 0: not known.
std::uint64_t process_space();

/// Empty, or why these processes would not be one job: srun started several tasks but MPI sees one each.
std::string describe_broken_launch(int mpi_size);

/// The job's name: what argv[0] is called.
std::string job_name(const char* program);

/// The exit code for jobs/run and batch scripts, which cannot rely on mpirun's: written to $CREMA_EXIT_FILE, if set.
/// A file that cannot be written is reported on stderr.
void write_exit_file(int exit_code);

/// Variable of the environment, or "".
std::string environment(const char* name);

}  // namespace crema::runtime
