#pragma once

// Datasets of what is in memory.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "crema/dataset_plan.hpp"
#include "crema/dataset_steps.hpp"

namespace crema {

template <class T>
class Dataset;

/// The items of a vector, which are sent to the workers block by block.
template <class T>
[[nodiscard]] Dataset<T> from_items(std::vector<T> items) {
  const auto all = std::make_shared<const std::vector<T>>(std::move(items));
  const auto open = [all]() -> dataset::DescriptionSource {
    return {[all, place = all->begin()](std::size_t) mutable -> std::optional<dataset::Description> {
      if (place == all->end()) return std::nullopt;
      const auto begin = place;
      place += std::min<std::ptrdiff_t>(all->end() - begin, dataset::items_per_block(all->size()));
      ByteBuffer out;
      encode(out, std::vector<T>(begin, place));
      return Bytes{std::move(out)};
    }};
  };
  dataset::Plan plan = dataset::load_plan(dataset::step<dataset::LoadItems<T>>("from_items"), open);
  plan.count = [all] { return static_cast<std::uint64_t>(all->size()); };
  return Dataset<T>{std::move(plan)};
}

/// The numbers 0, 1, …, count - 1. Throws UsageError for a negative count.
[[nodiscard]] Dataset<std::int64_t> range(std::int64_t count);

}  // namespace crema
