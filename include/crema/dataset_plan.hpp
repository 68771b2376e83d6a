#pragma once

// The untyped half of a dataset: where blocks come from, what happens to each, and the stream of what comes of it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

#include "crema/archive.hpp"
#include "crema/arguments.hpp"
#include "crema/bytes.hpp"
#include "crema/future.hpp"
#include "crema/ids.hpp"
#include "crema/large_pages.hpp"

namespace crema::dataset {

/// The rows of one block between two steps: the `subject` of a step's function. Who takes them knows their type.
class Rows {
 public:
  explicit Rows(std::uint64_t block = 0) : block_{block} {}
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  ~Rows() { retire(); }

  /// To be changed.
  template <class T>
  std::vector<T>& as() {
    if constexpr (crema::detail::is_bulk<T>)
      if (!rows_) assign(copy_of(borrowed<T>()));
    return *static_cast<std::vector<T>*>(rows_.get());
  }
  /// To be read, until they are changed: a span, of bool the vector.
  template <class T>
  decltype(auto) read() const {
    if constexpr (crema::detail::is_bulk<T>)
      if (!rows_) return borrowed<T>();
    const auto& rows = *static_cast<const std::vector<T>*>(rows_.get());
    if constexpr (std::is_same_v<T, bool>)
      return (rows);
    else
      return std::span<const T>{rows};
  }
  /// Each of them goes to `take`, which may keep what it gets.
  template <class T, class Take>
  void take_each(Take&& take) {
    if constexpr (crema::detail::is_bulk<T>) {
      for (T row : read<T>()) take(std::move(row));
    } else {
      for (auto&& row : as<T>()) take(std::move(row));
    }
  }
  template <class T>
  void assign(std::vector<T> rows) {
    retire();
    rows_ = std::make_shared<std::vector<T>>(std::move(rows));
    kind_ = &kind_of<T>;
  }
  /// They are the content of these bytes, aligned as T has to be, and stay there until somebody changes them.
  template <class T>
  requires crema::detail::is_bulk<T>
  void borrow(Bytes rows) {
    retire();
    borrowed_ = std::move(rows);
    borrowed_size_ = borrowed_.size() / sizeof(T);
  }
  /// For rows to be made: none, in the memory of the last ones that went on this lane where these were as many and of
  /// this type. Touching fresh memory takes longer than writing into it.
  template <class T>
  static std::vector<T> fresh() {
    std::vector<T> rows = spare_rows<T>();
    rows.clear();
    return rows;
  }
  /// The same for so many rows that are going to be written, in any order: until then they are anything.
  template <class T>
  requires crema::detail::is_bulk<T>
  static std::vector<T> to_be_written(std::size_t count) {
    std::vector<T> rows = spare_rows<T>();
    if (count > rows.capacity()) {
      rows = std::vector<T>{};  // lets go of its memory first
      // Blocks of one dataset are about as large as each other; what is too large is not kept.
      rows.reserve(std::max(count, std::min(count + count / 8, most_kept / sizeof(T))));
      const std::size_t bytes = rows.capacity() * sizeof(T);
      if (bytes >= crema::detail::smallest_for_large_pages) crema::detail::replace_by_large_pages(rows.data(), bytes);
    }
    rows.resize(count);
    return rows;
  }
  [[nodiscard]] std::size_t size() const { return rows_ ? kind_->size(rows_.get()) : borrowed_size_; }
  /// Which block of its dataset it is, counted from 0; the same on any number of ranks.
  [[nodiscard]] std::uint64_t block() const { return block_; }
  /// How many blocks its lane has begun, this one included.
  [[nodiscard]] std::uint64_t begun() const { return begun_; }
  /// How many records of what was read are no rows.
  [[nodiscard]] std::uint64_t& left_out() { return left_out_; }

