// A job whose tasks and actors die in the way its option --case names; dying_test.py looks at what it says and stores.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <crema/crema.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace {

int overflow_stack(int depth) {
  volatile char page[4096];
  page[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : overflow_stack(depth + 1) + page[0];
}

void corrupt_heap() {
  for (int i = 0; i < 100; ++i) {
    auto* place = static_cast<char*>(std::malloc(32));
    for (int at = -16; at < 64; ++at) const_cast<volatile char*>(place)[at] = 'x';
    std::free(place);
  }
}

void end_process(const std::string& how) {
  int* volatile nowhere = nullptr;  // volatile: the compiler must not see where it points
  if (how == "segv") *nowhere = 1;
  if (how == "abort") std::abort();
  if (how == "exit") std::exit(3);
  if (how == "kill") std::raise(SIGKILL);
  if (how == "stack") overflow_stack(1);
  if (how == "heap") corrupt_heap();
  if (how == "hang") std::this_thread::sleep_for(std::chrono::hours{1});
}

/// Takes memory until there is none.
void take_memory() {
  std::vector<std::unique_ptr<char[]>> taken;
  while (true) {
    constexpr std::size_t size = 16 << 20;
    taken.push_back(std::make_unique<char[]>(size));
    for (std::size_t i = 0; i < size; i += 4096) const_cast<volatile char*>(taken.back().get())[i] = 1;
  }
}

/// As of a task that meets its limit: the address space that is left is small.
int meet_limit_of_memory() {
  std::ifstream status{"/proc/self/statm"};
  rlim_t pages = 0;
  status >> pages;
  const rlimit limit{pages * 4096 + (256 << 20), RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &limit);
  take_memory();
  return 0;
}

/// Joins a memory cgroup, as those of a batch system, and takes more than it has.
int meet_limit_of_group(const std::string& group) {
  std::ofstream{group + "/cgroup.procs"} << getpid() << std::flush;
  take_memory();
  return 0;
}

/// Runs a program, which may be an MPI program.
int run_program(const std::string& command) { return std::system(command.c_str()); }

/// Starts a program behind its back and one before it, and never ends.
int run_programs_for_ever(const std::string& attempts) {
  std::ofstream{attempts} << getpid() << std::endl;
  return std::system("sleep 3601 & setsid sleep 3602 & sleep 3603");
}

/// Puts more than the memory budget holds, and never ends.
int spill(const std::string& attempts) {
  std::vector<crema::Future<std::vector<double>>> kept;
  for (int i = 0; i < 20; ++i) kept.push_back(crema::put(std::vector<double>(500'000, i)));
  std::ofstream{attempts} << getpid() << std::endl;
  std::this_thread::sleep_for(std::chrono::hours{1});
  return 0;
}

/// One line of the file for each attempt.
std::size_t count_attempt(const std::string& attempts) {
  {
    std::ofstream file{attempts, std::ios::app};
    file << getpid() << std::endl;
  }
  std::ifstream file{attempts};
  std::size_t lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  return lines;
}

int die(const std::string& how, const std::string& attempts) {
  count_attempt(attempts);
  std::fprintf(stderr, "the last words of %s\n", how.c_str());
  std::printf("printed before %s\n", how.c_str());
  end_process(how);
  return 1;
}

/// Dies until the attempt of this number, which counts from 1.
int die_at_first(const std::string& attempts, std::size_t survives) {
  if (count_attempt(attempts) < survives) end_process("segv");
  return 42;
}

int square(int i) { return i * i; }
std::vector<double> many(double value) { return std::vector<double>(200'000, value); }
double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// Waits for a nested task that dies.
std::string parent(const std::string& attempts) {
  const auto child = crema::with(crema::TaskOptions{.max_retries = 0}).remote<die>("segv", attempts);
  try {
    child.get();
  } catch (const crema::TaskError& error) {
    return error.failure().type;
  }
  return "";
}

/// Ends its process while nested tasks run.
int parent_that_dies(const std::string& attempts) {
  auto child = crema::remote<square>(5);
  auto large = crema::put(std::vector<double>(100'000, 1.0));
  if (count_attempt(attempts) < 2) end_process("abort");
  return child.get() + static_cast<int>(crema::remote<sum>(large).get());
}

class Till {
 public:
  int add(int amount) { return total_ += amount; }
  int die(const std::string& how) {
    std::fprintf(stderr, "the till is on fire\n");
    end_process(how);
    return 0;
  }

 private:
  int total_ = 0;
};

std::string environment_of_task() {
  std::string names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text{*entry};
    for (const char* prefix : {"OMPI_", "PMIX_", "ORTE_"})
      if (text.rfind(prefix, 0) == 0) names += text.substr(0, text.find('=')) + " ";
  }
  return names;
}

std::string what_of(const std::function<void()>& action);
std::string value_or_what_of(const crema::Future<int>& future) {
  std::string value;
  const std::string what = what_of([&] { value = std::to_string(future.get()); });
  return what.empty() ? value : what;
}

std::string what_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "A job whose tasks die"};
  std::string which;
  std::string how = "segv";
  std::string attempts = "attempts";
  job.cli().add_option("--case", which)->required();
  job.cli().add_option("--how", how);
  job.cli().add_option("--attempts", attempts);

  const auto others = [&] {
    std::vector<crema::Future<int>> squares;
    for (int i = 0; i < 200; ++i) squares.push_back(crema::remote<square>(i));
    int total = 0;
    for (const auto& future : squares) total += future.get();
    return total;
  };
  const std::map<std::string, std::function<void()>> cases{
      {"dies",
       [&] {
         crema::TaskOptions options{.max_retries = 2};
         if (how == "hang") options.timeout = std::chrono::milliseconds{300};
         const auto lost = crema::with(options).remote<die>(how, attempts);
         const int total = others();
         try {
           lost.get();
         } catch (const crema::TaskTimeout& error) {
           job.results().value("timeout", error.what());
         } catch (const crema::TaskError& error) {
           job.results().value("error", error.what());
           job.results().value("type", error.failure().type);
         }
         job.results().value("others", total + others());
       }},
      {"recovers", [&] { job.results().value("value", crema::remote<die_at_first>(attempts, 3).get()); }},
      {"nested",
       [&] {
         job.results().value("child", crema::remote<parent>(attempts).get());
         job.results().value("others", others());
       }},
      {"parent_dies", [&] { job.results().value("value", crema::remote<parent_that_dies>(attempts).get()); }},
      {"actor",
       [&] {
         auto till = crema::with(crema::ActorOptions{.max_restarts = 2}).actor<Till>();
         auto other = crema::actor<Till>();
         job.results().value("before", till.remote<&Till::add>(5).get());
         // Each time the last thing it does, so that the next one loses it once more.
         for (const std::string time : {"first", "second", "third"}) {
           const auto killing = till.remote<&Till::die>(how);
           const auto behind = till.remote<&Till::add>(1);
           job.results().value(time + "_killing", what_of([&] { killing.get(); }));
           job.results().value(time + "_behind", value_or_what_of(behind));
           job.results().value(time + "_later", value_or_what_of(till.remote<&Till::add>(10)));
         }
         job.results().value("other", other.remote<&Till::add>(7).get());
         job.results().value("others", others());
       }},
      {"actor_kept",
       [&] {
         auto till = crema::actor<Till>();
         job.results().value("before", till.remote<&Till::add>(5).get());
         job.results().value("killing", what_of([&] { till.remote<&Till::die>(how).get(); }));
         job.results().value("behind", till.remote<&Till::add>(1).get());
         crema::sync();
         if (!std::ifstream{attempts}) {  // the first start, which is killed now
           std::ofstream{attempts} << getpid() << std::endl;
           std::this_thread::sleep_for(std::chrono::hours{1});
         }
         job.results().value("later", till.remote<&Till::add>(10).get());
       }},
      {"cancel",
       [&] {
         auto running = crema::remote<die>("hang", attempts);
         while (!std::ifstream{attempts}) std::this_thread::sleep_for(std::chrono::milliseconds{5});
         running.cancel();
         job.results().value("error", what_of([&] { running.get(); }));
         job.results().value("others", others());
       }},
      {"large",
       [&] {
         double total = 0;
         for (int i = 0; i < 20; ++i) total += crema::remote<sum>(crema::remote<many>(i)).get();
         job.results().value("total", total);
       }},
      {"memory_limit",
       [&] {
         try {
           crema::remote<meet_limit_of_memory>().get();
         } catch (const crema::TaskError& error) {
           job.results().value("type", error.failure().type);
         }
         job.results().value("others", others());
       }},
      {"group_limit",
       [&] {
         try {
           crema::with(crema::TaskOptions{.max_retries = 1}).remote<meet_limit_of_group>(how).get();
         } catch (const crema::TaskError& error) {
           job.results().value("type", error.failure().type);
           job.results().value("error", error.what());
         }
         job.results().value("others", others());
       }},
      {"program", [&] { job.results().value("status", crema::remote<run_program>(how).get()); }},
      {"programs_for_ever",
       [&] {
         const auto task = crema::with({.max_retries = 0, .timeout = std::chrono::seconds{1}})
                               .remote<run_programs_for_ever>(attempts);
         job.results().value("error", what_of([&] { task.get(); }));
         crema::remote<run_program>("sleep 3604 &").get();
       }},
      {"spills", [&] { crema::remote<spill>(attempts).get(); }},
      {"environment", [&] { job.results().value("names", crema::remote<environment_of_task>().get()); }},
      {"waits", [&] { crema::remote<die>("hang", attempts).get(); }},
  };
  return job.run([&] { cases.at(which)(); });
}
