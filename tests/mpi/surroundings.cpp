// What tasks and actors find around them: threads of OpenMP regions, variables that name devices.
// surroundings_test.py knows what that has to be.
#include <algorithm>
#include <chrono>
#include <crema/crema.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

int threads() {
  int count = 0;
#pragma omp parallel reduction(+ : count)
  count += 1;
  return count;
}

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "none" : value;
}

class Oven {
 public:
  int threads_at_first() const { return threads_at_first_; }
  int threads_now() { return threads(); }
  std::string variable_now(const std::string& name) { return variable(name); }

 private:
  int threads_at_first_ = threads();
};

/// Ends once so many of these have begun, as their files tell, or after a minute; returns how many there were.
int begin_together(int number, int count) {
  std::ofstream{"begun-" + std::to_string(number)};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  while (true) {
    int begun = 0;
    for (int other = 0; other < count; ++other)
      begun += std::filesystem::exists("begun-" + std::to_string(other)) ? 1 : 0;
    if (begun == count || std::chrono::steady_clock::now() > deadline) return begun;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

/// Stays for a while; returns how many of these there are, this one among them.
int count_running(int number) {
  const std::string mark = "running-" + std::to_string(number);
  std::ofstream{mark};
  int running = 0;
  for (const auto& file : std::filesystem::directory_iterator{"."})
    running += file.path().filename().string().starts_with("running-") ? 1 : 0;
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  std::filesystem::remove(mark);
  return running;
}

void fill_lanes(crema::Results& results, int count) {
  std::vector<crema::Future<int>> together, running;
  for (int i = 0; i < count; ++i) together.push_back(crema::remote<begin_together>(i, count));
  results.value("together", crema::get(together));
  for (int i = 0; i < 4 * count; ++i) running.push_back(crema::remote<count_running>(i));
  const std::vector<int> counts = crema::get(running);
  results.value("most", *std::max_element(counts.begin(), counts.end()));
  results.value("cpus", crema::cluster().total.cpus);
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "What tasks and actors find around them"};
  int lanes_to_fill = 0;
  job.cli().add_option("--fill-lanes", lanes_to_fill, "Runs as many tasks at a time, and nothing else");
  return job.run([&] {
    crema::Results& results = job.results();
    if (lanes_to_fill > 0) return fill_lanes(results, lanes_to_fill);
    const auto task_with = [](const char* name, const crema::Resources& had) {
      return crema::with(crema::TaskOptions{.name = name, .resources = had});
    };
    const auto oven_with = [](const char* name, const crema::Resources& had) {
      return crema::with(crema::ActorOptions{.name = name, .resources = had}).actor<Oven>();
    };
    const auto three_cpus = task_with("three cpus", {.cpus = 3});
    const auto one_gpu = task_with("one gpu", {.gpus = 1});
    const auto two_gpus = task_with("two gpus", {.gpus = 2});
    results.value("task", crema::remote<threads>().get());
    results.value("task_3", three_cpus.remote<threads>().get());
    results.value("task_2", task_with("two cpus", {.cpus = 2}).remote<threads>().get());
    results.value("task_half", task_with("half a cpu", {.cpus = 0.5}).remote<threads>().get());
    results.value("task_again", crema::remote<threads>().get());
    results.value("variable", crema::remote<variable>("OMP_NUM_THREADS").get());
    results.value("variable_3", three_cpus.remote<variable>("OMP_NUM_THREADS").get());

    const auto plain = crema::actor<Oven>();
    results.value("actor", plain.remote<&Oven::threads_now>().get());
    const auto large = oven_with("two cpus", {.cpus = 2});
    results.value("constructor_2", large.remote<&Oven::threads_at_first>().get());
    results.value("actor_2", large.remote<&Oven::threads_now>().get());
    results.value("variable_of_actor_2", large.remote<&Oven::variable_now>("OMP_NUM_THREADS").get());
    large.kill();

    const auto owner = oven_with("owner", {.cpus = 0, .gpus = 1});
    for (const std::string name : {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"}) {
      results.value(name + " of an actor", owner.remote<&Oven::variable_now>(name).get());
      results.value(name, crema::remote<variable>(name).get());
      results.value(name + " of a task", one_gpu.remote<variable>(name).get());
      results.value(name + " of a task with 2", two_gpus.remote<variable>(name).get());
    }
  });
}
