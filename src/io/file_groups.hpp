#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "crema/lane_context.hpp"
#include "crema/read_options.hpp"

namespace crema::io {

/// Shares whole files out to blocks: small ones go together. The groups depend on the files' sizes alone.
class FileGroups {
 public:
  /// `work_per_byte`: how long a byte takes, where one of text takes 1. Throws DataError where a file cannot be read.
  explicit FileGroups(const Paths& paths, std::uint64_t work_per_byte = 1);

  /// The files of the next block, in order; none behind the last.
  std::optional<std::vector<InputFile>> next();
  [[nodiscard]] const std::vector<InputFile>& files() const { return files_; }
  /// Where each file is one.
  [[nodiscard]] std::uint64_t rows() const { return files_.size(); }

 private:
  std::vector<InputFile> files_;
  std::uint64_t target_ = 0;  // bytes of a block's files
  std::size_t next_ = 0;
};

}  // namespace crema::io
