#pragma once

// Operations for which rows have to meet that come from different blocks. Blocks run and stay with their ranks, in
// parts; the blocks that follow are made of one part of each, which goes from rank to rank and never through the head.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/dataset_keys.hpp"
#include "crema/dataset_pieces.hpp"
#include "crema/dataset_plan.hpp"
#include "crema/dataset_steps.hpp"

namespace crema::dataset {

// Ranges of rows of kept blocks: limit, zip, repartition, split, materialize.

/// The first arguments of what loads slices: how many, and how many rows in all. Then come of each the first row, the
/// row behind the last, and the rows of which they are.
struct SliceCounts {
  explicit SliceCounts(ByteReader& reader) : slices{reader.get<std::uint64_t>()}, rows{reader.get<std::uint64_t>()} {}
  std::uint64_t slices;
  std::uint64_t rows;
};

template <class T>
std::vector<T> read_slices(ByteReader& reader, const SliceCounts& counts) {
  std::vector<T> rows = Rows::fresh<T>();
  reserve_rows(rows, counts.rows, reader);
  for (std::uint64_t left = counts.slices; left > 0; --left) {
    const auto begin = reader.get<std::uint64_t>();
    const auto end = reader.get<std::uint64_t>();
    append_rows(rows, reader, begin, end);
  }
  return rows;
}

template <class T>
struct LoadSlices {
  static Bytes body(void* subject, ByteReader& slices) {
    Rows& block = rows_of(subject);
    const SliceCounts counts{slices};
    if (counts.slices == 1) {
      const auto begin = slices.get<std::uint64_t>();
      const auto end = slices.get<std::uint64_t>();
      load_rows<T>(block, slices, begin, end);
    } else {
      block.assign(read_slices<T>(slices, counts));
    }
    return {};
  }
};

/// The rows of two datasets side by side.
template <class T, class U>
struct LoadZip {
  static Bytes body(void* subject, ByteReader& slices) {
    auto left = read_slices<T>(slices, SliceCounts{slices});
    auto right = read_slices<U>(slices, SliceCounts{slices});
    std::vector<std::pair<T, U>> rows;
    crema::detail::reserve(rows, left.size());
    for (std::size_t i = 0; i < left.size(); ++i) rows.emplace_back(std::move(left[i]), std::move(right[i]));
    rows_of(subject).assign(std::move(rows));
    return {};
  }
};

/// Blocks that are kept with all their rows, and how many these are.
class KeptRows {
 public:
  explicit KeptRows(KeptBlocks blocks);
  /// Of `T`: a plan's blocks, run and kept, or those that are its rows as they are.
  template <class T>
  static std::shared_ptr<const KeptRows> of(const Plan& plan) {
    if (plan.kept && plan.steps.empty()) return plan.kept;
    return std::make_shared<const KeptRows>(KeptBlocks{plan.with(step<Collect<T>>(""))});
  }

  [[nodiscard]] std::uint64_t rows() const { return ends_.empty() ? 0 : ends_.back(); }
  [[nodiscard]] std::size_t blocks() const { return ends_.size(); }
  /// Of the rows before it and its own.
  [[nodiscard]] std::uint64_t end(std::size_t block) const { return ends_[block]; }
  [[nodiscard]] std::uint64_t begin(std::size_t block) const { return block == 0 ? 0 : ends_[block - 1]; }
  /// Adds the rows from `begin` to `end`, in slices, behind a work's bytes.
  void add(Work& work, std::uint64_t begin, std::uint64_t end) const;

 private:
  KeptBlocks blocks_;
  std::vector<std::uint64_t> ends_;
};
/// A work that loads by this function and has no arguments yet.
Work work_of(FunctionId load);
/// The rows `begin` to `end` in blocks as they were kept.
BlockSource slices(FunctionId load, std::shared_ptr<const KeptRows> kept, std::uint64_t begin, std::uint64_t end);
/// The plan of those rows.
Plan between(std::string name, FunctionId load, std::shared_ptr<const KeptRows> kept, std::uint64_t begin,
             std::uint64_t end);
/// In `count` blocks of as many rows, the first ones of one more.
BlockSource equal_slices(FunctionId load, std::shared_ptr<const KeptRows> kept, std::uint64_t count);
/// Throws UsageError where they differ in rows.
BlockSource zipped(FunctionId load, std::shared_ptr<const KeptRows> left, std::shared_ptr<const KeptRows> right);
/// The first rows of a plan; reads no further than it must. `keep` collects a block's rows.
BlockSource limited(FunctionId load, const Plan& plan, const Step& keep, std::uint64_t rows);
/// Both, one behind the other.
Plan united(const Plan& first, const Plan& second);

/// `count` works of which each loads one part of every kept block, of each of the sides. `arguments` of the load step
/// come first.
BlockSource gathered(Step load, std::vector<KeptBlocks> sides, std::size_t count);

// random_shuffle: each row is dealt to any part, and each part shuffled.

/// Arguments: seed, parts.
template <class T>
struct DealRandomly {
  static Bytes body(void* subject, ByteReader& arguments) {
    Rows& rows = rows_of(subject);
    const auto seed = decode<std::uint64_t>(arguments);
    const auto parts = arguments.get<std::uint64_t>();
    Random random = random_of(rows, seed, 1);
    std::vector<std::uint32_t> part_of_row(rows.size());
    for (std::uint32_t& part : part_of_row) part = static_cast<std::uint32_t>(random() % parts);
    write_dealt<T>(rows, part_of_row, parts);
    return {};
  }
};

/// Arguments: seed, pieces.
template <class T>
struct LoadShuffled {
  static Bytes body(void* subject, ByteReader& arguments) {
    const auto seed = decode<std::uint64_t>(arguments);
    Rows& block = rows_of(subject);
    Random random = random_of(block, seed, 2);
    block.assign(read_shuffled<T>(arguments, random));
    return {};
  }
};

// sort: samples of sorted blocks say where to cut; each block is cut there, and what belongs together is merged.

/// Where a row stands: equal keys keep their order, and no number of equal ones is too many for a part.
template <class T, auto... keys>
struct SortPlace {
  typename Keys<T, keys...>::type key{};
  std::uint64_t block = 0;
  std::uint64_t row = 0;