  /// The last step makes so many parts of the rows, one behind the other, each of which may be wanted by somebody else.
  /// `bytes`: of all, where that is known.
  void begin_parts(std::size_t count, std::size_t bytes = 0);
  /// Where the next part is written, behind those that have ended.
  [[nodiscard]] ByteBuffer& part() { return made_; }
  void end_part();
  /// Whether somebody wants to know if the parts are the same when they are made again.
  [[nodiscard]] bool wants_digest() const { return wants_digest_; }
  /// The last step has seen all that its parts are made of: this stands for their digest.
  void made_of(Digest digest) { digest_ = digest; }
  /// The same for the only part there is.
  template <class Value>
  void make_part(const Value& value) {
    begin_parts(1);
    encode(part(), value);
    end_part();
  }

 private:
  friend struct RunBlock;

  /// What can be done with rows of any type.
  struct Kind {
    const std::type_info& type;
    std::size_t (*size)(const void* rows);
    std::size_t (*bytes)(const void* rows);  ///< of memory
    void (*release)(void* rows);             ///< what they hold elsewhere; those that hold nothing there stay
  };
  template <class T>
  static const Kind kind_of;

  template <class T>
  std::span<const T> borrowed() const {
    return {reinterpret_cast<const T*>(borrowed_.data()), borrowed_size_};
  }
  template <class T>
  static std::vector<T> copy_of(std::span<const T> rows) {
    std::vector<T> copy = fresh<T>();
    crema::detail::reserve(copy, rows.size());
    copy.assign(rows.begin(), rows.end());
    return copy;
  }
  template <class T>
  static std::vector<T> spare_rows() {
    const std::shared_ptr<void> spare = take_spare(kind_of<T>);
    return spare ? std::move(*static_cast<std::vector<T>*>(spare.get())) : std::vector<T>{};
  }
  /// Memory of rows that have gone is worth keeping between these, in bytes: less is at hand at once, and more is not
  /// kept from others.
  static constexpr std::size_t least_kept = 1 << 20;
  static constexpr std::size_t most_kept = 64 << 20;
  void retire() noexcept;
  static std::shared_ptr<void> take_spare(const Kind& kind) noexcept;

  std::uint64_t block_;
  std::uint64_t left_out_ = 0;
  std::shared_ptr<void> rows_;
  const Kind* kind_ = nullptr;  // of rows_, where there are any
  Bytes borrowed_;              // the rows where there is no rows_
  std::size_t borrowed_size_ = 0;
  // The block's result: RunBlock tells how much room to leave in front of the parts for what it will know of the block.
  ByteBuffer made_;
  std::size_t facts_size_ = 0;
  std::size_t facts_place_ = 0;
  std::uint32_t ended_ = 0;
  std::uint64_t begun_ = 0;
  bool wants_digest_ = false;
  std::optional<Digest> digest_;
};

template <class T>
const Rows::Kind Rows::kind_of{
    .type = typeid(T),
    .size = [](const void* rows) { return static_cast<const std::vector<T>*>(rows)->size(); },
    .bytes = [](const void* rows) { return static_cast<const std::vector<T>*>(rows)->capacity() * sizeof(T); },
    .release =
        [](void* rows) {
          if constexpr (!crema::detail::is_bulk<T>) static_cast<std::vector<T>*>(rows)->clear();
        }};

/// One registered function and what is passed to it besides the block. The first step of a block loads its rows, the
/// last makes parts of them, those between change them. A function takes exactly its arguments off the reader.
struct Step {
  FunctionId function;
  Arguments arguments{};
  std::string name{};                  ///< for labels: "map<make_drink>"; may be empty
  std::shared_ptr<const void> held{};  ///< the futures among the arguments
};

/// Names of what a block passes, for stats(): of what makes it, then of each step.
using Operators = std::shared_ptr<const std::vector<std::string>>;

/// The steps that make a block, as the task that runs them reads them.
struct Work {
  Arguments steps{};
  std::vector<crema::detail::FutureHandle> held{};  ///< the values among its inputs
  Operators operators{};  ///< none: all of it is what the plan names; else the last steps have names of their own
};
/// One after the other: what is in `work`, then this.
void append(Work& work, const Step& step);
/// The step with a number (64 bits) in front of its arguments.
Step prefixed(std::uint64_t number, Step step);

/// Where blocks come from.
template <class One>
struct Source {
  /// Of each block, in order; none behind the last. `ahead`: so many blocks run ahead of the one that is consumed, for
  /// sources that have tasks run to know what comes.
  std::function<std::optional<One>(std::size_t ahead)> next;
  /// About how many there are, where tasks have to run to know it; nothing: who wants to know it counts them.
  std::function<std::uint64_t()> expected{};
};
/// The works of all blocks.
using BlockSource = Source<Work>;
/// Of a block: the arguments of a load step, or a stored value that is these.
using Description = std::variant<Bytes, crema::detail::FutureHandle>;
using DescriptionSource = Source<Description>;

/// How many items in memory make a block: a 256th of them, so that there is work for many ranks, and at most 65,536, so
/// that a block's result stays small.
std::ptrdiff_t items_per_block(std::size_t items);

class KeptRows;

/// What a dataset is until somebody asks for its rows. Thread safety: immutable once shared.
struct Plan {
  std::function<BlockSource()> open;  ///< called by every consumer anew; throws DataError for input that is unusable
  std::string name;                   ///< of what makes the blocks, for labels
  std::vector<Step> steps{};          ///< what happens to each block then
  std::shared_ptr<const Plan> bad_records{};  ///< of the records that are no rows, where they are collected
  std::function<std::uint64_t()> count{};     ///< of the rows before all steps, where that takes no reading of them
  std::shared_ptr<const KeptRows> kept{};     ///< the rows before all steps, where they are all of these

