// A JSON file: however it is cut into blocks, its rows are the same, and so is what is left out.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crema/errors.hpp"
#include "crema/json_reader.hpp"
#include "io/json_cutter.hpp"
#include "io/line_partitioner.hpp"
#include "target.hpp"
#include "temporary_folder.hpp"

namespace {

struct Position {
  double x = 0;
  std::optional<std::string> name;

  friend bool operator==(const Position&, const Position&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(x) & BOOST_SERIALIZATION_NVP(name);
  }
};

struct Sale {
  std::string drink;
  std::optional<std::int8_t> cups;
  Position position;
  std::vector<Position> path;

  friend bool operator==(const Sale&, const Sale&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(cups);
    archive& BOOST_SERIALIZATION_NVP(position) & BOOST_SERIALIZATION_NVP(path);
  }
};

struct Found {
  std::vector<Sale> rows;
  std::vector<crema::BadRecord> bad;

  friend bool operator==(const Found&, const Found&) = default;
};

void read(const crema::json::Block& block, Found& found) {
  crema::json::BlockReader good{block};
  crema::json::BlockReader bad{block};
  for (;;) try {
      Sale row;
      if (!good.read(row)) break;
      found.rows.push_back(std::move(row));
    } catch (const crema::DataError&) {
      continue;
    }
  for (auto& record : crema::detail::read_bad_records<Sale>(bad)) found.bad.push_back(std::move(record));
}

/// Nothing: the file was refused.
std::optional<Found> read(const std::string& path, std::uint64_t block_size) try {
  crema::io::LinePartitioner partitioner{path, crema::json::is_array, block_size};
  Found found;
  while (const auto text = partitioner.next()) {
    if (!text->uncut) {
      read({.text = *text}, found);
      continue;
    }
    crema::json::Cutter cutter{{.text = *text}, partitioner.block_size()};
    while (const auto block = cutter.next()) read(*block, found);
  }
  return found;
} catch (const crema::DataError&) {
  return std::nullopt;
}

}  // namespace

void crema::testing::take(std::span<const std::byte> input) {
  static const TemporaryFolder folder;
  const std::filesystem::path path = folder / "input.json";
  {
    std::ofstream stream{path, std::ios::binary | std::ios::trunc};
    stream.write(reinterpret_cast<const char*>(input.data()), std::ssize(input));
    if (!stream.flush()) std::abort();
  }
  if (read(path, 1) != read(path, 0)) std::abort();
}
