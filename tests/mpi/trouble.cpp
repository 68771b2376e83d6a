// A job that goes wrong in the way its option --case names. The tests beside it look at it from outside: exit code,
// messages, run file, and how long it takes to end.
#include <fmt/format.h>

#include <chrono>
#include <crema/crema.hpp>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace {

struct Item {
  std::string name;
  std::int32_t count = 0;
  double price = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(count) & BOOST_SERIALIZATION_NVP(price);
  }
};

class Till {
 public:
  int sleep(const std::string& marker, double seconds);
};
class Oven {};

void touch(const std::string& marker) {
  std::ofstream file{marker};
  file << "now\n";
  file.close();
  if (!file) throw std::runtime_error{"writing " + marker + " failed"};
}

int sleep_for(const std::string& marker, double seconds) {
  touch(marker);
  std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
  return 1;
}
int Till::sleep(const std::string& marker, double seconds) { return sleep_for(marker, seconds); }

int fail(const std::string& marker) {
  touch(marker);
  throw std::out_of_range{"the milk is sour"};
}
int abort_process(const std::string& marker) {
  touch(marker);
  std::abort();
}
/// So much that it stays with the rank that made it.
std::vector<double> bake(double value, double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
  return std::vector<double>(20'000, value);
}
double eat(const std::vector<double>& bread) { return std::accumulate(bread.begin(), bread.end(), 0.0); }
/// Waits for others of its kind.
double breakfast(const std::string& marker, double value) {
  const auto bread = crema::remote<bake>(value, 0.1);
  touch(marker);
  return crema::remote<eat>(bread).get();
}
/// Has what tasks have stored.
class Shelf {
 public:
  void add(crema::Future<std::vector<double>> bread) { breads_.push_back(std::move(bread)); }
  double eat_all() const {
    double eaten = 0;
    for (const auto& bread : breads_) eaten += eat(bread.get());
    return eaten;
  }
  std::size_t size() const { return breads_.size(); }

 private:
  std::vector<crema::Future<std::vector<double>>> breads_;
};
void bake_for(crema::Actor<Shelf> shelf, double value) {
  shelf.remote<&Shelf::add>(crema::put(bake(value, 0.1))).get();
}
crema::Future<std::vector<double>> bake_and_store(double value) { return crema::put(bake(value, 0.1)); }
std::string echo(const std::string& text) { return text; }

void wait_for(const std::string& marker) {
  while (!std::ifstream{marker}) std::this_thread::sleep_for(std::chrono::milliseconds{2});
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "A job that goes wrong"};
  std::string which;
  std::string input;
  std::string markers;
  int unused = 0;
  // A marker file says when it happens; the trouble follows at once.
  const auto marker = [&](const std::string& name) { return markers + "/" + name; };
  const std::map<std::string, std::function<void()>> cases{
      {"none", [&] { job.results().value("drinks", crema::remote<echo>("latte").get()); }},
      {"read", [&] { job.results().value("rows", crema::read_csv<Item>(input).take_all().size()); }},
      {"task_throws", [&] { crema::remote<fail>(marker("now")).get(); }},
      {"task_throws_unheard", [&] { crema::remote<fail>(marker("now")); }},
      {"task_throws_caught",
       [&] {
         try {
           crema::remote<fail>(marker("now")).get();
         } catch (const crema::TaskError& error) {
           job.results().value("failure", error.message());
         }
       }},
      {"driver_throws",
       [&] {
         job.results().value("drinks", crema::remote<echo>("latte").get());
         touch(marker("now"));
         throw std::length_error{"the queue is too long"};
       }},
      {"driver_throws_while_others_sleep",
       [&] {
         const auto sleeping = crema::remote<sleep_for>(marker("asleep"), 60);
         wait_for(marker("asleep"));
         touch(marker("now"));
         throw std::length_error{"the queue is too long"};
       }},
      {"actor_twice",
       [] {
         crema::with(crema::ActorOptions{.name = "till"}).actor<Till>();
         crema::with(crema::ActorOptions{.name = "till"}).actor<Till>();
       }},
      {"actor_unknown", [] { crema::find_actor<Till>("till"); }},
      {"actor_of_another_class",
       [] {
         crema::with(crema::ActorOptions{.name = "till"}).actor<Till>();
         crema::find_actor<Oven>("till");
       }},
      {"task_aborts",
       [&] {
         job.results().value("drinks", crema::remote<echo>("latte").get());
         crema::remote<abort_process>(marker("now")).get();
       }},
      {"busy",
       [&] {
         // The first loaf is held to the end, and needed there.
         const auto first = crema::remote<bake>(1000, 0.1);
         std::vector<crema::Future<double>> meals;
         for (int i = 0; i < 40; ++i) meals.push_back(crema::remote<breakfast>(marker("task"), i));
         double total = 0;
         for (const double meal : crema::get(meals)) total += meal;
         job.results().value("eaten", total + crema::remote<eat>(first).get());
         job.results().value("workers", crema::cluster().workers);
       }},
      {"shelf",
       [&] {
         const auto shelf = crema::actor<Shelf>();
         std::vector<crema::Future<void>> added;
         std::vector<crema::Future<std::vector<double>>> stored;
         for (int i = 0; i < 40; ++i) {
           added.push_back(crema::remote<bake_for>(shelf, i));
           stored.push_back(crema::remote<bake_and_store>(25));
         }
         crema::get(added);
         crema::wait(stored, {.count = stored.size()});
         touch(marker("baked"));
         wait_for(marker("lost"));
         double total = shelf.remote<&Shelf::eat_all>().get();
         for (const auto& bread : stored) total += crema::remote<eat>(bread).get();
         job.results().value("eaten", total);
         job.results().value("breads", shelf.remote<&Shelf::size>().get());
         job.results().value("workers", crema::cluster().workers);
       }},
      {"lost_actor",
       [&] {
         job.results().value("drinks", crema::remote<echo>("latte").get());
         const auto till = crema::actor<Till>();
         std::vector<crema::Future<int>> calls{till.remote<&Till::sleep>(marker("call"), 60)};
         for (int i = 0; i < 10; ++i) calls.push_back(till.remote<&Till::sleep>(marker("never"), 0));
         std::string failures;
         for (const auto& call : calls) {
           try {
             call.get();
           } catch (const crema::ActorError& error) {
             failures += error.message() + "\n";
           }
         }
         job.results().value("failures", failures);
         job.results().value("other", crema::actor<Till>().remote<&Till::sleep>(marker("other"), 0).get());
       }},
      {"all_sleep",
       [&] {
         job.results().value("drinks", crema::remote<echo>("latte").get());
         const auto task = crema::remote<sleep_for>(marker("task"), 60);
         const auto call = crema::actor<Till>().remote<&Till::sleep>(marker("call"), 60);
         task.get();
         call.get();
       }},
      {"everybody_sleeps",
       [&] {
         std::vector<crema::Future<int>> tasks;
         for (int i = 0; i < crema::cluster().workers; ++i)
           tasks.push_back(crema::remote<sleep_for>(marker("task-" + std::to_string(i)), 60));
         crema::actor<Till>().remote<&Till::sleep>(marker("call"), 60).get();
         crema::get(tasks);
       }},
  };

  job.cli().add_option("--case", which, "What goes wrong")->required()->check(CLI::IsMember(cases));
  job.cli().add_option("--input", input, "CSV file of items");
  job.cli().add_option("--markers", markers, "Folder of the files that tell how far the job is");
  // An option with the name of one of crema's, told by the environment since it has to be known before the options are.
  if (const char* taken = std::getenv("TROUBLE_OPTION")) job.cli().add_option(taken, unused);
  return job.run([&] { cases.at(which)(); });
}
