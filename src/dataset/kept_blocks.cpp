#include <algorithm>
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
/// So many blocks are looked at together: of failures a long stage is to learn before its end, and a task for each
/// block would cost as much as small blocks themselves.
constexpr std::size_t facts_a_task = 64;

Plan plan_of(const std::vector<Work>& works, const Plan& plan) {
  Plan at_hand = plan;
  at_hand.open = [&works]() -> BlockSource {
    return [&works, next = std::size_t{0}]() mutable -> std::optional<Work> {
      if (next == works.size()) return std::nullopt;
      return works[next++];
    };
  };
  return at_hand;
}

}  // namespace

KeptBlocks::KeptBlocks(const Plan& plan) {
  BlockStream stream{plan};
  try {
    while (std::optional<crema::detail::FutureHandle> block = stream.next_kept()) {
      blocks_.push_back(std::move(*block));
      if (blocks_.size() - facts_.size() == facts_a_task) read_facts();
    }
    read_facts();
  } catch (const Error&) {
    stream.give_up();
    // Others may have failed too, and one failure is told.
    for (const crema::detail::FutureHandle& block : blocks_) block.cancel();
    throw;
  }
  for (const BlockFacts& one : facts_) StatsCollector::add(plan, one);
}

KeptBlocks::KeptBlocks(const std::vector<Work>& works, const Plan& plan) : KeptBlocks{plan_of(works, plan)} {}

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

void KeptBlocks::add_count(Work& work) const {
  ByteBuffer bytes;
  bytes.append(work.steps.bytes.span());
  bytes.put(static_cast<std::uint64_t>(blocks_.size()));
  work.steps.bytes = Bytes{std::move(bytes)};
}

void KeptBlocks::add_whole(Work& work) const {
  add_count(work);
  for (const crema::detail::FutureHandle& block : blocks_) {
    work.steps.inputs.push_back({.offset = work.steps.bytes.size(), .id = block.id(), .key = block.key()});
    work.held.push_back(block);
  }
}

void KeptBlocks::add_part(Work& work, std::size_t part, std::size_t parts) const {
  add_count(work);
  for (const crema::detail::FutureHandle& block : blocks_) dataset::add_part(work, block, part, parts);
}

std::vector<Work> all_works(const Plan& plan) {
  std::vector<Work> works;
  BlockSource source = plan.open();
  while (std::optional<Work> work = source()) works.push_back(std::move(*work));
  return works;
}

std::size_t partitions_for(std::size_t blocks) {
  constexpr std::size_t few = 64;
  constexpr std::size_t small = 256;  // items in memory make no more blocks
  if (blocks <= few) return std::max<std::size_t>(blocks, 1);
  const std::size_t parts = few + (std::min(blocks, small) - few) / 8;
  return std::min(parts + (blocks - std::min(blocks, small)) / 2, most_partitions);
}

}  // namespace crema::dataset
