// One task of as many steps as wanted, which keeps how far it is behind each of them, and tells an actor in each of
// them. tests/chaos/checkpoint_test.py kills it from time to time.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <crema/crema.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

int pause_of_step = 0;  // milliseconds; bound to an option, so the same on every rank, and no part of the task's key

class Tally {
 public:
  std::int64_t add(std::int64_t amount) {
    ++calls_;
    return sum_ += amount;
  }
  std::int64_t sum() const { return sum_; }
  std::int64_t calls() const { return calls_; }

 private:
  std::int64_t sum_ = 0;
  std::int64_t calls_ = 0;
};

/// Tells the test who does which step. A line is written at once, also where other attempts write.
void note(int step) {
  const std::string line = std::to_string(crema::this_task().rank().number) + " " + std::to_string(getpid()) + " " +
                           std::to_string(step) + "\n";
  const int file = open("steps", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const bool written = file >= 0 && write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (file >= 0) close(file);
  if (!written) throw std::runtime_error{"the test does not hear of a step"};
}

struct Progress {
  int step = 0;
  std::int64_t told = 0;
  std::uint64_t random = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& step& told& random;
  }
};

Progress in_steps(int steps, crema::Actor<Tally> tally) {
  auto progress = crema::this_task().restore<Progress>().value_or(Progress{});
  while (progress.step < steps) {
    note(progress.step);
    std::this_thread::sleep_for(std::chrono::milliseconds{pause_of_step});
    tally.remote<&Tally::add>(progress.step);
    progress.told += tally.remote<&Tally::add>(1).get();
    progress.random = 31 * progress.random + crema::this_task().rng()();
    ++progress.step;
    crema::this_task().checkpoint(progress);
  }
  return progress;
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "A task that is killed again and again"};
  int steps = 100;
  job.cli().add_option("--steps", steps, "Steps of the task");
  job.cli().add_option("--pause", pause_of_step, "Milliseconds of each");
  return job.run([&] {
    const auto tally = crema::actor<Tally>();
    // Each process that dies costs an attempt.
    const crema::TaskOptions patient{.max_retries = 1000};
    const Progress progress = crema::with(patient).remote<in_steps>(steps, tally).get();
    job.results().value("steps", progress.step);
    job.results().value("told", progress.told);
    job.results().value("random", progress.random);
    job.results().value("sum", tally.remote<&Tally::sum>().get());
    job.results().value("calls", tally.remote<&Tally::calls>().get());
  });
}
