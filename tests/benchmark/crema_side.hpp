#pragma once

#include "figures.hpp"

namespace benchmark {

/// Measures every figure on crema. Called on the driver; throws crema::UsageError unless there is one worker.
void measure_crema(const Amounts& amounts, const SamplesFile& samples);

/// Measures the rate of tasks of 100 us. Called on the driver of a job with one worker.
void measure_journal(const Amounts& amounts, const SamplesFile& samples);

/// Measures the rate and the round trip of tasks that do nothing. Called on the driver of a job with one worker and
/// without a journal, whose lanes are of one kind or the other.
void measure_isolation(const Amounts& amounts, const SamplesFile& samples);

/// Measures how long it takes until a task runs again whose lane, and whose rank, was killed: from the signal to the
/// first line of its next attempt. Called on the driver of a job of two workers or more on this host, whose lanes are
/// processes.
void measure_losses(const SamplesFile& samples);

/// Waits for tasks that do nothing, and returns when their values were there, in seconds since 1970. Afterwards all of
/// them are on disk.
double finish_tasks(std::int64_t tasks);

/// Measures the makespan of tasks whose lengths have a heavy tail, on any number of workers. They sleep, so workers
/// need no core each.
void measure_makespan(const SamplesFile& crema_samples, const SamplesFile& bound_samples);

}  // namespace benchmark
