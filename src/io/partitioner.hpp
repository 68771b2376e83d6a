#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "crema/lane_context.hpp"
#include "io/file.hpp"

namespace crema::io {

/// Cuts files into blocks of whole records, lazily and in order; the cuts depend on the files alone. `Cutter{file,
/// block_size, bytes}` cuts one file: its next() gives a block, and none behind the last. A file that cannot be entered
/// in the middle is left to a task: it is one block, which is `uncut`. Thread safety: none.
template <class Cutter>
class Partitioner {
 public:
  using Block = typename Cutter::Block;

  struct Input {
    InputFile file;  ///< as it was when it was looked at
    Block whole;     ///< all its records; size: bytes of its text, about
  };

  /// `block_size`: bytes of a block before it is rounded up to whole records; 0: io::block_size_for all text.
  Partitioner(std::deque<Input> inputs, std::uint64_t block_size) : inputs_{std::move(inputs)} {
    std::uint64_t size = 0;
    for (const Input& input : inputs_) size += input.whole.size;
    block_size_ = block_size != 0 ? block_size : block_size_for(size);
  }

  /// The next block; none behind the last. Throws DataError for a file that cannot be read to the size it had when it
  /// was looked at, and what its cutter throws.
  std::optional<Block> next() {
    for (; !inputs_.empty(); drop_first()) {
      Input& first = inputs_.front();
      if (first.whole.uncut) {
        Block whole = std::move(first.whole);
        drop_first();
        return whole;
      }
      if (!cutter_) cutter_.emplace(first.whole, block_size_, first.file.size);
      if (std::optional<Block> block = cutter_->next()) return block;
    }
    return std::nullopt;
  }
  /// The next file that is left to a task, and that neither this nor next() has given; none behind the last.
  std::optional<Block> next_uncut() {
    while (looked_at_ < inputs_.size())
      if (const Input& input = inputs_[looked_at_++]; input.whole.uncut) return input.whole;
    return std::nullopt;
  }

  [[nodiscard]] std::uint64_t block_size() const noexcept { return block_size_; }
  /// About how many blocks are still to come where tasks cut some of them; else 0.
  [[nodiscard]] std::uint64_t expected_blocks() const {
    std::uint64_t blocks = 0;
    bool uncut = false;
    for (const Input& input : inputs_) {
      blocks += (input.whole.size + block_size_ - 1) / block_size_;
      uncut = uncut || input.whole.uncut;
    }
    return uncut ? blocks : 0;
  }
  /// The files still to be cut, as they were when they were looked at.
  [[nodiscard]] std::vector<InputFile> files() const {
    std::vector<InputFile> files;
    for (const Input& input : inputs_) files.push_back(input.file);
    return files;
  }

 private:
  void drop_first() {
    inputs_.pop_front();
    cutter_.reset();
    if (looked_at_ > 0) --looked_at_;
  }

  std::uint64_t block_size_ = 0;  // constant after construction

  std::deque<Input> inputs_;  // the front is being cut, the others are to come
  std::optional<Cutter> cutter_;
  std::size_t looked_at_ = 0;  // of inputs_, by next_uncut
};

}  // namespace crema::io
