#include "crema/csv.hpp"

#include <memory>
#include <optional>

#include "io/csv_partitioner.hpp"

namespace crema::csv {

dataset::BlockSource open_blocks(const std::string& pattern, const std::vector<std::string>& fields) {
  return [partitioner = std::make_shared<Partitioner>(pattern, fields)]() -> std::optional<Bytes> {
    const std::optional<Block> block = partitioner->next();
    if (!block) return std::nullopt;
    ByteBuffer description;
    encode(description, *block);
    return Bytes{std::move(description)};
  };
}

}  // namespace crema::csv
