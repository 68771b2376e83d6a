#pragma once

#include <crema/crema.hpp>
#include <filesystem>

namespace benchmark {

/// Prints medians, extremes and ratios of the samples, and stores them as the table "benchmark". Called on the driver.
/// Throws crema::UsageError when a figure has no sample of the defaults.
void report(const std::filesystem::path& samples, crema::Results& results);

/// The same for the figures of datasets that were measured, and what each side has computed as the table "values".
/// Throws crema::Error where sides differ in that.
void report_datasets(const std::filesystem::path& samples, crema::Results& results);

}  // namespace benchmark
