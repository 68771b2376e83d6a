#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crema/archive.hpp"
#include "crema/dataset_plan.hpp"
#include "crema/dataset_stats.hpp"
#include "crema/errors.hpp"
#include "crema/future.hpp"
#include "crema/lane_context.hpp"
#include "crema/task.hpp"
#include "crema/wait.hpp"

namespace crema::io {

template <class Block>
Bytes encoded(const Block& block) {
  ByteBuffer description;
  encode(description, block);
  return Bytes{std::move(description)};
}

/// A resume takes the files only as they were.
template <class Partitioner>
void tell_opened(const Partitioner& partitioner) {
  for (const InputFile& file : partitioner.files()) LaneContext::current().opened(file);
}

/// What a partitioner cuts, each block as `describe` makes it.
template <class Partitioner, class Describe = std::identity>
dataset::DescriptionSource source_of(Partitioner cut, Describe describe = {}) {
  const auto partitioner = std::make_shared<Partitioner>(std::move(cut));
  tell_opened(*partitioner);
  return {[partitioner, describe]() -> std::optional<dataset::Description> {
    const auto block = partitioner->next();
    if (!block) return std::nullopt;
    return encoded(describe(*block));
  }};
}

/// What is left of a file that a task has cut: its blocks, with their text, stored where the task ran.
template <class T>
struct CutFile {
  using Block = T;
  std::vector<Future<Block>> blocks;
  std::uint64_t bytes = 0;        ///< of their text
  std::uint64_t nanoseconds = 0;  ///< that it took
  std::uint64_t peak_memory = 0;  ///< as BlockFacts has it

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(blocks) & BOOST_SERIALIZATION_NVP(bytes);
    archive& BOOST_SERIALIZATION_NVP(nanoseconds) & BOOST_SERIALIZATION_NVP(peak_memory);
  }
};

/// `bytes`: of a block's text. One block is in memory at a time, besides what the cutter has: `put` waits for the disk
/// where there is no room.
template <class Cutter, class BytesOf>
CutFile<typename Cutter::Block> store_blocks(Cutter cutter, BytesOf bytes) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  CutFile<typename Cutter::Block> file;
  while (const auto block = cutter.next()) {
    file.bytes += std::invoke(bytes, *block);
    file.blocks.push_back(put(*block));
  }
  file.nanoseconds = static_cast<std::uint64_t>((Clock::now() - begin).count());
  file.peak_memory = dataset::peak_memory();
  return file;
}

/// Descriptions of blocks of text. A file that cannot be entered in the middle is cut by one task, `cut_file(file,
/// block_size)`; as many are cut at a time as there are workers, and one more. Thread safety: used on the lane that
/// made it.
template <auto cut_file, class Partitioner, class Describe>
class TextBlocks {
 public:
  /// `name` for labels: "read_csv".
  TextBlocks(std::string name, Partitioner partitioner, Describe describe)
      : name_{std::move(name) + ".cut"}, partitioner_{std::move(partitioner)}, describe_{std::move(describe)} {
    tell_opened(partitioner_);
  }
  TextBlocks(const TextBlocks&) = delete;
  TextBlocks& operator=(const TextBlocks&) = delete;
  /// Files whose blocks nobody will take are not cut any further.
  ~TextBlocks() {
    try {
      for (const auto& file : being_cut_) file.cancel();
    } catch (const UsageError&) {
      // It outlives the driver: nothing runs any more.
    }
  }

  /// Waits for the file to be cut whose blocks come next. Throws what cutting it threw.
  std::optional<dataset::Description> next() {
    while (blocks_.empty()) {
      const auto block = partitioner_.next();
      if (!block) return std::nullopt;
      if (!block->uncut) return encoded(describe_(*block));
      cut_ahead(*block);
      const CutFile<Block> file = being_cut_.front().get();
      being_cut_.pop_front();
      dataset::StatsCollector::add(
          {name_}, {.bytes = file.bytes, .peak_memory = file.peak_memory, .steps = {{0, file.nanoseconds}}});
      blocks_.assign(file.blocks.begin(), file.blocks.end());
    }
    const auto block = std::move(blocks_.front());
    blocks_.pop_front();
    return block.handle();
  }
  [[nodiscard]] std::uint64_t expected_blocks() const { return partitioner_.expected_blocks(); }

 private:
  using Block = std::decay_t<std::invoke_result_t<Describe, typename Partitioner::Block>>;

  /// `first`: which is given to a task if it was not before.
  void cut_ahead(const typename Partitioner::Block& first) {
    const auto workers = static_cast<std::size_t>(std::max(1, LaneContext::current().cluster().workers));
    if (being_cut_.empty()) cut(first);
    while (being_cut_.size() <= workers) {
      const auto file = partitioner_.next_uncut();
      if (!file) return;
      cut(*file);
    }
  }
  void cut(const typename Partitioner::Block& file) {
    being_cut_.push_back(with({.name = name_}).template remote<cut_file>(describe_(file), partitioner_.block_size()));
  }

  // Constant after construction.
  const std::string name_;

  Partitioner partitioner_;
  Describe describe_;
  std::deque<Future<CutFile<Block>>> being_cut_;  // in the order of the files
  std::deque<Future<Block>> blocks_;              // of the file that is being read
};

template <auto cut_file, class Partitioner, class Describe = std::identity>
dataset::DescriptionSource source_of_text(std::string name, Partitioner partitioner, Describe describe = {}) {
  const auto blocks = std::make_shared<TextBlocks<cut_file, Partitioner, Describe>>(
      std::move(name), std::move(partitioner), std::move(describe));
  return {[blocks] { return blocks->next(); }, blocks->expected_blocks()};
}

}  // namespace crema::io
