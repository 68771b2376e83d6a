#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace benchmark {

/// A whole program without crema, which owns MPI in its own jobs: understands the options of `cli` and --raw, then
/// calls `measure` between MPI_Init and MPI_Finalize. What it throws ends all ranks. Returns the exit code.
int on_plain_mpi(CLI::App& cli, int argc, char** argv, const std::function<void()>& measure);

/// Throws where the ranks are not as many.
void need_ranks(int needed);

}  // namespace benchmark
