#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "figures.hpp"
#include "stopwatch.hpp"

namespace benchmark {
namespace {

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(median) & BOOST_SERIALIZATION_NVP(min) & BOOST_SERIALIZATION_NVP(max);
  }
};

/// A row of the table: one figure on both sides.
struct Row {
  std::string figure;
  std::string units;
  Spread crema;
  Spread raw;
  double ratio = 0;  ///< of the medians, crema to raw
  std::int64_t repeats = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(figure) & BOOST_SERIALIZATION_NVP(units) & BOOST_SERIALIZATION_NVP(crema) &
        BOOST_SERIALIZATION_NVP(raw) & BOOST_SERIALIZATION_NVP(ratio) & BOOST_SERIALIZATION_NVP(repeats);
  }
};

/// A point of the curve.
struct GrainRow {
  double microseconds = 0;
  Spread crema;
  Spread raw;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(microseconds) & BOOST_SERIALIZATION_NVP(crema) & BOOST_SERIALIZATION_NVP(raw);
  }
};

std::vector<double> values_of(const std::vector<Sample>& samples, const Figure& figure, std::string_view side) {
  std::vector<double> values;
  for (const Sample& sample : samples)
    if (sample.figure == figure.name && sample.side == side) values.push_back(sample.value);
  if (values.empty()) throw crema::UsageError{fmt::format("reporting {}: there is no sample of {}", figure.name, side)};
  return values;
}

Spread spread_of(const std::vector<double>& values) {
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  return {median(values), *min, *max};
}

std::string shown(double value) {
  return value >= 10'000 ? fmt::format("{:.3f} M", value * 1e-6) : fmt::format("{:.2f}", value);
}
std::string shown(const Spread& spread) {
  return fmt::format("{:>9} ({} .. {})", shown(spread.median), shown(spread.min), shown(spread.max));
}

}  // namespace

void report(const std::filesystem::path& samples_file, crema::Results& results) {
  const auto samples = crema::read_csv<Sample>(samples_file.string()).take_all();
  std::vector<Row> rows;
  constexpr std::string_view line = "{:<29} {:<12} {:<34} {:<34} {:>7}\n";
  fmt::print(line, "figure", "units", "crema: median (min .. max)", "baseline: median (min .. max)", "ratio");
  for (const Figure& figure : figures) {
    const std::vector<double> ours = values_of(samples, figure, "crema");
    const Spread crema = spread_of(ours);
    const Spread raw = spread_of(values_of(samples, figure, "raw"));
    const double ratio = crema.median / raw.median;
    fmt::print(line, figure.label, figure.units, shown(crema), shown(raw), fmt::format("{:.3f}", ratio));
    rows.push_back({std::string{figure.name}, std::string{figure.units}, crema, raw, ratio,
                    static_cast<std::int64_t>(ours.size())});
  }
  results.table("benchmark", rows);
  std::vector<GrainRow> curve;
  fmt::print("\nefficiency by task length: crema, raw MPI farm (1 is ideal)\n");
  for (const Grain& grain : grains) {
    curve.push_back({grain.microseconds, spread_of(values_of(samples, grain.figure, "crema")),
                     spread_of(values_of(samples, grain.figure, "raw"))});
    fmt::print("{:>7} us {:>7.3f} {:>7.3f}\n", grain.microseconds, curve.back().crema.median, curve.back().raw.median);
  }
  results.table("efficiency_by_length", curve, {.units = {{"microseconds", "us"}}});
}

}  // namespace benchmark
