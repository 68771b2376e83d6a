#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "dataset_figures.hpp"
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

/// A row of the table. What was not measured is nan.
struct Row {
  std::string figure;
  std::string units;
  Spread fastest;
  Spread defaults;
  Spread baseline;
  double fastest_ratio = 0;  ///< of the medians, to the baseline
  double defaults_ratio = 0;
  std::int64_t repeats = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(figure) & BOOST_SERIALIZATION_NVP(units) & BOOST_SERIALIZATION_NVP(fastest) &
        BOOST_SERIALIZATION_NVP(defaults) & BOOST_SERIALIZATION_NVP(baseline) & BOOST_SERIALIZATION_NVP(fastest_ratio) &
        BOOST_SERIALIZATION_NVP(defaults_ratio) & BOOST_SERIALIZATION_NVP(repeats);
  }
};

/// A point of the curve.
struct GrainRow {
  double microseconds = 0;
  Spread fastest;
  Spread defaults;
  Spread baseline;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(microseconds) & BOOST_SERIALIZATION_NVP(fastest) &
        BOOST_SERIALIZATION_NVP(defaults) & BOOST_SERIALIZATION_NVP(baseline);
  }
};

/// What every side has computed.
struct ValueRow {
  std::string value;
  double fastest = 0;
  double defaults = 0;
  double baseline = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(value) & BOOST_SERIALIZATION_NVP(fastest);
    archive& BOOST_SERIALIZATION_NVP(defaults) & BOOST_SERIALIZATION_NVP(baseline);
  }
};

std::vector<double> values_of(const std::vector<Sample>& samples, const Figure& figure, std::string_view side) {
  std::vector<double> values;
  for (const Sample& sample : samples)
    if (sample.figure == figure.name && sample.side == side) values.push_back(sample.value);
  return values;
}

Spread spread_of(const std::vector<double>& values) {
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  if (values.empty()) return {nothing, nothing, nothing};
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  return {median(values), *min, *max};
}

std::string shown(double value) {
  if (std::isnan(value)) return "-";
  return value >= 10'000 ? fmt::format("{:.3f} M", value * 1e-6) : fmt::format("{:.2f}", value);
}
std::string shown(const Spread& spread) {
  if (std::isnan(spread.median)) return "        -";
  return fmt::format("{:>9} ({} .. {})", shown(spread.median), shown(spread.min), shown(spread.max));
}

/// Prints and stores the table of these figures.
void report_figures(const std::vector<Sample>& samples, std::span<const Figure> table, crema::Results& results) {
  std::vector<Row> rows;
  constexpr std::string_view line = "{:<31} {:<12} {:<33} {:<33} {:<33} {:>7} {:>7}\n";
  fmt::print(line, "figure", "units", "fastest: median (min .. max)", "defaults", "baseline", "ratio", "ratio");
  for (const Figure& figure : table) {
    const std::vector<double> as_it_comes = values_of(samples, figure, defaults);
    if (as_it_comes.empty())
      throw crema::UsageError{fmt::format("reporting {}: there is no sample with the default options", figure.name)};
    Row row{std::string{figure.name}, std::string{figure.units}, spread_of(values_of(samples, figure, fastest)),
            spread_of(as_it_comes), spread_of(values_of(samples, figure, baseline))};
    row.fastest_ratio = row.fastest.median / row.baseline.median;
    row.defaults_ratio = row.defaults.median / row.baseline.median;
    row.repeats = static_cast<std::int64_t>(as_it_comes.size());
    const auto ratio = [](double value) { return std::isnan(value) ? std::string{"-"} : fmt::format("{:.3f}", value); };
    fmt::print(line, figure.label, figure.units, shown(row.fastest), shown(row.defaults), shown(row.baseline),
               ratio(row.fastest_ratio), ratio(row.defaults_ratio));
    rows.push_back(std::move(row));
  }
  results.table("benchmark", rows);
}

}  // namespace

void report(const std::filesystem::path& samples_file, crema::Results& results) {
  const auto samples = crema::read_csv<Sample>(samples_file.string()).take_all();
  report_figures(samples, figures, results);
  std::vector<GrainRow> curve;
  fmt::print("\nefficiency by task length: fastest, defaults, plain MPI farm (1 is ideal)\n");
  for (const Grain& grain : grains) {
    const auto of = [&](std::string_view side) { return spread_of(values_of(samples, grain.figure, side)); };
    const GrainRow& point = curve.emplace_back(GrainRow{grain.microseconds, of(fastest), of(defaults), of(baseline)});
    fmt::print("{:>7} us {:>7.3f} {:>7.3f} {:>7.3f}\n", point.microseconds, point.fastest.median, point.defaults.median,
               point.baseline.median);
  }
  results.table("efficiency_by_length", curve, {.units = {{"microseconds", "us"}}});
}

void report_datasets(const std::filesystem::path& samples_file, crema::Results& results) {
  const auto samples = crema::read_csv<Sample>(samples_file.string()).take_all();
  std::vector<Figure> measured;
  for (const Figure& figure : dataset_figures)
    if (!values_of(samples, figure, defaults).empty()) measured.push_back(figure);  // not Parquet without Arrow
  report_figures(samples, measured, results);
  std::vector<ValueRow> values;
  for (const Figure& figure : dataset_values) {
    const auto of = [&](std::string_view side) { return spread_of(values_of(samples, figure, side)); };
    const Spread all[]{of(fastest), of(defaults), of(baseline)};
    for (const Spread& one : all) {
      for (const Spread& other : all) {
        if (one.max > other.min || one.min < other.max)
          throw crema::Error{fmt::format("comparing results: the {} are {} on one side and {} on another", figure.label,
                                         one.max, other.min)};
      }
    }
    values.push_back({std::string{figure.name}, all[0].median, all[1].median, all[2].median});
  }
  results.table("values", values);
}

}  // namespace benchmark
