// One job that asks crema for everything it can do and stores what came back. same_results_test.py knows what that has
// to be, on any number of ranks.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <crema/crema.hpp>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Weather {
  std::string location;
  std::chrono::sys_days date;
  double precipitation = 0;
  double temp_max = 0;
  std::optional<std::string> weather;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(location) & BOOST_SERIALIZATION_NVP(date);
    archive& BOOST_SERIALIZATION_NVP(precipitation) & BOOST_SERIALIZATION_NVP(temp_max);
    archive& BOOST_SERIALIZATION_NVP(weather);
  }
};

struct Airport {
  std::string iata;
  std::string name;
  std::string state;
  double latitude = 0;
  double longitude = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(iata) & BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(state);
    archive& BOOST_SERIALIZATION_NVP(latitude) & BOOST_SERIALIZATION_NVP(longitude);
  }
};

std::int64_t square(std::int64_t x) { return x * x; }
void nothing() {}
double sum(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }
Airport with_name(Airport airport, const std::string& name) {
  airport.name = name;
  return airport;
}
int fibonacci(int n) {
  if (n < 2) return n;
  const auto a = crema::remote<fibonacci>(n - 1);
  const auto b = crema::remote<fibonacci>(n - 2);
  return a.get() + b.get();
}
int rank_of_task() { return crema::this_task().rank().number; }
int fail(const std::string& reason) { throw std::domain_error{reason}; }

/// Keeps every call in the order it was applied.
class Ledger {
 public:
  void write(std::int32_t caller, std::int32_t number) { entries_.emplace_back(caller, number); }
  std::vector<std::int32_t> numbers_of(std::int32_t caller) const {
    std::vector<std::int32_t> numbers;
    for (const auto& [who, number] : entries_)
      if (who == caller) numbers.push_back(number);
    return numbers;
  }
  std::uint64_t size() const { return entries_.size(); }
  void write_and_fail(std::int32_t caller) {
    write(caller, 0);
    throw std::runtime_error{"the ink is dry"};
  }

 private:
  std::vector<std::pair<std::int32_t, std::int32_t>> entries_;
};

/// An actor that needs a task and another actor for its answer.
class Auditor {
 public:
  explicit Auditor(crema::Actor<Ledger> ledger) : ledger_{ledger} {}
  std::int64_t size_squared() const {
    return crema::remote<square>(static_cast<std::int64_t>(ledger_.remote<&Ledger::size>().get())).get();
  }

 private:
  crema::Actor<Ledger> ledger_;
};

constexpr std::int32_t callers = 5;  // the driver, three tasks with a handle, one that finds the actor by its name
constexpr std::int32_t calls = 25;

void write_all(const crema::Actor<Ledger>& ledger, std::int32_t caller) {
  std::vector<crema::Future<void>> written;
  for (std::int32_t number = 0; number < calls; ++number)
    written.push_back(ledger.remote<&Ledger::write>(caller, number));
  crema::get(written);
}
void find_and_write_all(const std::string& name, std::int32_t caller) {
  write_all(crema::find_actor<Ledger>(name), caller);
}

bool is_rainy(const Weather& day, double least) { return day.precipitation > least; }
std::int64_t tenths(const Weather& day, std::int64_t factor) { return std::llround(day.precipitation * 10) * factor; }
std::uint64_t count_days(const std::string& file) { return crema::read_csv<Weather>(file).count(); }
std::string shout(const std::string& text, const std::string& mark) { return text + mark; }

/// What a task threw, as its caller sees it.
template <class Expected, class T>
std::string failure_of(const crema::Future<T>& future) {
  try {
    future.get();
  } catch (const Expected& error) {
    return fmt::format("{}: {}", error.type(), error.message());
  }
  return "none";
}

