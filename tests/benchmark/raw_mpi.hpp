#pragma once

#include "figures.hpp"

namespace benchmark {

/// Measures every figure on plain MPI, in the roles crema gives to three ranks: 0 sends, 1 answers calls, 2 answers
/// tasks. Called on all ranks between MPI_Init and MPI_Finalize; rank 0 writes the samples.
void measure_raw_mpi(const Amounts& amounts, const SamplesFile& samples);

}  // namespace benchmark
