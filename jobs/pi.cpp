// Monte Carlo pi: tasks throw darts at a square, tally actors count how many fall into the circle, and the estimate is
// shown as it converges. Each task's random numbers follow from --seed and the task alone, and the tallies are whole
// numbers: the result is the same to the last bit on any number of ranks.

#include <bit>
#include <cmath>
#include <crema/crema.hpp>
#include <cstdint>
#include <cstdio>
#include <numbers>
#include <vector>

/// Darts thrown, and how many of them hit.
struct Tally {
  std::int64_t darts = 0;
  std::int64_t hits = 0;

  void add(const Tally& other) {
    darts += other.darts;
    hits += other.hits;
  }
  double pi() const { return 4 * static_cast<double>(hits) / static_cast<double>(darts); }
  /// One standard deviation: each dart is a coin that shows heads with probability pi / 4.
  double error() const {
    const double p = static_cast<double>(hits) / static_cast<double>(darts);
    return 4 * std::sqrt(p * (1 - p) / static_cast<double>(darts));
  }
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(darts) & BOOST_SERIALIZATION_NVP(hits);
  }
};

class Scoreboard {
 public:
  void add(const Tally& tally) { total_.add(tally); }
  Tally total() const { return total_; }

 private:
  Tally total_;
};

Tally throw_darts(std::int64_t darts, crema::Actor<Scoreboard> scoreboard) {
  crema::Random& random = crema::this_task().rng();
  Tally tally{darts, 0};
  for (std::int64_t i = 0; i < darts; ++i) {
    const double x = random.uniform();
    const double y = random.uniform();
    if (x * x + y * y < 1) ++tally.hits;
  }
  scoreboard.remote<&Scoreboard::add>(tally).get();  // so that it is counted when this task is done
  return tally;
}

struct Estimate {
  std::int64_t darts = 0;
  double pi = 0;
  double error = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(darts) & BOOST_SERIALIZATION_NVP(pi) & BOOST_SERIALIZATION_NVP(error);
  }
};

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "Pi by throwing darts"};
  int tasks = 64;
  std::int64_t darts = 1'000'000;
  job.cli().add_option("--tasks", tasks, "How many tasks throw")->check(CLI::PositiveNumber)->capture_default_str();
  job.cli().add_option("--darts", darts, "Darts a task throws")->check(CLI::PositiveNumber)->capture_default_str();

  return job.run([&] {
    const auto scoreboard = crema::actor<Scoreboard>();
    std::vector<crema::Future<Tally>> throws;
    for (int i = 0; i < tasks; ++i) throws.push_back(crema::remote<throw_darts>(darts, scoreboard));

    auto convergence = job.results().table<Estimate>("convergence");
    Tally so_far;
    for (std::size_t i = 0; i < throws.size(); ++i) {
      so_far.add(throws[i].get());
      convergence.append({so_far.darts, so_far.pi(), so_far.error()});
      if (std::has_single_bit(i + 1) || i + 1 == throws.size())
        std::printf("%12lld darts: pi = %.6f +- %.6f\n", static_cast<long long>(so_far.darts), so_far.pi(),
                    so_far.error());
    }

    const Tally total = scoreboard.remote<&Scoreboard::total>().get();
    std::printf("off by %.6f, %.1f standard deviations\n", total.pi() - std::numbers::pi,
                std::abs(total.pi() - std::numbers::pi) / total.error());
    job.results().value("pi", total.pi());
    job.results().value("error", total.error());
  });
}
