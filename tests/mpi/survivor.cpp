// A job of many seconds that uses everything whose history is kept: nested tasks, actors that call others, completions
// in the order they come, stored and large values. resume_test.py kills it and goes on from what is left.
#include <algorithm>
#include <chrono>
#include <crema/crema.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace {

std::chrono::milliseconds piece{10};  // bound to an option, so the same on every rank

/// Unless the test is in a hurry: its last start is to end.
void nap() {
  if (!std::filesystem::exists("hurry")) std::this_thread::sleep_for(piece);
}

/// Whose order of calls decides what it holds, and what it answers.
class Chain {
 public:
  std::uint64_t add(std::uint64_t link) {
    ++links_;
    hash_ = hash_ * 6364136223846793005U + link;
    return links_;
  }
  std::uint64_t hash() const { return hash_; }
  std::uint64_t links() const { return links_; }

 private:
  std::uint64_t links_ = 0;
  std::uint64_t hash_ = 1;
};

/// Whose sum any order of calls gives, and which counts what it was told.
class Tally {
 public:
  void add(std::int64_t amount) {
    sum_ += amount;
    ++calls_;
  }
  /// Adds here, and twice as much there.
  std::int64_t add_to_both(crema::Actor<Tally> other, std::int64_t amount) {
    nap();
    other.remote<&Tally::add>(2 * amount);
    add(amount);
    return amount;
  }
  std::int64_t sum() const { return sum_; }
  std::int64_t calls() const { return calls_; }

 private:
  std::int64_t sum_ = 0;
  std::int64_t calls_ = 0;
};

std::int64_t leaf(std::int64_t number, crema::Actor<Tally> tally) {
  nap();
  tally.remote<&Tally::add>(number);
  return number;
}

std::int64_t branch(std::int64_t number, crema::Actor<Tally> first, crema::Actor<Tally> second) {
  std::vector<crema::Future<std::int64_t>> parts;
  for (std::int64_t i = 0; i < 3; ++i) parts.push_back(crema::remote<leaf>(10 * number + i, first));
  const std::int64_t both = first.remote<&Tally::add_to_both>(second, number).get();
  std::int64_t sum = both;
  for (const std::int64_t part : crema::get(parts)) sum += part;
  return sum;
}

std::vector<double> large(std::size_t size, double value) { return std::vector<double>(size, value); }
double total(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "A job that is killed again and again"};
  int branches = 30;
  job.cli().add_option("--branches", branches, "Tasks that start others");
  job.cli().add_option_function<int>(
      "--pause", [](int number) { piece = std::chrono::milliseconds{number}; }, "Milliseconds of each piece of work");
  return job.run([&] {
    const auto first = crema::actor<Tally>();
    const auto second = crema::with(crema::ActorOptions{.name = "second"}).actor<Tally>();
    const auto chain = crema::actor<Chain>();
    const auto stored = crema::put(large(50'000, 0.5));
    std::vector<crema::Future<double>> totals;
    for (int i = 0; i < 4; ++i) totals.push_back(crema::remote<total>(crema::remote<large>(20'000 + i, 1.0)));
    totals.push_back(crema::remote<total>(stored));
    // In a file of the journal's folder.
    const auto kept = crema::with(crema::TaskOptions{.journal = crema::JournalPolicy::always});
    totals.push_back(crema::remote<total>(kept.remote<large>(30'000, 1.0)));

    std::vector<crema::Future<std::int64_t>> started;
    for (int i = 0; i < branches; ++i) started.push_back(crema::remote<branch>(i, first, second));
    std::int64_t sum = 0;
    std::uint64_t links = 0;
    // Which comes first is chance: the chain's links and their answers must still fit after a resume.
    for (const auto& branch : crema::as_completed(started)) {
      const std::int64_t value = branch.get();
      sum += value;
      links = chain.remote<&Chain::add>(static_cast<std::uint64_t>(value)).get();
    }
    job.results().value("sum", sum);
    job.results().value("links", links);
    job.results().value("links_kept", chain.remote<&Chain::links>().get());
    double all = 0;
    for (const double value : crema::get(totals)) all += value;
    job.results().value("totals", all);
    job.results().value("first_sum", first.remote<&Tally::sum>().get());
    job.results().value("first_calls", first.remote<&Tally::calls>().get());
    job.results().value("second_sum", second.remote<&Tally::sum>().get());
    job.results().value("second_calls", second.remote<&Tally::calls>().get());
  });
}