  [[nodiscard]] Plan with(Step step) const {
    Plan longer = *this;
    longer.steps.push_back(std::move(step));
    return longer;
  }
  /// What blocks pass that are made as `work` says.
  [[nodiscard]] Operators operators(const Work& work) const;
};

/// The plan of what is opened when its first block is asked for: opening it takes work.
Plan after(std::string name, std::function<BlockSource()> open);

/// The plan of a dataset that is read: `load`, whose arguments are a block's description, makes each block.
/// `load_bad_records` loads, instead of the rows, the records that are no rows.
Plan load_plan(const Step& load, std::function<DescriptionSource()> open,
               const std::optional<Step>& load_bad_records = {});
/// The plan of the records that are left out of the same blocks. Throws UsageError where they are not collected.
Plan bad_records_plan(const Plan& plan);

/// What is known of a block that has run.
struct BlockFacts {
  struct StepFacts {
    std::uint64_t rows = 0;  ///< behind the step
    std::uint64_t nanoseconds = 0;
  };

  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;        ///< of what the last step made
  std::uint64_t peak_memory = 0;  ///< bytes: the most its process has held so far
  std::uint64_t left_out = 0;     ///< records of what was read that are no rows
  std::vector<StepFacts> steps{};
};

/// How many blocks the workers run at a time, at least 1. Asks the head.
std::size_t blocks_at_once();

/// Runs every block of a plan as one task and yields their results in order. Thread safety: used on the lane that made
/// it.
class BlockStream {
 public:
  /// Opens the plan's input, and throws what that throws; no task starts before next(). `ahead`: most blocks computed
  /// ahead of the one that is consumed; 0: as many as keep all lanes busy. The plan's last step makes parts.
  explicit BlockStream(const Plan& plan, std::size_t ahead = 0);
  BlockStream(BlockStream&&) = default;
  BlockStream& operator=(BlockStream&&) = default;
  /// Blocks that nobody will take are cancelled.
  ~BlockStream();

  /// Waits for the next block's result, the first part that its last step made; none behind the last. Throws what the
  /// block's task threw, once no block of this stream runs any more.
  std::optional<Bytes> next();
  /// Of the block that next() has yielded last.
  [[nodiscard]] const BlockFacts& facts() const { return facts_; }
  /// Of the block that next() or next_kept() has yielded last.
  [[nodiscard]] const Operators& operators() const { return operators_; }
  /// Waits for the next block to end; its result stays where it was made. None behind the last.
  std::optional<crema::detail::FutureHandle> next_kept();
  /// Ends the work on the blocks that nobody has taken: returns once none of it runs any more.
  void give_up();
  /// From now on twice as many blocks are computed ahead, but no more than keep all lanes busy.
  void double_ahead();

