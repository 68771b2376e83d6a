// usage: NAME_replay FOLDER: gives each file of the corpus to the target, as it is, cut short and with a bit turned.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "crema/errors.hpp"
#include "target.hpp"

namespace {

void take(const std::vector<char>& input) try {
  crema::testing::take(std::as_bytes(std::span{input}));
} catch (const crema::Error&) {
}

/// At most so many places of a file, so that large ones do not take for ever.
constexpr std::size_t places = 8;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{argv[1]}) {
    std::ifstream stream{entry.path(), std::ios::binary};
    std::vector<char> input{std::istreambuf_iterator<char>{stream}, {}};
    take(input);
    const std::size_t step = std::max<std::size_t>(1, input.size() / places);
    for (std::size_t place = 0; place < input.size(); place += step) {
      take({input.begin(), input.begin() + static_cast<std::ptrdiff_t>(place)});
      input[place] = static_cast<char>(input[place] ^ (1 << (place % 8)));
      take(input);
      input[place] = static_cast<char>(input[place] ^ (1 << (place % 8)));
    }
    ++files;
  }
  std::printf("%d files\n", files);
  return files > 0 ? 0 : 1;
}
