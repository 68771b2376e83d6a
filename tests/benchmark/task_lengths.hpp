#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace benchmark {

enum class Lengths { constant, pareto };

/// Lengths of `count` tasks with this mean, always the same. `constant` differs by up to 1 %, as a program's do.
/// `pareto` has a heavy tail: exponent 1.5, cut at ten times the mean (a longer task would be the makespan by itself).
std::vector<double> task_lengths(Lengths lengths, double mean, std::size_t count);

/// When the last task ends if each goes, in this order, to the lane that is free first, and nothing else costs
/// anything (Graham 1966).
double list_scheduling_makespan(std::span<const double> tasks, std::uint32_t lanes);

}  // namespace benchmark
