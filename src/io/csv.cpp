#include "crema/csv.hpp"

#include <memory>
#include <optional>

#include "crema/lane_context.hpp"
#include "io/csv_partitioner.hpp"

namespace crema::csv {

dataset::DescriptionSource open_blocks(const std::string& pattern, const std::vector<std::string>& fields) {
  const auto partitioner = std::make_shared<Partitioner>(pattern, fields);
  for (const InputFile& file : partitioner->files()) LaneContext::current().opened(file);
  return [partitioner]() -> std::optional<Bytes> {
    const std::optional<Block> block = partitioner->next();
    if (!block) return std::nullopt;
    ByteBuffer description;
    encode(description, *block);
    return Bytes{std::move(description)};
  };
}

}  // namespace crema::csv
