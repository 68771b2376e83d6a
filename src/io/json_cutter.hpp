#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "crema/json_reader.hpp"
#include "io/json_array.hpp"
#include "io/line_cutter.hpp"

namespace crema::json {

/// Cuts a JSON file that cannot be entered in the middle, whether it is one array or has a value on each line. Thread
/// safety: none.
class Cutter {
 public:
  using Block = json::Block;

  Cutter(const Block& file, std::uint64_t block_size) : options_{file.options} {
    io::TextReader text{file.text.path};
    if (is_array(text)) {
      cut_.emplace<ArrayCutter>(file, block_size);
    } else {
      cut_.emplace<io::LineCutter>(file.text, block_size);
    }
  }

  /// The next block; none behind the last. Throws what its cutter throws.
  std::optional<Block> next() {
    if (auto* array = std::get_if<ArrayCutter>(&cut_)) return array->next();
    const std::optional<TextBlock> lines = std::get<io::LineCutter>(cut_).next();
    if (!lines) return std::nullopt;
    return Block{.text = *lines, .options = options_};
  }

 private:
  ReadOptions options_;
  std::variant<std::monostate, ArrayCutter, io::LineCutter> cut_;
};

}  // namespace crema::json
