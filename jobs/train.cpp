// Was it a wet day? A logistic regression learns from some years of weather and is judged by another one. Tasks compute
// the gradients of parts of the days; the shards of a parameter server hold the weights and combine the gradients in
// the same order every time: the weights are the same to the last bit on any number of ranks.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <crema/crema.hpp>
#include <map>
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
  /// False also where a number is "nan".
  bool plausible() const { return precipitation >= 0 && score(features(), features()) < 10'000; }
  /// What is known without the rain, each number about as large as one.
  Features features() const {
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

/// Of n shards, shard k holds the weights k, k + n, k + 2n, …
class ParameterServer {
 public:
  ParameterServer(crema::Shard shard, std::size_t parts) : shard_{shard}, parts_{parts} {
    for (std::size_t i = shard.index; i < Features{}.size(); i += shard.count) weights_.push_back(0);
  }

  std::vector<double> weights() const { return weights_; }
  /// Takes the gradient of one part. The last part to come makes the step, which adds all in the order of the parts.
  void push(std::size_t part, const Features& gradient) {
    round_[part] = gradient;
    if (round_.size() < parts_) return;
    for (const auto& [number, slope] : round_)
      for (std::size_t i = 0; i < weights_.size(); ++i)
        weights_[i] -= 2 * slope[shard_.index + i * shard_.count];  // 2: a good rate for this loss
    round_.clear();
  }

 private:
  crema::Shard shard_;
  std::size_t parts_;
  std::vector<double> weights_;
  std::map<std::size_t, Features> round_;
};
using Servers = crema::ActorShards<ParameterServer>;

Features pull(const Servers& servers) {
  const auto shards = crema::get(servers.all().remote<&ParameterServer::weights>());
  Features weights;
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = shards[i % shards.size()][i / shards.size()];
  return weights;
}

/// One part's share of the mean loss over `count` days. The gradient goes to the parameter server.
double learn(std::size_t part, const std::vector<Day>& days, double count, const Servers& servers) {
  const Features weights = pull(servers);
  Features gradient{};
  double loss = 0;
  for (const Day& day : days) {
    const Features x = day.features();
    const double sign = day.wet() ? 1 : -1, margin = sign * score(weights, x);
    loss += std::log1p(std::exp(-margin)) / count;
    for (std::size_t i = 0; i < x.size(); ++i) gradient[i] -= sign * x[i] / (1 + std::exp(margin)) / count;
  }
  crema::get(servers.all().remote<&ParameterServer::push>(part, gradient));  // then the step is made, at the latest
  return loss;
}

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "Learning which days are wet"};
  std::string weather = CREMA_DATA_DIR "/weather.csv";
  int held_out_year = 2015, rounds = 200;
  std::size_t part_count = 8, server_count = 3;
  job.cli().option_defaults()->always_capture_default();
  job.cli().add_option("--weather", weather, "CSV file of days, with the columns of data/weather.csv");
  job.cli().add_option("--held-out", held_out_year, "The year the accuracy is measured on")->check(CLI::Range(1, 9999));
  job.cli().add_option("--rounds", rounds, "Rounds of training")->check(CLI::Range(1, 1'000'000));
  job.cli().add_option("--parts", part_count, "Parts of the days, a task each")->check(CLI::Range(1, 10'000));
  job.cli().add_option("--servers", server_count, "Shards of the parameter server")->check(CLI::Range(1, 7));

  return job.run([&] {
    std::vector<std::vector<Day>> parts(part_count);
    std::vector<Day> held_out;
    std::size_t known = 0;
    for (const Day& day : crema::read_csv<Day>(weather).rows()) {
      if (!day.plausible())
        throw crema::UsageError{fmt::format("{}: it holds days with numbers that no weather has", weather)};
      (day.year() == held_out_year ? held_out : parts[known++ % part_count]).push_back(day);
    }
    if (known == 0 || held_out.empty())
      throw crema::UsageError{fmt::format("{}: it holds {} days of {} and {} of other years, and both are needed",
                                          weather, held_out.size(), held_out_year, known)};
    std::vector<crema::Future<std::vector<Day>>> data;
    for (const auto& part : parts) data.push_back(crema::put(part));
    const auto servers = crema::actor_shards<ParameterServer>(server_count, part_count);
    std::vector<double> curve;
    for (int round = 1; round <= rounds; ++round) {
      std::vector<crema::Future<double>> losses;
      for (std::size_t i = 0; i < data.size(); ++i)
        losses.push_back(crema::remote<learn>(i, data[i], static_cast<double>(known), servers));
      const std::vector<double> shares = crema::get(losses);
      curve.push_back(std::accumulate(shares.begin(), shares.end(), 0.0));
      if (round == 1 || round % 50 == 0) fmt::print("round {:4}: loss {:.4f}\n", round, curve.back());
    }
    job.results().array("loss", curve, {curve.size()}, {.dimensions = {"round"}});

    const Features weights = pull(servers);
    const auto share = [&](auto is) {
      return static_cast<double>(std::ranges::count_if(held_out, is)) / static_cast<double>(held_out.size());
    };
    const double accuracy = share([&](const Day& day) { return (score(weights, day.features()) > 0) == day.wet(); });
    const double wet = share([](const Day& day) { return day.wet(); });
    const double base_rate = std::max(wet, 1 - wet);
    fmt::print("{} days of {}: {:.1f} % right; {:.1f} % by always guessing the same\n", held_out.size(), held_out_year,
               100 * accuracy, 100 * base_rate);
    job.results().value("accuracy", accuracy);
    job.results().value("base_rate", base_rate);
    job.results().value("weights", std::vector<double>(weights.begin(), weights.end()));
  });
}
