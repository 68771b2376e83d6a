// What tasks may do with the futures they have made: wait for them, take them as they complete, cancel them. And actors
// that wait for each other in a circle. inside_test.py knows what has to become of it.
#include <chrono>
#include <crema/crema.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

void make_file(const std::string& name) { std::ofstream{name}.put('\n'); }
void wait_for_file(const std::string& name) {
  while (!std::filesystem::exists(name)) std::this_thread::sleep_for(1ms);
}

int twice(int x) { return 2 * x; }
int endless() {
  while (!crema::this_task().cancelled()) std::this_thread::sleep_for(1ms);
  return 0;
}

/// How many of six were ready and pending when one was asked for, and the sum of all.
std::vector<std::int64_t> wait_in_task() {
  std::vector<crema::Future<int>> futures;
  for (int i = 0; i < 6; ++i) futures.push_back(crema::remote<twice>(i));
  const auto [ready, pending] = crema::wait(futures, {.count = 2});
  std::int64_t sum = 0;
  for (const int value : crema::get(ready)) sum += value;
  for (const int value : crema::get(pending)) sum += value;
  const auto late = crema::wait(std::vector{crema::put(1), crema::remote<twice>(1)}, {.count = 2, .timeout = 1h});
  return {std::int64_t(ready.size()), std::int64_t(pending.size()), sum, std::int64_t(late.ready.size())};
}

/// The values as they come, each once.
std::vector<int> take_as_completed_in_task() {
  std::vector<crema::Future<int>> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(crema::remote<twice>(i));
  std::multiset<int> values;
  for (const crema::Future<int>& future : crema::as_completed(futures)) values.insert(future.get());
  return {values.begin(), values.end()};
}

/// What becomes of a child that runs, or waits for a lane, when its parent cancels it.
std::string cancel_in_task() {
  const auto child = crema::remote<endless>();
  const auto dependent = crema::remote<twice>(child);
  const bool early = child.ready();
  child.cancel();
  std::string found = early ? "ready " : "";
  try {
    dependent.get();
    found += "ended";
  } catch (const crema::TaskCancelled&) {
    found += "cancelled";
  }
  return found;
}

int first_child() { return 5; }
int wait_for(const crema::Future<int>& child) { return child.get() + 1; }
/// Waits for a task that waits for an earlier child of this one, and is begun first where there is one worker.
int parent() {
  const auto child = crema::remote<first_child>();
  return crema::with(crema::TaskOptions{.priority = 1}).remote<wait_for>(child).get() + 10;
}

class Partner {
 public:
  int ask(const crema::Actor<Partner>& other, const std::string& mine, const std::string& others) {
    make_file(mine);
    wait_for_file(others);
    return other.remote<&Partner::answer>().get();
  }
  int answer() const { return 1; }
};

void ask_in_a_circle() {
  const auto a = crema::with(crema::ActorOptions{.name = "a"}).actor<Partner>();
  const auto b = crema::with(crema::ActorOptions{.name = "b"}).actor<Partner>();
  const auto of_a = a.remote<&Partner::ask>(b, "a_asks", "b_asks");
  const auto of_b = b.remote<&Partner::ask>(a, "b_asks", "a_asks");
  crema::get(std::vector{of_a, of_b});
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "What tasks do with futures"};
  bool circle = false;
  job.cli().add_flag("--circle", circle, "Two actors wait for each other");
  return job.run([&] {
    if (circle) return ask_in_a_circle();
    crema::Results& results = job.results();
    results.value("waited", crema::remote<wait_in_task>().get());
    results.value("taken", crema::remote<take_as_completed_in_task>().get());
    results.value("cancelled", crema::remote<cancel_in_task>().get());
    results.value("parent", crema::remote<parent>().get());
  });
}
