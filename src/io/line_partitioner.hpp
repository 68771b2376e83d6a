#pragma once

#include <cstdint>

#include "crema/read_options.hpp"
#include "io/line_cutter.hpp"
#include "io/partitioner.hpp"

namespace crema::io {

/// Cuts files of text into blocks of whole lines; compressed files are left to tasks.
class LinePartitioner : public Partitioner<LineCutter> {
 public:
  /// Whether a text cannot be cut into lines, and is left to a task as well.
  using IsWhole = bool (*)(TextReader& text);

  /// Opens every file once. Throws DataError where a pattern names none, or one is no readable file.
  explicit LinePartitioner(const Paths& paths, IsWhole is_whole = nullptr, std::uint64_t block_size = 0);
};

}  // namespace crema::io
