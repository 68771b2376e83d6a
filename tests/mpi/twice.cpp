// A job that fails as long as a file "fail" is there, and notes in the file "ran" what its functions really do: to be
// started again. The files "hold" and "items.csv" are looked at, too.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <crema/crema.hpp>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using crema::Actor;
using crema::Future;

struct Item {
  std::string name;
  std::int64_t count = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(count);
  }
};

void note(const std::string& what) {
  const int file = ::open("ran", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0 || ::write(file, (what + "\n").data(), what.size() + 1) < 0) throw std::runtime_error{"noting failed"};
  ::close(file);
}

class Till {
 public:
  std::int64_t add(std::int64_t amount) { return sum_ += amount; }
  std::int64_t sum() const { return sum_; }

 private:
  std::int64_t sum_ = 0;
};

std::int64_t pure(std::int64_t number) {
  note("pure");
  return number * number;
}
std::int64_t outer(std::int64_t number) {
  note("outer");
  return crema::remote<pure>(number).get() + 1;
}
std::vector<double> bulky(std::int64_t number) {
  note("bulky");
  return std::vector<double>(20'000, static_cast<double>(number));
}
std::int64_t size_of(const std::vector<double>& values) {
  note("size_of");
  return std::ssize(values);
}
std::int64_t calls(Actor<Till> till, std::int64_t number) {
  note("calls");
  till.remote<&Till::add>(number).get();
  return number;
}
std::int64_t calls_below(Actor<Till> till, std::int64_t number) {
  note("calls_below");
  return crema::remote<calls>(till, number).get();
}
/// Its child has called the actor before it fails, so what it caught is all that is left of that.
std::int64_t fails_having_called(Actor<Till> till) {
  till.remote<&Till::add>(1000).get();
  throw std::runtime_error{"having called"};
}
std::int64_t catches(Actor<Till> till) {
  note("catches");
  try {
    return crema::with({.name = {}, .retry_exceptions = false}).remote<fails_having_called>(till).get();
  } catch (const crema::TaskError&) {
    return 7;
  }
}
std::int64_t creates(std::int64_t number) {
  note("creates");
  return crema::actor<Till>().remote<&Till::add>(number).get();
}
/// Of a value that is made anew where its maker has called an actor.
std::int64_t after(std::int64_t number) {
  note("after");
  return 2 * number;
}
std::int64_t count_of(const Item& item) {
  note("count_of");
  return item.count;
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "A job that is started again"};
  std::int64_t number = 3;
  std::string input;
  job.cli().add_option("--number", number, "A number that the driver adds to its sum");
  job.cli().add_option("--input", input, "A file that nobody reads");
  return job.run([&] {
    const auto till = crema::actor<Till>();
    std::int64_t sum = number;
    sum += crema::remote<pure>(2).get() + crema::remote<outer>(3).get();
    sum += crema::remote<size_of>(crema::remote<bulky>(1)).get();
    const Future<std::int64_t> called = crema::remote<calls>(till, 10);
    sum += crema::remote<after>(called).get() + crema::remote<calls_below>(till, 20).get();
    sum += crema::remote<catches>(till).get() + crema::remote<creates>(5).get();
    if (std::filesystem::exists("items.csv"))
      for (const std::int64_t count : crema::read_csv<Item>("items.csv").map<count_of>().rows()) sum += count;
    while (std::filesystem::exists("hold")) std::this_thread::sleep_for(std::chrono::milliseconds{10});
    if (std::filesystem::exists("fail")) throw std::runtime_error{"the file is there"};
    job.results().value("sum", sum);
    job.results().value("till", till.remote<&Till::sum>().get());
  });
}
