#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
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
#include "crema/this_task.hpp"
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

/// The rows of its files, which it knows.
template <class Partitioner>
std::uint64_t count_rows(const Partitioner& partitioner) {
  tell_opened(partitioner);
  return partitioner.rows();
}

/// What a partitioner cuts, each block as `describe` makes it.
template <class Partitioner, class Describe = std::identity>
dataset::DescriptionSource source_of(Partitioner cut, Describe describe = {}) {
  const auto partitioner = std::make_shared<Partitioner>(std::move(cut));
  tell_opened(*partitioner);
  return {[partitioner, describe](std::size_t) -> std::optional<dataset::Description> {
    const auto block = partitioner->next();
    if (!block) return std::nullopt;
    return encoded(describe(*block));
  }};
}

/// Blocks of a file that a task is to cut, by their numbers: `last` is behind them.
struct Section {
  std::uint64_t first = 0;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(first) & BOOST_SERIALIZATION_NVP(last);
  }
};

/// What a task has made of a section: its blocks, with their text, stored where the task ran.
template <class Block>
struct CutSection {
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
CutSection<typename Cutter::Block> store_blocks(Cutter cutter, const Section& section, BytesOf bytes) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  CutSection<typename Cutter::Block> cut;
  for (std::uint64_t number = 0; number < section.last && !this_task().cancelled(); ++number) {
    const auto block = cutter.next();
    if (!block) break;
    if (number < section.first) continue;
    cut.bytes += std::invoke(bytes, *block);
    cut.blocks.push_back(put(*block));
  }
  cut.nanoseconds = static_cast<std::uint64_t>((Clock::now() - begin).count());
  cut.peak_memory = dataset::peak_memory();
  return cut;
}

/// Descriptions of blocks of text. A file that cannot be entered in the middle is cut by tasks, `cut(file, block_size,
/// section)`: its first blocks by one, so that who wants a few rows waits for these alone, and so that rows are made
/// while another one cuts the rest. As many sections are cut at a time as there are workers, and one more, where so
/// many blocks are wanted. Thread safety: used on the lane that made it.
template <auto cut, class Partitioner, class Describe>
class TextBlocks {
 public:
  /// Blocks of the first section of a file that is likely to have more. To cut the others means to read these again.
  static constexpr std::uint64_t first_blocks = 8;
  /// A section is cut again for whatever was made of it and went with a rank: all its blocks share these.
  static constexpr int most_retries = 16;

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
      for (const auto& section : being_cut_) section.cancel();
    } catch (const UsageError&) {
      // It outlives the driver: nothing runs any more.
    }
  }

  /// Waits for the section to be cut whose blocks come next. Throws what cutting it threw.
  std::optional<dataset::Description> next(std::size_t ahead) {
    while (blocks_.empty()) {
      if (sections_left_ == 0) {
        const auto block = partitioner_.next();
        if (!block) return std::nullopt;
        if (!block->uncut) return encoded(describe_(*block));
        if (being_cut_.empty() && to_cut_.empty()) plan(*block);
        sections_left_ = sections_of(*block).size();
      }
      cut_ahead(ahead);
      const CutSection<Block> section = being_cut_.front().get();
      being_cut_.pop_front();
      --sections_left_;
      dataset::StatsCollector::add(
          {name_}, {.bytes = section.bytes, .peak_memory = section.peak_memory, .steps = {{0, section.nanoseconds}}});
      blocks_.assign(section.blocks.begin(), section.blocks.end());
    }
    const auto block = std::move(blocks_.front());
    blocks_.pop_front();
    return block.handle();
  }
  [[nodiscard]] std::uint64_t expected_blocks() const { return partitioner_.expected_blocks(); }

 private:
  using Uncut = typename Partitioner::Block;
  using Block = std::decay_t<std::invoke_result_t<Describe, Uncut>>;

  [[nodiscard]] std::vector<Section> sections_of(const Uncut& file) const {
    if (file.size <= first_blocks * partitioner_.block_size()) return {{}};
    return {{.last = first_blocks}, {.first = first_blocks}};
  }
  void plan(const Uncut& file) {
    for (const Section& section : sections_of(file)) to_cut_.emplace_back(file, section);
  }
  /// At least one section.
  void cut_ahead(std::size_t ahead) {
    const std::size_t most = std::clamp<std::size_t>(ahead, 1, dataset::blocks_at_once() + 1);
    while (being_cut_.size() < most) {
      if (to_cut_.empty()) {
        const auto file = partitioner_.next_uncut();
        if (!file) return;
        plan(*file);
      }
      const auto& [file, section] = to_cut_.front();
      being_cut_.push_back(with({.name = name_, .max_retries = most_retries})
                               .template remote<cut>(describe_(file), partitioner_.block_size(), section));
      to_cut_.pop_front();
    }
  }

  // Constant after construction.
  const std::string name_;

  Partitioner partitioner_;
  Describe describe_;
  // Sections in the order of their files: those that are begun, then those of files that are known.
  std::deque<Future<CutSection<Block>>> being_cut_;
  std::deque<std::pair<Uncut, Section>> to_cut_;
  std::size_t sections_left_ = 0;     // of the file that is being read
  std::deque<Future<Block>> blocks_;  // of its section that is being read
};

template <auto cut, class Partitioner, class Describe = std::identity>
dataset::DescriptionSource source_of_text(std::string name, Partitioner partitioner, Describe describe = {}) {
  const auto blocks = std::make_shared<TextBlocks<cut, Partitioner, Describe>>(std::move(name), std::move(partitioner),
                                                                               std::move(describe));
  dataset::DescriptionSource source{[blocks](std::size_t ahead) { return blocks->next(ahead); }};
  if (const std::uint64_t expected = blocks->expected_blocks(); expected > 0)
    source.expected = [expected] { return expected; };
  return source;
}

}  // namespace crema::io
