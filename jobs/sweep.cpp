// A parameter sweep: how far a driven oscillator swings, over the force and the frequency of the drive. Its spring
// stiffens as it stretches, so the resonance leans towards high frequencies and breaks off. A task walks up all
// frequencies of one force; its row goes into a 2-D array of the run file. plot_sweep.py draws it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <crema/crema.hpp>
#include <numbers>
#include <string>
#include <vector>

/// x'' = F cos(w t) - damping x' - x - stiffening x^3: a mass of 1 kg on a spring of 1 N/m.
struct Oscillator {
  double damping = 0.1;      // kg/s
  double stiffening = 0.05;  // N/m^3

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(damping) & BOOST_SERIALIZATION_NVP(stiffening);
  }
};

struct State {
  double x = 0;  // m
  double v = 0;  // m/s

  friend State operator+(const State& a, const State& b) { return {a.x + b.x, a.v + b.v}; }
  friend State operator*(double factor, const State& state) { return {factor * state.x, factor * state.v}; }
};

constexpr int steps_per_period = 100;

/// Follows the motion for one period of the drive (Runge-Kutta 4) and returns the largest |x| on the way.
double follow_period(State& state, const Oscillator& oscillator, double force, double frequency) {
  const double step = 2 * std::numbers::pi / frequency / steps_per_period;
  const auto slope = [&](double steps, const State& at) {
    const double drive = force * std::cos(2 * std::numbers::pi * steps / steps_per_period);
    return State{at.v, drive - oscillator.damping * at.v - at.x - oscillator.stiffening * at.x * at.x * at.x};
  };
  double largest = 0;
  for (int i = 0; i < steps_per_period; ++i) {
    const State a = slope(i, state);
    const State b = slope(i + 0.5, state + step / 2 * a);
    const State c = slope(i + 0.5, state + step / 2 * b);
    const State d = slope(i + 1, state + step * c);
    state = state + step / 6 * (a + 2 * b + 2 * c + d);
    largest = std::max(largest, std::abs(state.x));
  }
  return largest;
}

/// The steady amplitude at each frequency, walking from the first to the last without stopping the mass in between.
std::vector<double> walk(const Oscillator& oscillator, double force, const std::vector<double>& frequencies,
                         int settle) {
  State state;
  std::vector<double> amplitudes;
  for (const double frequency : frequencies) {
    for (int period = 0; period < settle; ++period) follow_period(state, oscillator, force, frequency);
    amplitudes.push_back(follow_period(state, oscillator, force, frequency));
  }
  return amplitudes;
}

/// `count` numbers from `first` to `last`.
std::vector<double> evenly(double first, double last, std::size_t count) {
  std::vector<double> numbers(count);
  for (std::size_t i = 0; i < count; ++i)
    numbers[i] = first + (last - first) * static_cast<double>(i) / static_cast<double>(count - 1);
  return numbers;
}

/// CLI::Range lets "nan" pass.
CLI::Validator number_from_to(double low, double high) {
  const auto check = [=](const std::string& text) {
    double number = 0;
    const bool fits = CLI::detail::lexical_cast(text, number) && number >= low && number <= high;
    return fits ? std::string{} : fmt::format("expected a number from {} to {}, found {}", low, high, text);
  };
  return {check, fmt::format("[{} - {}]", low, high)};
}

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "The steady amplitude of a driven oscillator"};
  std::size_t force_count = 64;
  std::size_t frequency_count = 96;
  int settle = 60;
  Oscillator oscillator;
  job.cli().option_defaults()->always_capture_default();
  job.cli().add_option("--forces", force_count, "Forces of the drive, up to 1 N")->check(CLI::Range(2, 10'000));
  job.cli().add_option("--frequencies", frequency_count, "Of the drive, 0.5 to 2 rad/s")->check(CLI::Range(2, 10'000));
  job.cli().add_option("--settle", settle, "Periods to become steady in")->check(CLI::Range(1, 100'000));
  job.cli().add_option("--damping", oscillator.damping, "Damping in kg/s")->check(number_from_to(0.01, 10));
  job.cli().add_option("--stiffening", oscillator.stiffening, "Cubic term in N/m^3")->check(number_from_to(0, 10));

  return job.run([&] {
    const auto forces = evenly(1 / static_cast<double>(force_count), 1, force_count);  // N
    const auto frequencies = evenly(0.5, 2, frequency_count);                          // rad/s
    std::vector<crema::Future<std::vector<double>>> rows;
    for (const double force : forces) rows.push_back(crema::remote<walk>(oscillator, force, frequencies, settle));

    auto amplitudes = job.results().array<double>(
        "amplitude", {forces.size(), frequencies.size()},
        {.dimensions = {"force", "frequency"},
         .units = "m",
         .coordinates = {{"force", forces}, {"frequency", frequencies}},
         .description = "Steady amplitude; force in N, frequency in rad/s, walked upwards"});
    double largest = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::vector<double> row = rows[i].get();
      amplitudes.write(i, row);
      const auto peak = std::max_element(row.begin(), row.end());
      largest = std::max(largest, *peak);
      if ((i + 1) % ((rows.size() + 3) / 4) == 0)
        fmt::print("force {:.2f} N: resonance at {:.2f} rad/s, {:.2f} m\n", forces[i],
                   frequencies[static_cast<std::size_t>(peak - row.begin())], *peak);
    }
    job.results().value("largest_amplitude", largest, {.units = "m"});
  });
}