 private:
  void submit_ahead();
  crema::detail::FutureHandle take_first();
  void abandon();

  // Constant after construction.
  Plan plan_;
  std::string label_;
  Operators operators_of_plan_;
  std::size_t most_ahead_ = 0;

  std::size_t ahead_ = 0;
  BlockSource source_;                 // nothing behind its last block
  std::uint64_t blocks_ = 0;           // submitted
  std::exception_ptr source_failure_;  // thrown once the blocks before it are consumed
  std::deque<std::pair<crema::detail::FutureHandle, Operators>> in_flight_;
  BlockFacts facts_;
  Operators operators_;
  std::uint64_t left_out_ = 0;  // by the blocks that next() has yielded, and not told yet
};

/// Says on stderr how many records all blocks of a plan have left out, if any. One process says it of 100 plans and
/// then of the 128th, 256th and so on, with the sum.
void tell_left_out(const Plan& plan, std::uint64_t records);

/// Blocks that have run and whose results stay with the ranks that made them, spilled beyond their memory.
class KeptBlocks {
 public:
  /// Runs all blocks; waits for all. The parts that the plan's last step makes are counted from 0. Throws what a
  /// block's task threw, or why its result could not be kept, not long after: the rest does not run then.
  explicit KeptBlocks(const Plan& plan);
  /// Then some neighbours that are little together become one block by `merge`, and so do these again: what is kept of
  /// blocks that leave little does not grow with their number. Which ones depends on the blocks alone.
  KeptBlocks(const Plan& plan, const Step& merge);
  /// One that has run already. Throws what its task threw.
  explicit KeptBlocks(crema::detail::FutureHandle block);

  [[nodiscard]] std::size_t size() const { return blocks_.size(); }
  [[nodiscard]] const crema::detail::FutureHandle& operator[](std::size_t block) const { return blocks_[block]; }
  [[nodiscard]] const std::vector<BlockFacts>& facts() const { return facts_; }
  /// Adds this part of every block behind a work's bytes: how many there are, then each.
  void add_part(Work& work, std::size_t part, std::size_t parts) const;
  /// Adds how many there are, from `first` on, then each as a whole: its facts and all of its parts.
  void add_whole(Work& work, std::size_t first = 0) const;
  /// Of what the blocks from `first` on have made.
  [[nodiscard]] std::uint64_t bytes_from(std::size_t first) const;
  /// Bytes: one task reads these sooner than many are submitted.
  static constexpr std::uint64_t little = 8 << 20;

 private:
  void run(const Plan& plan, const Step* merge);
  void read_facts();
  void merge_little(const Step& merge, std::vector<int>& levels, std::vector<BlockFacts>& of_merged);

  std::vector<crema::detail::FutureHandle> blocks_;
  std::vector<BlockFacts> facts_;  // of the first blocks
};

/// Adds a value, all of it, behind a work's bytes.
void add_whole(Work& work, const crema::detail::FutureHandle& value);
/// Adds one part of a kept block behind a work's bytes.
void add_part(Work& work, const crema::detail::FutureHandle& block, std::size_t part, std::size_t parts);

/// A source of these works.
BlockSource source_of(std::vector<Work> works);
/// About how many blocks are to come: where the source does not tell, their works are made now.
std::uint64_t expect(BlockSource& source);
/// Opens what is open already; no more than once.
std::function<BlockSource()> once(BlockSource source);
/// How many blocks there are; none of them runs, but the tasks do that have to cut files.
std::uint64_t count_blocks(const Plan& plan);
/// Into how many parts rows are dealt that come in so many blocks: as many up to 64, then one more for eight blocks,
/// and beyond 256 one more for two, at most 1024. Each block has that many parts, and each part is a piece of every
/// block: with more of them the pieces get too many, with fewer too large, as a part is in memory as a whole. So a part
/// is at most as large as three blocks up to 3,000 blocks, and grows with the input from there on.
std::size_t partitions_for(std::size_t blocks);

}  // namespace crema::dataset
