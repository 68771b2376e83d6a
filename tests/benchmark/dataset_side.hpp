#pragma once

#include "dataset_figures.hpp"

namespace benchmark {

/// Makes the folders csv, of one file, and parquet, of several, in the folder, which is there: of the same rows.
/// Without Arrow there is no parquet. Called on the driver.
void make_inputs(const DatasetAmounts& amounts);

// What one worker does alone. Called on the driver; each throws crema::UsageError unless there is one.

/// Measures reading files of orders.
void measure_scans(const DatasetAmounts& amounts, const SamplesFile& samples);
/// Measures summing up groups of orders in memory.
void measure_groups(const DatasetAmounts& amounts, const SamplesFile& samples);
/// Measures mapping doubles; `baselines` gets the same by hand.
void measure_map(const DatasetAmounts& amounts, const SamplesFile& samples, const SamplesFile& baselines);

/// Of exchanges, on either side: so many come first, into whose memory the measured ones write.
inline constexpr int exchanges_before = 8;
inline constexpr int exchanges = 20;
/// How often rows in memory are grouped, on either side: once takes 10 ms.
inline constexpr int groupings = 20;

/// Measures what two workers do together: exchanges and scans. Throws crema::UsageError unless there are two.
void measure_two_workers(const DatasetAmounts& amounts, const SamplesFile& samples);

/// Measures an exchange of as many bytes between the two ranks of plain MPI. Called on both between MPI_Init and
/// MPI_Finalize.
void measure_raw_exchange(const DatasetAmounts& amounts, const SamplesFile& samples);

}  // namespace benchmark
