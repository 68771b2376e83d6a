#include "crema/json.hpp"

#include "io/block_source.hpp"
#include "io/json_records.hpp"
#include "io/line_partitioner.hpp"

namespace crema::json {

dataset::DescriptionSource open_blocks(const Paths& paths, const ReadOptions& options) {
  return io::source_of(io::LinePartitioner{paths, is_array}, [options](const TextBlock& text) {
    return Block{text, options};
  });
}

}  // namespace crema::json
