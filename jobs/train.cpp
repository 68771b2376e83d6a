// Was it a wet day? A logistic regression learns from some years of weather, and is judged by another one: tasks
// compute the gradients of parts of the days, and the shards of a parameter server add them, always in the same order,
// so that the weights are the same to the last bit on any number of ranks.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <crema/crema.hpp>
#include <numbers>
#include <numeric>

using Features = std::array<double, 7>;
double score(const Features& weights, const Features& x) {  // above 0: wet is more likely than dry
  return std::inner_product(x.begin(), x.end(), weights.begin(), 0.0);
}

struct Day {
  std::string location;
  std::chrono::sys_days date;
  double precipitation = 0, temp_max = 0, temp_min = 0, wind = 0;  // mm, °C, °C, m/s

  int year() const { return static_cast<int>(std::chrono::year_month_day{date}.year()); }
  bool wet() const { return precipitation > 0; }
  bool plausible() const { return precipitation >= 0 && score(features(), features()) < 1e4; }  // "nan" is not
  Features features() const {  // what is known without the rain, each number about as large as one
    const double season = 2 * std::numbers::pi / 365.25 * static_cast<double>(date.time_since_epoch().count());
    const double place = location == "Seattle" ? 1 : -1;
    return {1, temp_max / 10 - 1.5, temp_min / 10 - 0.8, wind / 2 - 1.5, place, std::cos(season), std::sin(season)};
  }
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(location) & BOOST_SERIALIZATION_NVP(date) & BOOST_SERIALIZATION_NVP(precipitation);
    ar& BOOST_SERIALIZATION_NVP(temp_max) & BOOST_SERIALIZATION_NVP(temp_min) & BOOST_SERIALIZATION_NVP(wind);
  }
};

/// What some of the days add to the mean loss, and to its gradient.
using Part = std::pair<double, Features>;
/// Of n shards, shard k has the weights k, k + n, k + 2n, … and zeros elsewhere.
class ParameterServer {
 public:
  explicit ParameterServer(crema::Shard shard) : shard_{shard} {}
  Features weights() const { return weights_; }
  void step(const std::vector<Part>& parts) {
    for (const auto& [loss, slope] : parts)
      for (auto i = shard_.index; i < slope.size(); i += shard_.count) weights_[i] -= 2 * slope[i];  // 2: a good rate
  }

 private:
  crema::Shard shard_;
  Features weights_{};
};

Features pull(const crema::ActorShards<ParameterServer>& servers) {
  Features sum{};
  for (const Features& weights : crema::get(servers.all().remote<&ParameterServer::weights>()))
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weights[i];
  return sum;
}

Part learn(const std::vector<Day>& days, std::size_t of, const crema::ActorShards<ParameterServer>& servers) {
  const Features weights = pull(servers);
  auto [loss, slope] = Part{};
  for (const Day& day : days) {
    const Features x = day.features();
    const double sign = day.wet() ? 1 : -1, margin = sign * score(weights, x), weight = 1 / static_cast<double>(of);
    loss += weight * std::log1p(std::exp(-margin));
    for (std::size_t i = 0; i < x.size(); ++i) slope[i] -= weight * sign * x[i] / (1 + std::exp(margin));
  }
  return {loss, slope};
}

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "Learning which days are wet"};
  std::string weather = CREMA_DATA_DIR "/weather.csv";
  int held_out_year = 2015, rounds = 200;
  std::size_t part_count = 8, server_count = 3, known = 0;
  job.cli().option_defaults()->always_capture_default();
  job.cli().add_option("--weather", weather, "CSV file of days, with the columns of data/weather.csv");
  job.cli().add_option("--held-out", held_out_year, "The year the accuracy is measured on")->check(CLI::Range(1, 9999));
  job.cli().add_option("--rounds", rounds, "Rounds of training")->check(CLI::Range(1, 1'000'000));
  job.cli().add_option("--parts", part_count, "Parts of the days, a task each")->check(CLI::Range(1, 10'000));
  job.cli().add_option("--servers", server_count, "Shards of the parameter server")->check(CLI::Range(1, 7));
  return job.run([&] {
    std::vector<std::vector<Day>> parts(part_count);
    std::vector<Day> held_out;
    for (const Day& day : crema::read_csv<Day>(weather).rows()) {
      if (!day.plausible()) throw crema::UsageError{weather + ": it holds days with numbers that no weather has"};
      (day.year() == held_out_year ? held_out : parts[known++ % part_count]).push_back(day);
    }
    if (known == 0 || held_out.empty())
      throw crema::UsageError{fmt::format("{}: it holds {} days of {} and {} of other years, and both are needed",
                                          weather, held_out.size(), held_out_year, known)};
    std::vector<crema::Future<std::vector<Day>>> days;
    for (const auto& part : parts) days.push_back(crema::put(part));
    const auto servers = crema::actor_shards<ParameterServer>(server_count);
    std::vector<double> curve;
    for (int round = 1; round <= rounds; ++round) {
      std::vector<crema::Future<Part>> learned;
      for (const auto& part : days) learned.push_back(crema::remote<learn>(part, known, servers));
      crema::get(servers.all().remote<&ParameterServer::step>(learned));
      curve.push_back(0);
      for (const auto& [loss, slope] : crema::get(learned)) curve.back() += loss;
      if (round == 1 || round % 50 == 0) fmt::print("round {:4}: loss {:.4f}\n", round, curve.back());
    }
    const Features weights = pull(servers);
    const auto percent = [&](auto is) {
      return 100 * static_cast<double>(std::ranges::count_if(held_out, is)) / static_cast<double>(held_out.size());
    };
    const double right = percent([&](const Day& day) { return (score(weights, day.features()) > 0) == day.wet(); });
    const double wet = percent(&Day::wet), same = std::max(wet, 100 - wet);
    fmt::print("{} days of {}: {:.1f} % right; {:.1f} % by always guessing the same\n", held_out.size(), held_out_year,
               right, same);
    job.results().array("loss", curve, {curve.size()}, {.dimensions = {"round"}});
    job.results().value("accuracy", right / 100);
    job.results().value("base_rate", same / 100);
    job.results().value("weights", std::vector<double>(weights.begin(), weights.end()));
  });
}
