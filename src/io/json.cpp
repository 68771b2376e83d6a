#include "crema/json.hpp"

#include "io/block_source.hpp"
#include "io/json_array.hpp"
#include "io/json_cutter.hpp"
#include "io/line_partitioner.hpp"

namespace crema::json {
namespace {

io::CutSection<Block> cut(const Block& file, std::uint64_t block_size, const io::Section& section) {
  return io::store_blocks(Cutter{file, block_size}, section, [](const Block& block) { return block.text.size; });
}

}  // namespace

dataset::DescriptionSource open_blocks(const Paths& paths, const ReadOptions& options) {
  return io::source_of_text<cut>("read_json", io::LinePartitioner{paths, is_array},
                                 [options](const TextBlock& text) { return Block{.text = text, .options = options}; });
}

}  // namespace crema::json
