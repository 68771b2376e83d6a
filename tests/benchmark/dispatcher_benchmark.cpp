// What a task costs in the dispatcher alone, by workers, ready tasks and priorities.
#include <benchmark/benchmark.h>

#include <random>
#include <utility>
#include <vector>

#include "head/dispatcher.hpp"

namespace {

using crema::FunctionId;
using crema::RankId;
using crema::head::Dispatcher;

/// One step: some running tasks end, as many are added, and the workers get what they have room for.
void steps(benchmark::State& state, std::int64_t nanoseconds, std::size_t tasks_a_step) {
  const auto workers = static_cast<std::int32_t>(state.range(0));
  const auto queued = static_cast<std::size_t>(state.range(1));
  const auto priorities = static_cast<std::int32_t>(state.range(2));
  crema::head::ResourcePool pool;
  Dispatcher dispatcher{pool};
  for (std::int32_t rank = 1; rank <= workers; ++rank) {
    dispatcher.add_worker(RankId{rank}, {});
    dispatcher.on_pull(RankId{rank}, {1, 0});
  }
  std::uint64_t last = 0;
  const auto add = [&] {
    dispatcher.add_ready({static_cast<std::int32_t>(++last % static_cast<std::uint64_t>(priorities)), 0},
                         {crema::TaskId{last}, FunctionId{0}, {}});
  };
  std::vector<std::pair<RankId, Dispatcher::Load>> running;
  const auto assign = [&] {
    for (const auto& assignment : dispatcher.assign()) running.emplace_back(assignment.worker, assignment.load);
  };
  std::minstd_rand random;
  const auto end_one = [&] {
    std::swap(running[random() % running.size()], running.back());
    dispatcher.ended(running.back().first, crema::TaskId{0}, FunctionId{0}, running.back().second, nanoseconds);
    running.pop_back();
  };
  // The first outcome tells how long the function takes.
  add();
  assign();
  end_one();
  while (dispatcher.ready() < queued || running.empty()) {
    add();
    if (dispatcher.ready() >= queued) assign();
  }
  const std::uint64_t looked = dispatcher.looks();
  std::int64_t tasks = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < tasks_a_step; ++i) end_one();
    for (std::size_t i = 0; i < tasks_a_step; ++i) add();
    assign();
    tasks += static_cast<std::int64_t>(tasks_a_step);
  }
  const auto per_task = benchmark::Counter::kAvgIterations;
  state.SetItemsProcessed(tasks);
  state.counters["s/task"] =
      benchmark::Counter(static_cast<double>(tasks), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["looks/step"] = benchmark::Counter(static_cast<double>(dispatcher.looks() - looked), per_task);
}

void one_long_task_ends(benchmark::State& state) { steps(state, 1'000'000'000, 1); }
void sixty_four_short_tasks_end(benchmark::State& state) { steps(state, 20'000, 64); }

constexpr std::int64_t many = 10'000'000;

BENCHMARK(one_long_task_ends)
    ->ArgNames({"workers", "queued", "priorities"})
    ->ArgsProduct({{10, 1'000, 100'000}, {1'000}, {1}})
    ->ArgsProduct({{10, 1'000, 100'000}, {many}, {1, 100}})
    ->Iterations(500'000);
BENCHMARK(sixty_four_short_tasks_end)
    ->ArgNames({"workers", "queued", "priorities"})
    ->ArgsProduct({{10, 1'000, 100'000}, {1'000'000}, {1, 100}})
    ->Iterations(10'000);

}  // namespace

BENCHMARK_MAIN();
