#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "crema/dataset_plan.hpp"
#include "crema/dataset_stats.hpp"
#include "crema/errors.hpp"
#include "crema/lane_context.hpp"
#include "crema/registry.hpp"
#include "dataset/run_block.hpp"

namespace crema::dataset {
namespace {

constexpr std::size_t most_partitions = 1024;
/// So many blocks are looked at, and merged, together: of failures a long stage is to learn before its end, and a task
/// for each block would cost as much as small blocks themselves.
constexpr std::size_t looked_at_together = 64;
constexpr std::size_t all = std::numeric_limits<std::size_t>::max();  // blocks are wanted

void add_count(Work& work, std::size_t count) {
  ByteBuffer bytes;
  bytes.append(work.steps.bytes.span());
  bytes.put(static_cast<std::uint64_t>(count));
  work.steps.bytes = Bytes{std::move(bytes)};
}

}  // namespace

KeptBlocks::KeptBlocks(const Plan& plan) { run(plan, nullptr); }

KeptBlocks::KeptBlocks(const Plan& plan, const Step& merge) { run(plan, &merge); }

void KeptBlocks::run(const Plan& plan, const Step* merge) {
  BlockStream stream{plan};
  std::vector<Operators> operators;  // of each block, also of those that were merged
  std::vector<BlockFacts> of_blocks, of_merged;
  std::vector<int> levels;  // how often each block was merged
  const auto look = [&] {
    const std::size_t known = facts_.size();
    read_facts();
    of_blocks.insert(of_blocks.end(), facts_.begin() + static_cast<std::ptrdiff_t>(known), facts_.end());
    if (merge != nullptr) merge_little(*merge, levels, of_merged);
  };
  try {
    while (std::optional<crema::detail::FutureHandle> block = stream.next_kept()) {
      blocks_.push_back(std::move(*block));
      operators.push_back(stream.operators());
      if (blocks_.size() - facts_.size() == looked_at_together) look();
    }
    look();
  } catch (const Error&) {
    stream.give_up();
    // Others may have failed too, and one failure is told.
    for (const crema::detail::FutureHandle& block : blocks_) block.cancel();
    throw;
  }
  std::uint64_t left_out = 0;
  for (std::size_t i = 0; i < of_blocks.size(); ++i) {
    StatsCollector::add(*operators[i], of_blocks[i]);
    left_out += of_blocks[i].left_out;
  }
  tell_left_out(plan, left_out);
  for (const BlockFacts& one : of_merged) StatsCollector::add({merge->name}, one);
}

KeptBlocks::KeptBlocks(crema::detail::FutureHandle block) : blocks_{std::move(block)} { read_facts(); }

/// Of those of which they are not known yet. Their results stay where they are.
void KeptBlocks::read_facts() {
  if (facts_.size() == blocks_.size()) return;
  Arguments arguments;
  for (std::size_t block = facts_.size(); block < blocks_.size(); ++block) {
    arguments.inputs.push_back(
        {.offset = 0, .id = blocks_[block].id(), .key = blocks_[block].key(), .part = facts_part, .parts = made_part});
  }
  const crema::detail::FutureHandle facts{LaneContext::current().submit(
      crema::detail::registered_id<ReadFacts>, TaskOptions{.name = "count rows of blocks"}, std::move(arguments))};
  ByteReader reader{facts.value()};
  while (reader.remaining() != 0) facts_.push_back(dataset::read_facts(reader));
}

/// Blocks merged as often as each other are merged: not one that grows with each that comes.
void KeptBlocks::merge_little(const Step& merge, std::vector<int>& levels, std::vector<BlockFacts>& of_merged) {
  levels.resize(blocks_.size());
  while (blocks_.size() >= looked_at_together) {
    const std::size_t first = blocks_.size() - looked_at_together;
    const int level = levels.back();
    if (levels[first] != level || bytes_from(first) > little) return;
    Work work;
    append(work, merge);
    add_whole(work, first);
    const crema::detail::FutureHandle merged{LaneContext::current().submit(
        crema::detail::registered_id<RunBlock>, TaskOptions{.name = merge.name}, encode_block(first, work, {}))};
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(first), blocks_.end());
    blocks_.push_back(merged);
    facts_.resize(first);
    read_facts();
    of_merged.push_back(facts_.back());
    levels.resize(first);
    levels.push_back(level + 1);
  }
}

std::uint64_t KeptBlocks::bytes_from(std::size_t first) const {
  std::uint64_t bytes = 0;
  for (std::size_t block = first; block < facts_.size(); ++block) bytes += facts_[block].bytes;
  return bytes;
}

void KeptBlocks::add_whole(Work& work, std::size_t first) const {
  add_count(work, blocks_.size() - first);
  for (std::size_t block = first; block < blocks_.size(); ++block) dataset::add_whole(work, blocks_[block]);
}

void KeptBlocks::add_part(Work& work, std::size_t part, std::size_t parts) const {
  add_count(work, blocks_.size());
  for (const crema::detail::FutureHandle& block : blocks_) dataset::add_part(work, block, part, parts);
}

BlockSource source_of(std::vector<Work> works) {
  const std::uint64_t blocks = works.size();
  return {[works = std::move(works), next = std::size_t{0}](std::size_t) mutable -> std::optional<Work> {
            if (next == works.size()) return std::nullopt;
            return std::move(works[next++]);
          },
          [blocks] { return blocks; }};
}

std::uint64_t count_blocks(const Plan& plan) {
  std::uint64_t blocks = 0;
  for (const BlockSource source = plan.open(); source.next(all);) ++blocks;
  return blocks;
}

std::uint64_t expect(BlockSource& source) {
  if (!source.expected) {
    std::vector<Work> works;
    while (std::optional<Work> work = source.next(all)) works.push_back(std::move(*work));
    source = source_of(std::move(works));
  }
  return source.expected();
}

std::function<BlockSource()> once(BlockSource source) {
  const auto taken = std::make_shared<BlockSource>(std::move(source));
  return [taken] { return std::exchange(*taken, {}); };
}

std::size_t partitions_for(std::size_t blocks) {
  constexpr std::size_t few = 64;
  constexpr std::size_t small = 256;  // items in memory make no more blocks
  if (blocks <= few) return std::max<std::size_t>(blocks, 1);
  const std::size_t parts = few + (std::min(blocks, small) - few) / 8;
  return std::min(parts + (blocks - std::min(blocks, small)) / 2, most_partitions);
}

}  // namespace crema::dataset
