// Monte Carlo pi: tasks throw darts at a square and report to tally actors how many fall into the circle; the estimate
// and its error are shown as they converge. Each task's random numbers follow from --seed and the task alone, and the
// tallies are whole numbers: the result is the same to the last bit on any number of ranks.
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <crema/crema.hpp>
#include <cstdint>
#include <iterator>
#include <map>
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
  /// One standard deviation: each dart is a coin that shows heads with probability pi / 4, which is taken from one hit
  /// and one miss more, so that it is never quite 0 or 1.
  double error() const {
    const double p = static_cast<double>(hits + 1) / static_cast<double>(darts + 2);
    return 4 * std::sqrt(p * (1 - p) / static_cast<double>(darts));
  }
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(darts) & BOOST_SERIALIZATION_NVP(hits);
  }
};

/// Tallies by batch; the shards of the scoreboard share the batches.
class Scoreboard {
 public:
  void add(int batch, const Tally& tally) { tallies_[batch].add(tally); }
  Tally tally(int batch) { return tallies_[batch]; }

 private:
  std::map<int, Tally> tallies_;
};

void throw_darts(std::int64_t darts, int batch, const crema::ActorShards<Scoreboard>& scoreboard) {
  crema::Random& random = crema::this_task().rng();
  Tally tally{darts, 0};
  for (std::int64_t i = 0; i < darts; ++i) {
    const double x = random.uniform();
    const double y = random.uniform();
    if (x * x + y * y < 1) ++tally.hits;
  }
  scoreboard.at(batch).remote<&Scoreboard::add>(batch, tally).get();  // so that it is counted when this task is done
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
  unsigned tasks = 64;
  std::int64_t darts = 1'000'000;
  std::size_t shards = 4;
  job.cli().option_defaults()->always_capture_default();
  job.cli().add_option("--tasks", tasks, "How many tasks throw")->check(CLI::Range(1, 1'000'000));
  job.cli().add_option("--darts", darts, "Darts a task throws")->check(CLI::Range(1, 1'000'000'000));
  job.cli().add_option("--shards", shards, "Actors that keep the tally")->check(CLI::Range(1, 1000));

  return job.run([&] {
    const auto scoreboard = crema::actor_shards<Scoreboard>(shards);
    // Task 0 is a batch, tasks 1, 2 and 3, 4 to 7, … are: with each batch there are twice as many darts.
    std::vector<std::vector<crema::Future<void>>> batches(std::bit_width(tasks - 1) + 1);
    for (unsigned task = 0; task < tasks; ++task) {
      const int batch = std::bit_width(task);
      batches[batch].push_back(crema::remote<throw_darts>(darts, batch, scoreboard));
    }

    auto convergence = job.results().table<Estimate>("convergence");
    Tally so_far;
    for (int batch = 0; batch < std::ssize(batches); ++batch) {
      crema::get(batches[batch]);  // while the later ones run
      so_far.add(scoreboard.at(batch).remote<&Scoreboard::tally>(batch).get());
      convergence.append({so_far.darts, so_far.pi(), so_far.error()});
      fmt::print("{:12} darts: pi = {:.6f} +- {:.6f}\n", so_far.darts, so_far.pi(), so_far.error());
    }
    const double off = so_far.pi() - std::numbers::pi;
    fmt::print("off by {:.6f}, {:.1f} standard deviations\n", off, std::abs(off) / so_far.error());
    job.results().value("pi", so_far.pi());
    job.results().value("error", so_far.error());
  });
}
