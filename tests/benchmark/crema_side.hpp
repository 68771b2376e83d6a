#pragma once

#include "figures.hpp"

namespace benchmark {

/// Measures every figure on crema. Called on the driver; throws crema::UsageError unless there is one worker.
void measure_crema(const Amounts& amounts, const SamplesFile& samples);

/// Measures the makespan of tasks whose lengths have a heavy tail, on any number of workers. They sleep, so workers
/// need no core each.
void measure_makespan(const SamplesFile& crema_samples, const SamplesFile& bound_samples);

}  // namespace benchmark
