#include "io/file_groups.hpp"

#include "io/file.hpp"

namespace crema::io {

FileGroups::FileGroups(const Paths& paths, std::uint64_t work_per_byte) {
  std::uint64_t total = 0;
  for (const std::string& path : matching_paths(paths.patterns())) {
    const File file{path};
    files_.push_back({path, file.size(), file.modified()});
    total += file.size();
  }
  target_ = block_size_for(total * work_per_byte) / work_per_byte;
}

std::optional<std::vector<InputFile>> FileGroups::next() {
  if (next_ == files_.size()) return std::nullopt;
  std::vector<InputFile> group;
  std::uint64_t size = 0;
  constexpr std::size_t most_files = 1024;  // so that many empty ones are shared out too
  do {
    size += files_[next_].size;
    group.push_back(files_[next_++]);
  } while (next_ < files_.size() && size + files_[next_].size <= target_ && group.size() < most_files);
  return group;
}

}  // namespace crema::io
