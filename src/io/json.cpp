#include "crema/json.hpp"

#include <memory>

#include "crema/lane_context.hpp"
#include "io/json_records.hpp"
#include "io/line_partitioner.hpp"

namespace crema::json {

dataset::BlockSource open_blocks(const Paths& paths, const JsonOptions& options) {
  const auto partitioner = std::make_shared<io::LinePartitioner>(paths, is_array);
  for (const InputFile& file : partitioner->files()) LaneContext::current().opened(file);
  return [partitioner, options]() -> std::optional<Bytes> {
    const std::optional<TextBlock> text = partitioner->next();
    if (!text) return std::nullopt;
    ByteBuffer description;
    encode(description, Block{*text, options});
    return Bytes{std::move(description)};
  };
}

}  // namespace crema::json
