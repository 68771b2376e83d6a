#include "crema/csv.hpp"

#include <utility>

#include "crema/errors.hpp"
#include "io/block_source.hpp"
#include "io/csv_partitioner.hpp"

namespace crema::csv {

void check(const CsvOptions& options) {
  const auto refuse = [](std::string why) {
    throw UsageError{"reading CSV files as CsvOptions say: " + std::move(why)};
  };
  const auto ends_line = [](char character) { return character == '\n' || character == '\r'; };
  if (ends_line(options.delimiter) || ends_line(options.quote) || ends_line(options.comment)) {
    refuse("delimiter, quote and comment cannot be the end of a line");
  }
  const auto in_ascii = [](char character) { return static_cast<unsigned char>(character) < 0x80; };
  if (!in_ascii(options.delimiter) || !in_ascii(options.quote) || !in_ascii(options.comment))
    refuse(
        "delimiter, quote and comment must be ASCII characters: others are several bytes, of which one would be meant");
  if (options.delimiter == '\0') refuse("they need a delimiter, as in {.delimiter = ';'}");
  if (options.delimiter == options.quote || options.delimiter == options.comment ||
      (options.quote != '\0' && options.quote == options.comment)) {
    refuse("delimiter, quote and comment must be three different characters");
  }
}

namespace {

io::CutSection<Block> cut(const Block& file, std::uint64_t block_size, const io::Section& section) {
  return io::store_blocks(Cutter{file, block_size}, section, &Block::size);
}

}  // namespace

dataset::DescriptionSource open_blocks(const Paths& paths, const std::vector<std::string>& fields,
                                       const CsvOptions& options) {
  return io::source_of_text<cut>("read_csv", Partitioner{paths, fields, 0, options});
}

}  // namespace crema::csv
