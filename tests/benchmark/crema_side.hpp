#pragma once

#include "figures.hpp"

namespace benchmark {

/// Measures every figure on crema. Called on the driver; throws crema::UsageError unless there is one worker.
void measure_crema(const Amounts& amounts, const SamplesFile& samples);

}  // namespace benchmark
