// A job that fails when it has done a bit of everything, so that its journal stays.
#include <crema/crema.hpp>
#include <stdexcept>
#include <vector>

namespace {

class Till {
 public:
  int add(int amount) { return sum_ += amount; }

 private:
  int sum_ = 0;
};

int square(int number) { return number * number; }
std::vector<double> many(int number) { return std::vector<double>(20'000, number); }

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "A job that fails"};
  return job.run([] {
    auto till = crema::actor<Till>();
    std::vector<crema::Future<int>> squares;
    for (int i = 0; i < 20; ++i) squares.push_back(crema::remote<square>(i));
    for (const int number : crema::get(squares)) till.remote<&Till::add>(number).get();
    crema::with({.journal = crema::JournalPolicy::always}).remote<many>(5).get();
    throw std::runtime_error{"the milk is sour"};
  });
}
