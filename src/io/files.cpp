#include "crema/files.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "io/block_source.hpp"
#include "io/file.hpp"
#include "io/file_groups.hpp"
#include "io/line_partitioner.hpp"

namespace crema {
namespace io {
namespace {

CutSection<TextBlock> cut(const TextBlock& file, std::uint64_t block_size, const Section& section) {
  return store_blocks(LineCutter{file, block_size}, section, &TextBlock::size);
}

std::vector<std::string> lines_of(const TextBlock& block) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  const Text memory = read_block(block, 0);
  std::string_view text{memory.bytes.get(), memory.size};
  if (block.offset == 0 && text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  std::vector<std::string> lines;
  lines.reserve(static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

BinaryFile read_whole(const InputFile& known) {
  const File file{known.path};
  BinaryFile row{.path = known.path, .bytes = std::vector<std::byte>(static_cast<std::size_t>(known.size))};
  file.read(0, reinterpret_cast<char*>(row.bytes.data()), row.bytes.size());
  return row;
}

struct LoadLines {
  static Bytes body(void* subject, ByteReader& description) {
    dataset::rows_of(subject).assign(lines_of(decode<TextBlock>(description)));
    return {};
  }
};

/// The arguments are the paths of the files and their sizes.
struct LoadFiles {
  static Bytes body(void* subject, ByteReader& description) {
    std::vector<BinaryFile> rows;
    for (const auto& [path, size] : decode<std::vector<std::pair<std::string, std::uint64_t>>>(description)) {
      rows.push_back(read_whole({.path = path, .size = size}));
    }
    dataset::rows_of(subject).assign(std::move(rows));
    return {};
  }
};

/// Paths and sizes of a block's files.
std::vector<std::pair<std::string, std::uint64_t>> describe(const std::vector<InputFile>& files) {
  std::vector<std::pair<std::string, std::uint64_t>> block;
  for (const InputFile& file : files) block.emplace_back(file.path, file.size);
  return block;
}

}  // namespace
}  // namespace io

Dataset<std::string> read_text(Paths paths) {
  return Dataset<std::string>{dataset::load_plan(dataset::step<io::LoadLines>("read_text"), [paths = std::move(paths)] {
    return io::source_of_text<io::cut>("read_text", io::LinePartitioner{paths});
  })};
}

Dataset<BinaryFile> read_binary(Paths paths) {
  dataset::Plan plan = dataset::load_plan(dataset::step<io::LoadFiles>("read_binary"),
                                          [paths] { return io::source_of(io::FileGroups{paths}, io::describe); });
  plan.count = [paths = std::move(paths)] { return io::count_rows(io::FileGroups{paths}); };
  return Dataset<BinaryFile>{std::move(plan)};
}

}  // namespace crema
