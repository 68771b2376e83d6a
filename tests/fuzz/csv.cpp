// A CSV file: however it is cut into blocks, its rows are the same, or it is refused.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "crema/csv_reader.hpp"
#include "crema/errors.hpp"
#include "io/csv_partitioner.hpp"
#include "target.hpp"
#include "temporary_folder.hpp"

namespace {

struct Sale {
  std::string drink;
  std::optional<double> price;
  std::optional<std::string> note;

  friend bool operator==(const Sale&, const Sale&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price) & BOOST_SERIALIZATION_NVP(note);
  }
};

void read(const crema::csv::Block& block, std::vector<Sale>& rows) {
  for (Sale& row : crema::csv::read_rows<Sale>(block)) {
    if (row.price && *row.price != *row.price) row.price.reset();  // NaN is not equal to itself
    rows.push_back(std::move(row));
  }
}

/// Nothing: the file was refused.
std::optional<std::vector<Sale>> read(const std::string& path, std::uint64_t block_size) try {
  crema::csv::Partitioner partitioner{path, crema::csv::field_names<Sale>(), block_size};
  std::vector<Sale> rows;
  while (const auto block = partitioner.next()) {
    if (!block->uncut) {
      read(*block, rows);
      continue;
    }
    crema::csv::Cutter cutter{*block, partitioner.block_size()};
    while (const auto cut = cutter.next()) read(*cut, rows);
  }
  return rows;
} catch (const crema::DataError&) {
  return std::nullopt;
}

}  // namespace

void crema::testing::take(std::span<const std::byte> input) {
  static const TemporaryFolder folder;
  const std::filesystem::path path = folder / "input.csv";
  {
    std::ofstream stream{path, std::ios::binary | std::ios::trunc};
    stream.write(reinterpret_cast<const char*>(input.data()), std::ssize(input));
    if (!stream.flush()) std::abort();
  }
  if (read(path, 1) != read(path, 0)) std::abort();
}
