#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "crema/codec.hpp"
#include "crema/dataset.hpp"

// Random inputs of datasets.
namespace crema::testing {

struct Sale {
  std::int64_t id = 0;
  std::string drink;
  double price = 0;
  std::optional<int> cups;

  friend bool operator==(const Sale&, const Sale&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(id) & BOOST_SERIALIZATION_NVP(drink);
    archive& BOOST_SERIALIZATION_NVP(price) & BOOST_SERIALIZATION_NVP(cups);
  }
};

/// What the rows of a test are like.
enum class Kind { empty, one_row, equal_keys, skewed_keys, many_blocks, few_blocks };
inline constexpr std::array kind_names{"no rows", "one row", "equal keys", "skewed keys", "many blocks", "few blocks"};

using Blocks = std::vector<std::vector<Sale>>;

inline Blocks make_blocks(Kind kind, std::mt19937& random) {
  const auto between = [&random](std::size_t least, std::size_t most) { return least + random() % (most - least + 1); };
  std::size_t rows = 0;
  std::size_t blocks = 0;
  switch (kind) {
    case Kind::empty:
      break;
    case Kind::one_row:
      rows = blocks = 1;
      break;
    case Kind::equal_keys:
      rows = between(300, 600);
      blocks = between(5, 20);
      break;
    case Kind::skewed_keys:
      rows = between(1000, 1500);
      blocks = between(20, 40);
      break;
    case Kind::many_blocks:
      rows = between(1500, 2500);
      blocks = (rows - 1) / static_cast<std::size_t>(dataset::items_per_block(rows)) + 1;
      break;
    case Kind::few_blocks:
      rows = between(10, 200);
      blocks = between(1, 2);
      break;
  }
  Blocks made(blocks);
  for (std::size_t i = 0; i < rows; ++i) {
    Sale sale{.id = static_cast<std::int64_t>(i), .drink = "Latte", .price = 4, .cups = {}};
    if (kind != Kind::equal_keys) {
      const bool hot = kind == Kind::skewed_keys && random() % 10 != 0;
      sale.drink = hot ? "Espresso" : "drink " + std::to_string(random() % 97);
      sale.price = static_cast<double>(random() % 1000) / 8;
      if (random() % 50 == 0) sale.price = std::numeric_limits<double>::quiet_NaN();
      if (random() % 3 != 0) sale.cups = static_cast<int>(random() % 9);
    }
    // As from_items cuts many, and evenly or unevenly otherwise.
    std::size_t block = i * blocks / rows;
    if (kind == Kind::many_blocks) block = i / static_cast<std::size_t>(dataset::items_per_block(rows));
    if (kind == Kind::skewed_keys) block = block * block / blocks;
    made[block].push_back(sale);
  }
  return made;
}

/// NaN is equal to nothing, so rows are compared as bytes.
template <class T>
std::string text(const T& value) {
  ByteBuffer out;
  encode(out, value);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

}  // namespace crema::testing
