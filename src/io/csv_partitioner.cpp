#include "io/csv_partitioner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "crema/errors.hpp"
#include "io/csv_records.hpp"

namespace crema::csv {
namespace {

constexpr std::uint64_t usual_header = 1 << 14;    // bytes: read first, since there may be thousands of files
constexpr std::uint64_t largest_header = 1 << 20;  // bytes: beyond it a quote is open or the file is no CSV
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

[[noreturn]] void fail(const std::string& path, std::uint64_t line, std::string expected, std::string found) {
  throw DataError{
      {.file = path, .line = line, .column = {}, .expected = std::move(expected), .found = std::move(found)}};
}

/// Where the header begins: behind a byte order mark, blank lines and comments.
std::size_t header_begin(std::string_view text, char comment) {
  std::size_t begin = text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  begin = text.find_first_not_of("\r\n", begin);
  while (comment != '\0' && begin < text.size() && text[begin] == comment) {
    begin = text.find_first_not_of("\r\n", text.find('\n', begin));
  }
  return std::min(begin, text.size());
}

Partitioner::Input check(const std::string& path, std::span<const std::string> fields, const CsvOptions& options) {
  io::TextReader reader{path};
  io::Text text;
  std::size_t begin = 0;
  std::size_t end = 0;
  char behind = '\0';
  for (const std::uint64_t limit : {usual_header, largest_header}) {
    constexpr std::size_t room = 1;
    text = io::Text{static_cast<std::size_t>(limit), room};
    text.size = reader.read(0, text.bytes.get(), text.size);
    const std::string_view head{text.bytes.get(), text.size};
    begin = header_begin(head, options.comment);
    const std::size_t length = RecordScanner{options}.find_end(head.substr(begin), 0);
    end = length == RecordScanner::npos ? head.size() : begin + length;
    if (length != RecordScanner::npos || reader.read(head.size(), &behind, 1) == 0) break;
    if (limit == largest_header) {
      fail(path, 1, fmt::format("a header line within the first {} bytes", limit),
           "none (is a quote left open, or is this no CSV file?)");
    }
  }
  if (begin == end) fail(path, 0, "a header line with the names of the columns", "an empty file");

  char* const bytes = text.bytes.get();
  const std::uint64_t header_line = 1 + io::count_lines({bytes, begin});
  const std::uint64_t records_line = 1 + io::count_lines({bytes, end});
  std::memmove(bytes, bytes + begin, end - begin);
  Records records{
      {.path = path, .offset = begin, .size = end - begin, .first_line = header_line, .header = {}, .options = options},
      std::move(text.bytes)};
  records.next();
  std::vector<std::string> header;
  for (const std::string_view name : records.cells()) header.emplace_back(crema::detail::trim_blanks(name));
  map_columns(path, header, fields, header_line);
  return {.file = reader.file(),
          .whole = {.path = path,
                    .offset = end,
                    .size = reader.expected_size(),
                    .first_line = records_line,
                    .header = std::move(header),
                    .options = options,
                    .uncut = reader.is_compressed()}};
}

std::deque<Partitioner::Input> check_all(const Paths& paths, std::span<const std::string> fields,
                                         const CsvOptions& options) {
  std::deque<Partitioner::Input> inputs;
  for (const std::string& path : io::matching_paths(paths.patterns())) inputs.push_back(check(path, fields, options));
  return inputs;
}

}  // namespace

Partitioner::Partitioner(const Paths& paths, std::span<const std::string> fields, std::uint64_t block_size,
                         const CsvOptions& options)
    : io::Partitioner<Cutter>{check_all(paths, fields, options), block_size} {}

}  // namespace crema::csv
