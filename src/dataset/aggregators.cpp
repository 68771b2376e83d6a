#include "crema/aggregators.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace crema::dataset {

void Moments::merge(const Moments& later) {
  if (later.count == 0) return;
  const double all = static_cast<double>(count) + static_cast<double>(later.count);
  const double difference = later.mean - mean;
  const double share = static_cast<double>(later.count) / all;
  squares += later.squares + difference * difference * static_cast<double>(count) * share;
  mean += difference * share;
  count += later.count;
}

double Moments::deviation() const {
  if (count < 2) return std::numeric_limits<double>::quiet_NaN();
  return std::sqrt(squares / static_cast<double>(count - 1));
}

double quantile_of(std::vector<double> values, double fraction) {
  const bool none = std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
  if (values.empty() || none) return std::numeric_limits<double>::quiet_NaN();
  const double place = fraction * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto lower = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), lower, values.end());
  if (below + 1 == values.size()) return *lower;
  const double upper = *std::min_element(lower + 1, values.end());
  return *lower + (upper - *lower) * (place - static_cast<double>(below));
}

}  // namespace crema::dataset
