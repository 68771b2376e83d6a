// A job with work that lasts until it is told to end, by a file or by this_task().stopping(). stopping_test.py stops it
// early in all the ways there are.
#include <chrono>
#include <crema/crema.hpp>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

void touch(const std::string& path) {
  std::ofstream file{path};
  file << "now\n";
  file.close();
  if (!file) throw std::runtime_error{"writing " + path + " failed"};
}

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds{2}); }

int square(int number) { return number * number; }
int until_file(const std::string& begun, const std::string& end, int value) {
  touch(begun);
  while (!std::ifstream{end}) nap();
  return value;
}
int until_told(const std::string& begun, const std::string& told) {
  touch(begun);
  while (!crema::this_task().stopping()) nap();
  touch(told);
  return 1;
}
int parent(const std::string& begun, const std::string& end) {
  return crema::remote<square>(until_file(begun, end, 3)).get();
}
void sleep_long(const std::string& begun, const std::string& end) {
  touch(begun);
  for (int i = 0; i < 600 && !std::ifstream{end}; ++i) std::this_thread::sleep_for(std::chrono::milliseconds{100});
}

class Till {
 public:
  int count(const std::string& begun, const std::string& end) { return until_file(begun, end, 6); }
};

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "A job that is stopped early"};
  std::string which;
  const std::string begun = "begun";
  const std::string end = "end";
  const std::map<std::string, std::function<void()>> cases{
      {"task",
       [&] {
         const auto long_one = crema::remote<until_file>(begun, end, 5);
         const auto after = crema::remote<square>(long_one);
         job.results().value("long_one", long_one.get());
         job.results().value("after", after.get());
       }},
      {"call", [&] { job.results().value("call", crema::actor<Till>().remote<&Till::count>(begun, end).get()); }},
      {"told", [&] { job.results().value("told", crema::remote<until_told>(begun, std::string{"told"}).get()); }},
      {"nested", [&] { job.results().value("nested", crema::remote<parent>(begun, end).get()); }},
      {"driver",
       [&] {
         touch(begun);
         while (!crema::this_task().stopping()) nap();
       }},
      {"stubborn", [&] { crema::remote<sleep_long>(begun, end).get(); }},
  };
  job.cli().add_option("--case", which, "What runs when it is stopped")->required()->check(CLI::IsMember(cases));
  return job.run([&] {
    job.results().value("first", crema::remote<square>(7).get());
    cases.at(which)();
  });
}
