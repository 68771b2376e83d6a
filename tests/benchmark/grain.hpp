#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "figures.hpp"
#include "stopwatch.hpp"

namespace benchmark {

/// Works for this long.
inline void spin(double microseconds) {
  const Stopwatch watch;
  while (watch.seconds() < microseconds * 1e-6) {
  }
}

/// Tasks of this length that take about `seconds` one after the other.
inline std::int64_t tasks_of_grain(const Grain& grain, double seconds) {
  return std::clamp<std::int64_t>(std::llround(seconds * 1e6 / grain.microseconds), 20, 200'000);
}

/// The smallest task length at which half of the ideal rate is kept (Slaughter et al. 2020), between the points of the
/// curve on a logarithmic scale. `efficiencies` are those of `grains`. Where none of the points keeps it, or all do:
/// the last or the first of them.
inline double minimum_effective_grain(const std::vector<double>& efficiencies) {
  std::size_t above = grains.size();
  while (above > 0 && efficiencies[above - 1] >= 0.5) --above;
  if (above == grains.size()) return grains.back().microseconds;
  if (above == 0) return grains.front().microseconds;
  const double part = (0.5 - efficiencies[above - 1]) / (efficiencies[above] - efficiencies[above - 1]);
  const double ratio = grains[above].microseconds / grains[above - 1].microseconds;
  return grains[above - 1].microseconds * std::pow(ratio, part);
}

/// Adds curve and METG; `efficiencies` are those of `grains`.
inline void add_grains(const std::vector<double>& efficiencies, const SamplesFile& samples) {
  for (std::size_t i = 0; i < grains.size(); ++i) samples.add(grains[i].figure, efficiencies[i]);
  samples.add(metg, minimum_effective_grain(efficiencies));
}

}  // namespace benchmark
