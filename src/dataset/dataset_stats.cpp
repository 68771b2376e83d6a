#include "crema/dataset_stats.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "crema/dataset_show.hpp"

namespace crema {

std::string DatasetStats::text() const {
  std::vector<std::vector<dataset::ShownCell>> rows;
  const bool left_out = std::ranges::any_of(operators, [](const Operator& one) { return one.left_out > 0; });
  for (const Operator& one : operators) {
    rows.push_back({{one.name},
                    {fmt::format("{}", one.blocks), true},
                    {fmt::format("{}", one.rows), true},
                    {one.bytes == 0 ? "" : fmt::format("{}", one.bytes), true},
                    {fmt::format("{:.3f}", std::chrono::duration<double>{one.time}.count()), true},
                    {fmt::format("{:.0f} MiB", static_cast<double>(one.peak_memory) / (1 << 20)), true}});
    if (left_out) rows.back().push_back({one.left_out == 0 ? "" : fmt::format("{}", one.left_out), true});
  }
  std::vector<std::string> names{"operator", "blocks", "rows", "bytes", "seconds", "peak memory"};
  if (left_out) names.emplace_back("left out");
  return dataset::table_text(std::move(names), std::move(rows));
}

std::ostream& operator<<(std::ostream& out, const DatasetStats& stats) { return out << stats.text(); }

namespace dataset {
namespace {

thread_local StatsCollector* innermost = nullptr;

}  // namespace

std::uint64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

StatsCollector::StatsCollector() : outer_{std::exchange(innermost, this)} {}
StatsCollector::~StatsCollector() { innermost = outer_; }

void StatsCollector::add(const std::vector<std::string>& names, const BlockFacts& facts) {
  if (innermost == nullptr) return;
  auto& stages = innermost->stages_;
  auto stage = std::find_if(stages.begin(), stages.end(), [&](const Stage& known) { return known.names == names; });
  if (stage == stages.end()) {
    stage = stages.insert(stages.end(), Stage{names, {}});
    for (const std::string& name : names) stage->operators.push_back({.name = name});
  }
  // What makes the block may be several steps without names.
  const std::size_t making = facts.steps.size() - std::min(facts.steps.size(), names.size() - 1);
  for (std::size_t i = 0; i < facts.steps.size(); ++i) {
    DatasetStats::Operator& one = stage->operators[i < making ? 0 : i - making + 1];
    one.rows += i + 1 < making ? 0 : facts.steps[i].rows;
    one.time += std::chrono::nanoseconds{facts.steps[i].nanoseconds};
  }
  for (DatasetStats::Operator& one : stage->operators) {
    ++one.blocks;
    one.peak_memory = std::max(one.peak_memory, facts.peak_memory);
  }
  stage->operators.back().bytes += facts.bytes;
  stage->operators.front().left_out += facts.left_out;
}

DatasetStats StatsCollector::take() {
  DatasetStats stats;
  for (Stage& stage : std::exchange(stages_, {})) {
    for (DatasetStats::Operator& one : stage.operators) {
      if (!one.name.empty()) {
        stats.operators.push_back(std::move(one));
      } else if (!stats.operators.empty()) {
        // Handing rows on is no operator that somebody wrote.
        stats.operators.back().time += one.time;
        stats.operators.back().bytes += one.bytes;
      }
    }
  }
  return stats;
}

}  // namespace dataset
}  // namespace crema
