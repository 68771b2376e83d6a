#include "io/line_partitioner.hpp"

namespace crema::io {
namespace {

std::deque<LinePartitioner::Input> look_at(const Paths& paths, LinePartitioner::IsWhole is_whole) {
  std::deque<LinePartitioner::Input> inputs;
  for (const std::string& path : matching_paths(paths.patterns())) {
    TextReader text{path};
    const bool uncut = text.is_compressed() || (is_whole != nullptr && is_whole(text));
    inputs.push_back({.file = text.file(), .whole = {.path = path, .size = text.expected_size(), .uncut = uncut}});
  }
  return inputs;
}

}  // namespace

LinePartitioner::LinePartitioner(const Paths& paths, IsWhole is_whole, std::uint64_t block_size)
    : Partitioner<LineCutter>{look_at(paths, is_whole), block_size} {}

}  // namespace crema::io
