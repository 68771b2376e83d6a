#include "task_lengths.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>
#include <random>

namespace benchmark {
namespace {

constexpr double pareto_exponent = 1.5;
constexpr double longest = 10;  // means

/// From 0 (included) to 1; the same with every standard library.
double uniform(std::mt19937_64& generator) { return std::ldexp(static_cast<double>(generator() >> 11U), -53); }

}  // namespace

std::vector<double> task_lengths(Lengths lengths, double mean, std::size_t count) {
  std::mt19937_64 generator{1};
  std::vector<double> tasks(count);
  if (lengths == Lengths::constant) {
    for (double& task : tasks) task = mean * (0.99 + 0.02 * uniform(generator));
    return tasks;
  }
  const double shortest = (pareto_exponent - 1) / pareto_exponent;  // of a mean of 1
  for (double& task : tasks)
    task = std::min(longest, shortest * std::pow(1 - uniform(generator), -1 / pareto_exponent));
  const double found = std::accumulate(tasks.begin(), tasks.end(), 0.0) / static_cast<double>(count);
  for (double& task : tasks) task *= mean / found;
  return tasks;
}

double list_scheduling_makespan(std::span<const double> tasks, std::uint32_t lanes) {
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at{
      std::greater<>{}, std::vector<double>(std::min<std::size_t>(lanes, tasks.size()))};
  double makespan = 0;
  for (const double task : tasks) {
    const double end = free_at.top() + task;
    free_at.pop();
    free_at.push(end);
    makespan = std::max(makespan, end);
  }
  return makespan;
}

}  // namespace benchmark
