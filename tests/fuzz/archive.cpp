// Arguments and results: a value of many kinds, and what is read is written as it was.
#include "crema/archive.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <complex>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "crema/errors.hpp"
#include "target.hpp"

namespace {

struct Part {
  std::string name;
  std::vector<Part> parts;
  std::vector<double> numbers;
  std::vector<bool> bits;
  std::optional<std::pair<std::string, bool>> note;
  std::variant<std::monostate, std::int64_t, std::string, std::array<std::string, 2>> choice;
  std::map<std::string, std::tuple<char, float>> sorted;
  std::unordered_map<std::int16_t, std::set<std::string>> hashed;
  std::complex<double> phase;
  std::chrono::milliseconds time{};

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& name& parts& numbers& bits& note& choice& sorted& hashed& phase& time;
  }
};

Part part_of(crema::Bytes bytes) {
  crema::ByteReader reader{std::move(bytes)};
  return crema::decode<Part>(reader);
}

}  // namespace

void crema::testing::take(std::span<const std::byte> input) {
  const Part part = part_of(Bytes::copy_of(input));
  ByteBuffer first;
  encode(first, part);
  const Bytes once{std::move(first)};
  ByteBuffer second;
  encode(second, part_of(once));
  if (!std::ranges::equal(once.span(), second.span())) std::abort();
}
