#pragma once

// The untyped half of a dataset: where blocks come from, what happens to each, and the stream of what comes of it.

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crema/arguments.hpp"
#include "crema/bytes.hpp"
#include "crema/future.hpp"
#include "crema/ids.hpp"

namespace crema::dataset {

/// The rows of one block between two steps: the `subject` of a step's function. Who takes them knows their type.
class Rows {
 public:
  template <class T>
  std::vector<T>& as() {
    return *static_cast<std::vector<T>*>(rows_.get());
  }
  template <class T>
  void assign(std::vector<T> rows) {
    rows_ = std::make_shared<std::vector<T>>(std::move(rows));
  }

 private:
  std::shared_ptr<void> rows_;
};

/// One registered function and what is passed to it besides the block. The first step of a block loads its rows, the
/// last returns its result, those between change the rows.
struct Step {
  FunctionId function;
  Bytes arguments;
  std::string name;  ///< for labels: "map<make_drink>"; may be empty
};

/// What travels with every block. Throws UsageError where that is a future.
Bytes plain(Arguments arguments);

/// Descriptions of blocks, one a call, in order; none behind the last.
using BlockSource = std::function<std::optional<Bytes>()>;

/// How many items in memory make a block: a 256th of them, so that there is work for many ranks, and at most 65,536, so
/// that a block's result stays small.
std::ptrdiff_t items_per_block(std::size_t items);

/// What a dataset is until somebody asks for its rows. Thread safety: immutable once shared.
struct Plan {
  std::function<BlockSource()> open;  ///< called by every consumer anew; throws DataError for input that is unusable
  Step load;                          ///< its arguments are the block's description
  std::vector<Step> steps;
  std::optional<Step> load_bad_records{};  ///< loads, instead of the rows, the records that are no rows

  [[nodiscard]] Plan with(Step step) const {
    Plan longer = *this;
    longer.steps.push_back(std::move(step));
    return longer;
  }
};

/// The plan of a dataset that is loaded from blocks which `open` describes.
inline Plan load_plan(Step load, std::function<BlockSource()> open, std::optional<Step> load_bad_records = {}) {
  return {
      .open = std::move(open), .load = std::move(load), .steps = {}, .load_bad_records = std::move(load_bad_records)};
}
/// The plan of the records that are left out of the same blocks. Throws UsageError where they are not collected.
Plan bad_records_plan(const Plan& plan);

/// Runs every block of a plan as one task and yields their results in order. Thread safety: used on the lane that made
/// it.
class BlockStream {
 public:
  /// Opens the plan's input, and throws what that throws; no task starts before next().
  BlockStream(const Plan& plan, Step last);
  BlockStream(BlockStream&&) = default;
  BlockStream& operator=(BlockStream&&) = default;
  /// Blocks that nobody will take are cancelled.
  ~BlockStream();

  /// Waits for the next block's result; none behind the last. Throws what the block's task threw, once no task of this
  /// stream runs any more.
  std::optional<Bytes> next();

 private:
  void submit_ahead();
  void abandon();

  // Constant after construction.
  FunctionId load_;
  std::vector<Step> steps_;
  std::string label_;
  std::size_t most_in_flight_ = 0;

  BlockSource source_;                 // empty behind its last block
  std::exception_ptr source_failure_;  // thrown once the blocks before it are consumed
  std::deque<crema::detail::FutureHandle> in_flight_;
};

}  // namespace crema::dataset
