#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "crema/dataset_exchange.hpp"
#include "crema/errors.hpp"
#include "crema/running_digest.hpp"

namespace crema::dataset {
namespace {

void put_number(Work& work, std::uint64_t number) {
  ByteBuffer bytes;
  bytes.append(work.steps.bytes.span());
  bytes.put(number);
  work.steps.bytes = Bytes{std::move(bytes)};
}

Step with_number(Step step, std::uint64_t number) {
  ByteBuffer bytes;
  bytes.append(step.arguments.bytes.span());
  bytes.put(number);
  step.arguments.bytes = Bytes{std::move(bytes)};
  return step;
}

/// Opens the plan: about how many blocks it has.
std::uint64_t expect(Plan& plan) {
  BlockSource source = plan.open();
  const std::uint64_t blocks = dataset::expect(source);
  plan.open = once(std::move(source));
  return blocks;
}

}  // namespace

void copy_large_rows(Rows& rows, std::span<const std::byte> from, std::size_t size,
                     const std::vector<std::uint32_t>& part_of_row, std::vector<std::byte*>& places) {
  // What goes past the caches would have to come back for a digest of the parts; what is read is in them.
  std::optional<crema::detail::RunningDigest> made_of;
  if (rows.wants_digest()) made_of.emplace().add(std::as_bytes(std::span{part_of_row}));
  // By as little as this reading and writing go on at the same time; by 16 KiB it takes a fifth longer.
  const std::size_t at_once = std::max<std::size_t>(1, (1 << 10) / size) * size;
  const crema::detail::CopyPastCaches copy_past_caches;
  auto part = part_of_row.begin();
  for (std::size_t begin = 0; begin < from.size(); begin += at_once) {
    const std::size_t end = std::min(begin + at_once, from.size());
    if (made_of) made_of->add(from.subspan(begin, end - begin));
    for (std::size_t at = begin; at < end; at += size, ++part) {
      copy_past_caches(places[*part], from.data() + at, size);
      places[*part] += size;
    }
  }
  if (made_of) rows.made_of(made_of->digest());
}

Work work_of(FunctionId load) {
  Work work;
  append(work, Step{.function = load});
  return work;
}

KeptRows::KeptRows(KeptBlocks blocks) : blocks_{std::move(blocks)} {
  std::uint64_t rows = 0;
  for (const BlockFacts& facts : blocks_.facts()) ends_.push_back(rows += facts.rows);
}

void KeptRows::add(Work& work, std::uint64_t first, std::uint64_t last) const {
  struct Slice {
    std::size_t block;
    std::uint64_t begin;
    std::uint64_t end;
  };
  std::vector<Slice> slices;
  const auto from = std::upper_bound(ends_.begin(), ends_.end(), first);
  for (auto block = static_cast<std::size_t>(from - ends_.begin()); block < ends_.size() && begin(block) < last;
       ++block)
    slices.push_back({block, std::max(first, begin(block)) - begin(block), std::min(last, end(block)) - begin(block)});
  put_number(work, slices.size());
  put_number(work, last - first);
  for (const Slice& slice : slices) {
    put_number(work, slice.begin);
    put_number(work, slice.end);
    add_part(work, blocks_[slice.block], 0, 1);
  }
}

BlockSource slices(FunctionId load, std::shared_ptr<const KeptRows> kept, std::uint64_t begin, std::uint64_t end) {
  return {
      [load, kept = std::move(kept), begin, end, block = std::size_t{0}](std::size_t) mutable -> std::optional<Work> {
        while (block < kept->blocks() && kept->end(block) <= begin) ++block;
        if (block == kept->blocks() || kept->begin(block) >= end) return std::nullopt;
        Work work = work_of(load);
        kept->add(work, std::max(begin, kept->begin(block)), std::min(end, kept->end(block)));
        ++block;
        return work;
      }};
}

Plan between(std::string name, FunctionId load, std::shared_ptr<const KeptRows> kept, std::uint64_t begin,
             std::uint64_t end) {
  Plan plan = after(std::move(name), [load, kept, begin, end] { return slices(load, kept, begin, end); });
  if (begin == 0 && end == kept->rows()) plan.kept = std::move(kept);
  plan.count = [begin, end] { return end - begin; };
  return plan;
}

BlockSource equal_slices(FunctionId load, std::shared_ptr<const KeptRows> kept, std::uint64_t count) {
  return {[load, kept = std::move(kept), count, block = std::uint64_t{0}](std::size_t) mutable -> std::optional<Work> {
    if (block == count) return std::nullopt;
    const std::uint64_t rows = kept->rows() / count;
    const std::uint64_t larger = kept->rows() % count;
    const std::uint64_t begin = block * rows + std::min(block, larger);
    Work work = work_of(load);
    kept->add(work, begin, begin + rows + (block < larger ? 1 : 0));
    ++block;
    return work;
  }};
}

BlockSource zipped(FunctionId load, std::shared_ptr<const KeptRows> left, std::shared_ptr<const KeptRows> right) {
  if (left->rows() != right->rows()) {
    throw UsageError{"zipping two datasets: the first has " + std::to_string(left->rows()) + " rows and the second " +
                     std::to_string(right->rows()) + "; they must have as many: use limit() on the longer one"};
  }
  return {[load, left = std::move(left), right = std::move(right),
           block = std::size_t{0}](std::size_t) mutable -> std::optional<Work> {
    while (block < left->blocks() && left->begin(block) == left->end(block)) ++block;
    if (block == left->blocks()) return std::nullopt;
    Work work = work_of(load);
    left->add(work, left->begin(block), left->end(block));
    right->add(work, left->begin(block), left->end(block));
    ++block;
    return work;
  }};
}

BlockSource limited(FunctionId load, const Plan& plan, const Step& keep, std::uint64_t rows) {
  // One block first: it may be all that is wanted.
  const auto stream = std::make_shared<std::optional<BlockStream>>(std::in_place, plan.with(keep), 1);
  return {[load, stream, left = rows](std::size_t) mutable -> std::optional<Work> {
    while (left > 0 && *stream) {
      const std::optional<crema::detail::FutureHandle> block = (*stream)->next_kept();
      if (!block) break;
      const auto kept = std::make_shared<const KeptRows>(KeptBlocks{*block});
      if (kept->rows() == 0) continue;
      Work work = work_of(load);
      kept->add(work, 0, std::min(left, kept->rows()));
      left -= std::min(left, kept->rows());
      (*stream)->double_ahead();
      return work;
    }
    stream->reset();  // what was computed for nothing is cancelled
    return std::nullopt;
  }};
}

Plan united(const Plan& first, const Plan& second) {
  const auto open = [first, second]() -> BlockSource {
    struct Sides {
      BlockSource first, second;
    };
    // Input that is unusable is found before work starts.
    const auto sides = std::make_shared<Sides>(Sides{first.open(), second.open()});
    BlockSource both{[first, second, sides](std::size_t ahead) -> std::optional<Work> {
      bool in_second = !sides->first.next;
      std::optional<Work> work = in_second ? sides->second.next(ahead) : sides->first.next(ahead);
      if (!work && !in_second) {
        in_second = true;
        sides->first = {};  // lets go of what it holds
        work = sides->second.next(ahead);
      }
      if (!work) return work;
      const Plan& plan = in_second ? second : first;
      work->operators = plan.operators(*work);
      for (const Step& step : plan.steps) append(*work, step);
      return work;
    }};
    if (sides->first.expected || sides->second.expected)
      both.expected = [sides] { return dataset::expect(sides->first) + dataset::expect(sides->second); };
    return both;
  };
  Plan both{.open = open, .name = "union(" + first.name + "," + second.name + ")"};
  if (first.count && second.count && first.steps.empty() && second.steps.empty())
    both.count = [one = first.count, other = second.count] { return one() + other(); };
  return both;
}

BlockSource gathered(Step load, std::vector<KeptBlocks> sides, std::size_t count) {
  return {[load = std::move(load), sides = std::move(sides), count,
           part = std::size_t{0}](std::size_t) mutable -> std::optional<Work> {
    if (part == count) return std::nullopt;
    Work work;
    append(work, load);
    for (const KeptBlocks& side : sides) side.add_part(work, part, count);
    ++part;
    return work;
  }};
}

BlockSource dealt(const std::vector<Side>& sides, const Step& load) {
  std::vector<Plan> plans;
  std::uint64_t blocks = 0;
  for (const Side& side : sides) blocks = std::max(blocks, expect(plans.emplace_back(side.plan)));
  const std::size_t parts = partitions_for(blocks);
  std::vector<KeptBlocks> kept;
  for (std::size_t i = 0; i < sides.size(); ++i) kept.emplace_back(plans[i].with(with_number(sides[i].deal, parts)));
  return gathered(load, std::move(kept), parts);
}

BlockSource summed(const Side& side, const Step& merge, const Step& load) {
  Plan plan = side.plan;
  const std::size_t parts = partitions_for(expect(plan));
  KeptBlocks kept{plan.with(with_number(side.deal, parts)), with_number(merge, parts)};
  const bool whole = kept.bytes_from(0) <= KeptBlocks::little;
  ByteBuffer given;
  given.append(load.arguments.bytes.span());
  given.put(static_cast<std::uint8_t>(whole));
  Step told = load;
  told.arguments.bytes = Bytes{std::move(given)};
  std::vector<KeptBlocks> sides;
  sides.push_back(std::move(kept));
  if (!whole) return gathered(std::move(told), std::move(sides), parts);
  return {[told = std::move(told), sides = std::move(sides), done = false](std::size_t) mutable -> std::optional<Work> {
    if (std::exchange(done, true)) return std::nullopt;
    Work work;
    append(work, told);
    sides.front().add_whole(work);
    return work;
  }};
}

BlockSource sorted(const Plan& plan, const SortSteps& steps) {
  const KeptBlocks blocks{plan.with(steps.sort_block)};
  const std::size_t parts = partitions_for(blocks.size());
  Work choose = work_of(steps.choose_cuts);
  put_number(choose, parts);
  blocks.add_part(choose, 0, 2);
  const auto cutting = [](std::vector<Work> works) {
    return Plan{.open = once(source_of(std::move(works))), .name = "sort.cut"};
  };
  const KeptBlocks cuts{cutting({choose})};
  std::vector<Work> works;
  for (std::size_t block = 0; block < blocks.size(); ++block) {
    Work& work = works.emplace_back(work_of(steps.cut_block));
    put_number(work, block);
    put_number(work, parts);
    add_part(work, cuts[0], 0, 1);
    add_part(work, blocks[block], 1, 2);
  }
  return gathered(steps.load, {KeptBlocks{cutting(std::move(works))}}, parts);
}

}  // namespace crema::dataset
