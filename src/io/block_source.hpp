#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "crema/archive.hpp"
#include "crema/dataset_plan.hpp"
#include "crema/lane_context.hpp"

namespace crema::io {

template <class Block>
Bytes encoded(const Block& block) {
  ByteBuffer description;
  encode(description, block);
  return Bytes{std::move(description)};
}

/// What a partitioner cuts, each block as `describe` makes it. A resume takes the files only as they were.
template <class Partitioner, class Describe = std::identity>
dataset::DescriptionSource source_of(Partitioner cut, Describe describe = {}) {
  const auto partitioner = std::make_shared<Partitioner>(std::move(cut));
  for (const InputFile& file : partitioner->files()) LaneContext::current().opened(file);
  return [partitioner, describe]() -> std::optional<Bytes> {
    const auto block = partitioner->next();
    if (!block) return std::nullopt;
    return encoded(describe(*block));
  };
}

}  // namespace crema::io