  /// Whether this one comes before the other.
  [[nodiscard]] bool before(const SortPlace& other) const {
    const int order = RowOrder<T, keys...>::compare_keys(key, other.key);
    return order != 0 ? order < 0 : std::tie(block, row) < std::tie(other.block, other.row);
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(key) & BOOST_SERIALIZATION_NVP(block) & BOOST_SERIALIZATION_NVP(row);
  }
};

/// Of one block: so many rows, evenly apart, make its sample.
constexpr std::size_t sort_samples = 64;

/// Parts: the sample, the rows in order.
template <class T, auto... keys>
struct SortBlock {
  using Place = SortPlace<T, keys...>;
  static Bytes body(void* subject, ByteReader&) {
    Rows& block = rows_of(subject);
    std::vector<T>& rows = block.as<T>();
    sort_rows(rows);
    std::vector<Place> sample;
    const std::size_t count = std::min(rows.size(), sort_samples);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = i * rows.size() / count;
      sample.push_back({Keys<T, keys...>::of(rows[row]), block.block(), row});
    }
    block.begin_parts(2);
    encode(block.part(), sample);
    block.end_part();
    encode(block.part(), rows);
    block.end_part();
    return {};
  }
  static void sort_rows(std::vector<T>& rows) { std::stable_sort(rows.begin(), rows.end(), before); }
  static bool before(const T& a, const T& b) { return RowOrder<T, keys...>::compare(a, b) < 0; }
};

/// Arguments: into how many parts, and the samples. The part is the places where they begin, but for the first.
template <class T, auto... keys>
struct ChooseCuts {
  using Place = SortPlace<T, keys...>;
  static Bytes body(void* subject, ByteReader& arguments) {
    const auto parts = arguments.get<std::uint64_t>();
    std::vector<Place> samples = read_pieces<Place>(arguments);
    std::sort(samples.begin(), samples.end(), [](const Place& a, const Place& b) { return a.before(b); });
    std::vector<Place> cuts;
    for (std::size_t part = 1; part < parts && !samples.empty(); ++part)
      cuts.push_back(samples[part * samples.size() / parts]);
    rows_of(subject).make_part(cuts);
    return {};
  }
};

/// Arguments: which block it was, into how many parts, the cuts, the block's rows in order. The rows of each part.
template <class T, auto... keys>
struct CutBlock {
  using Place = SortPlace<T, keys...>;
  static Bytes body(void* subject, ByteReader& arguments) {
    Rows& block = rows_of(subject);
    const auto number = arguments.get<std::uint64_t>();
    const auto parts = arguments.get<std::uint64_t>();
    const auto cuts = decode<std::vector<Place>>(arguments);
    load_rows<T>(block, arguments);
    const auto& rows = block.read<T>();
    block.begin_parts(parts);
    std::size_t begin = 0;
    for (std::uint64_t part = 0; part < parts; ++part) {
      std::size_t end = rows.size();
      if (part < cuts.size()) {
        const auto left = std::views::iota(begin, rows.size());
        const auto cut = std::ranges::partition_point(left, [&](std::size_t row) {
          return Place{Keys<T, keys...>::of(rows[row]), number, row}.before(cuts[part]);
        });
        end = begin + static_cast<std::size_t>(cut - left.begin());
      }
      write_rows(block.part(), rows, begin, end);
      block.end_part();
      begin = end;
    }
    return {};
  }
};

/// Arguments: the pieces, each sorted, in the order of the blocks.
template <class T, auto... keys>
struct LoadSorted {
  static Bytes body(void* subject, ByteReader& pieces) {
    std::vector<std::ptrdiff_t> ends;
    std::vector<T> rows = read_pieces<T>(pieces, &ends);
    while (ends.size() > 1) {
      // Two neighbours become one, so equal rows stay in their order.
      std::vector<std::ptrdiff_t> merged;
      for (std::size_t i = 0; i < ends.size(); i += 2) {
        const std::ptrdiff_t begin = i == 0 ? 0 : ends[i - 1];
        merged.push_back(ends[std::min(i + 1, ends.size() - 1)]);
        std::inplace_merge(rows.begin() + begin, rows.begin() + ends[i], rows.begin() + merged.back(),
                           SortBlock<T, keys...>::before);
      }
      ends = std::move(merged);
    }
    rows_of(subject).assign(std::move(rows));
    return {};
  }
};

struct SortSteps {
  Step sort_block;
  FunctionId choose_cuts;
  FunctionId cut_block;
  Step load;
};
BlockSource sorted(const Plan& plan, const SortSteps& steps);

/// The works of one or two plans that deal their rows into as many parts, and what gathers these. `deal` gets the
/// number of parts as its argument, behind those it has.
struct Side {
  Plan plan;
  Step deal;
};
BlockSource dealt(const std::vector<Side>& sides, const Step& load);
/// The same for one plan whose blocks may leave little. Neighbours that do become one such block by `merge`, whose
/// arguments are its own, the number of parts, and whole blocks. If all that is left is little, one work loads it
/// whole, as many small pieces cost more than they save; `load` is told, behind the arguments it has, whether it is (8
/// bits).
BlockSource summed(const Side& side, const Step& merge, const Step& load);

}  // namespace crema::dataset
