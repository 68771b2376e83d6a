// What tasks and actors find around them: threads of OpenMP regions, variables that name devices.
// surroundings_test.py knows what that has to be.
#include <crema/crema.hpp>
#include <cstdlib>
#include <string>

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

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "What tasks and actors find around them"};
  return job.run([&] {
    crema::Results& results = job.results();
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