void tasks(crema::Results& results, int fibonacci_of) {
  std::vector<crema::Future<std::int64_t>> squares;
  for (std::int64_t i = 0; i < 500; ++i) squares.push_back(crema::remote<square>(i));
  results.array("squares", crema::get(squares), {500}, {.dimensions = {"x"}});
  crema::get(std::vector{crema::remote<nothing>(), crema::with(crema::TaskOptions{.name = "idle"}).remote<nothing>()});

  results.value("fibonacci", crema::remote<fibonacci>(fibonacci_of).get());
  results.value("lambda", crema::remote([](int a, int b) { return a - b; }, 5, 3).get());
  results.value("constant_lambda", crema::remote<[](const std::string& a) { return a + "!"; }>("flat white").get());
  results.value("overload", crema::remote<crema::overload<double(double)>(std::sqrt)>(2).get(), {.units = "m"});
  results.value("span", crema::remote<sum>(std::vector{1.5, 2.25, -4.0}).get());
  results.value("task_failure", failure_of<crema::TaskError>(crema::remote<fail>("no such drink")));

  std::vector<crema::Future<Airport>> renamed;
  for (const char* name : {"Tempelhof", "\"Gatow\", RAF", "Zürich"})
    renamed.push_back(crema::remote<with_name>(Airport{"XXX", "", "BE", 52.5, 13.25}, name));
  results.table("renamed", renamed, {.units = {{"latitude", "degrees_north"}}});
}

void actors(crema::Results& results) {
  const auto ledger = crema::with(crema::ActorOptions{.name = "ledger"}).actor<Ledger>();
  std::vector<crema::Future<void>> written;
  for (std::int32_t caller = 1; caller < callers - 1; ++caller)
    written.push_back(crema::remote<write_all>(ledger, caller));
  written.push_back(crema::remote<find_and_write_all>("ledger", callers - 1));
  write_all(ledger, 0);
  crema::get(written);

  std::vector<std::int32_t> numbers;
  for (std::int32_t caller = 0; caller < callers; ++caller) {
    const auto of_caller = ledger.remote<&Ledger::numbers_of>(caller).get();
    numbers.insert(numbers.end(), of_caller.begin(), of_caller.end());
  }
  results.array("calls", numbers, {callers, calls}, {.dimensions = {"caller", "call"}});

  const auto other = crema::actor<Ledger>();
  results.value("actor_failure", failure_of<crema::ActorError>(other.remote<&Ledger::write_and_fail>(7)));
  results.value("calls_of_other", other.remote<&Ledger::size>().get());
  const auto auditor = crema::actor<Auditor>(ledger);
  results.value("audit", auditor.remote<&Auditor::size_squared>().get());
}

void datasets(crema::Results& results, const std::string& weather, const std::string& airports) {
  results.value("items",
                crema::from_items(std::vector<std::string>{"a", "b", "c"}).map<shout>(std::string{"!"}).take_all());
  results.value("range",
                crema::range(10'000).filter([](std::int64_t i, int divisor) { return i % divisor == 0; }, 7).sum());

  const auto days = crema::read_csv<Weather>(weather);
  results.value("days", days.count());
  results.value("days_in_task", crema::remote<count_days>(weather).get());
  results.value("precipitation_tenths", days.map<tenths>(3).sum());
  results.value("temperature_sum", days.sum<&Weather::temp_max>());
  results.table("rainy", days.filter<is_rainy>(20.0), {.units = {{"precipitation", "mm"}}});
  results.table("airports", crema::read_csv<Airport>(airports));
}

/// Told, not stored: differs with the number of ranks.
void describe_ranks() {
  std::vector<crema::Future<int>> places;
  for (int i = 0; i < 100; ++i) places.push_back(crema::remote<rank_of_task>());
  const auto ranks = crema::get(places);
  const crema::Cluster cluster = crema::cluster();
  fmt::print("nodes {} ranks {} workers {} cpus {}\n", cluster.nodes, cluster.ranks, cluster.workers,
             cluster.total.cpus);
  fmt::print("driver {} tasks {}\n", crema::this_task().rank().number,
             fmt::join(std::set<int>{ranks.begin(), ranks.end()}, " "));
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "Everything crema can do, once"};
  std::string weather;
  std::string airports;
  int fibonacci_of = 12;
  job.cli().add_option("--fibonacci", fibonacci_of, "Which number of Fibonacci's nested tasks add up");
  job.cli().add_option("--weather", weather, "CSV file of days")->required();
  job.cli().add_option("--airports", airports, "CSV file of airports")->required();
  return job.run([&] {
    tasks(job.results(), fibonacci_of);
    actors(job.results());
    datasets(job.results(), weather, airports);
    describe_ranks();
  });
}
