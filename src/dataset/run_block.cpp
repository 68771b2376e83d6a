#include "dataset/run_block.hpp"

#include <chrono>
#include <cstring>
#include <utility>

#include "crema/dataset_groups.hpp"
#include "crema/dataset_stats.hpp"
#include "crema/errors.hpp"
#include "crema/lane_context.hpp"
#include "crema/registry.hpp"
#include "wire/parts.hpp"

namespace crema::dataset {
namespace {

/// Adds arguments behind others: what they say of places in their bytes moves along.
class ArgumentsWriter {
 public:
  ByteBuffer& bytes() { return bytes_; }
  void append(const Arguments& arguments) {
    const std::uint64_t begin = bytes_.size();
    bytes_.append(arguments.bytes.span());
    for (Input input : arguments.inputs) {
      input.offset += begin;
      rest_.inputs.push_back(input);
    }
    for (Mention mention : arguments.mentions) {
      mention.offset += begin;
      rest_.mentions.push_back(mention);
    }
    rest_.carried.insert(rest_.carried.end(), arguments.carried.begin(), arguments.carried.end());
  }
  void append(const Step& step) {
    bytes_.put(step.function.number);
    append(step.arguments);
  }
  Arguments take() {
    rest_.bytes = Bytes{std::move(bytes_)};
    return std::move(rest_);
  }

 private:
  ByteBuffer bytes_;
  Arguments rest_;
};

/// Of what write() makes of the facts of so many steps.
std::size_t facts_size(std::size_t steps) { return (5 + 2 * steps) * sizeof(std::uint64_t); }

void write(ByteBuffer& out, const BlockFacts& facts) {
  out.put(facts.rows);
  out.put(facts.bytes);
  out.put(facts.peak_memory);
  out.put(facts.left_out);
  out.put(static_cast<std::uint64_t>(facts.steps.size()));
  for (const BlockFacts::StepFacts& step : facts.steps) {
    out.put(step.rows);
    out.put(step.nanoseconds);
  }
}

}  // namespace

BlockFacts read_facts(ByteReader& reader) {
  BlockFacts facts;
  facts.rows = reader.get<std::uint64_t>();
  facts.bytes = reader.get<std::uint64_t>();
  facts.peak_memory = reader.get<std::uint64_t>();
  facts.left_out = reader.get<std::uint64_t>();
  for (auto left = reader.get<std::uint64_t>(); left > 0; --left) {
    BlockFacts::StepFacts& step = facts.steps.emplace_back();
    step.rows = reader.get<std::uint64_t>();
    step.nanoseconds = reader.get<std::uint64_t>();
  }
  return facts;
}

void append(Work& work, const Step& step) {
  ArgumentsWriter writer;
  writer.append(work.steps);
  writer.append(step);
  work.steps = writer.take();
}

Step prefixed(std::uint64_t number, Step step) {
  ArgumentsWriter writer;
  writer.bytes().put(number);
  writer.append(step.arguments);
  step.arguments = writer.take();
  return step;
}

void add_whole(Work& work, const crema::detail::FutureHandle& value) {
  work.steps.inputs.push_back({.offset = work.steps.bytes.size(), .id = value.id(), .key = value.key()});
  work.held.push_back(value);
}

void add_part(Work& work, const crema::detail::FutureHandle& block, std::size_t part, std::size_t parts) {
  work.steps.inputs.push_back({.offset = work.steps.bytes.size(),
                               .id = block.id(),
                               .key = block.key(),
                               .part = made_part + static_cast<std::uint32_t>(part),
                               .parts = made_part - 1 + static_cast<std::uint32_t>(parts)});
  work.held.push_back(block);
}

Arguments encode_block(std::uint64_t number, const Work& work, const std::vector<Step>& steps) {
  ArgumentsWriter writer;
  writer.bytes().put(number);
  writer.append(work.steps);
  for (const Step& step : steps) writer.append(step);
  return writer.take();
}

namespace {

/// Rows that have gone: of a lane one block's, and only until it makes rows of another type.
struct Spare {
  std::shared_ptr<void> rows;
  const std::type_info* type = nullptr;
};
thread_local Spare spare;

}  // namespace

void Rows::retire() noexcept {
  borrowed_ = {};
  borrowed_size_ = 0;
  if (!rows_) return;
  const std::size_t bytes = kind_->bytes(rows_.get());
  if (bytes < least_kept || bytes > most_kept) return rows_.reset();
  kind_->release(rows_.get());
  spare = {std::move(rows_), &kind_->type};
}

std::shared_ptr<void> Rows::take_spare(const Kind& kind) noexcept {
  const Spare found = std::exchange(spare, {});
  return found.rows && *found.type == kind.type ? found.rows : nullptr;
}

void Rows::begin_parts(std::size_t count, std::size_t bytes) {
  made_ = wire::begin_parts(made_part - 1 + static_cast<std::uint32_t>(count), facts_size_ + bytes);
  facts_place_ = made_.size();
  made_.extend(facts_size_);
  wire::end_part(made_, facts_part);
  ended_ = facts_part;
}

void Rows::end_part() { wire::end_part(made_, ++ended_); }

Bytes RunBlock::body(void*, ByteReader& steps) {
  using Clock = std::chrono::steady_clock;
  Rows rows{steps.get<std::uint64_t>()};
  thread_local std::uint64_t begun = 0;
  rows.begun_ = ++begun;
  rows.wants_digest_ = LaneContext::current().keeps_history();
  BlockFacts facts;
  auto begin = Clock::now();
  while (steps.remaining() != 0) {
    const FunctionId function{steps.get<std::uint32_t>()};
    rows.facts_size_ = facts_size(facts.steps.size() + 1);
    FunctionRegistry::at(function).body(&rows, steps);
    const auto end = Clock::now();
    facts.steps.push_back({rows.size(), static_cast<std::uint64_t>((end - begin).count())});
    begin = end;
  }
  if (rows.made_.size() == 0) rows.begin_parts(0);
  facts.rows = rows.size();
  facts.bytes = rows.made_.size() - rows.facts_place_ - rows.facts_size_;
  facts.peak_memory = peak_memory();
  facts.left_out = rows.left_out();
  ByteBuffer told{rows.facts_size_};
  write(told, facts);
  // As large as the room that was left for them: the last step began the parts.
  std::memcpy(rows.made_.data() + rows.facts_place_, told.data(), told.size());
  wire::recognize_by({{rows.facts_place_, rows.facts_size_}, rows.digest_});
  return Bytes{std::move(rows.made_)};
}

std::uint64_t enter_block(ByteReader& reader) {
  const auto parts = reader.get<std::uint64_t>();
  for (std::uint64_t part = 0; part < parts; ++part) reader.get<std::uint64_t>();  // where it ends
  static_cast<void>(read_facts(reader));
  return parts - 1;
}

Bytes ReadFacts::body(void*, ByteReader& facts) {
  ByteBuffer out;
  while (facts.remaining() != 0) write(out, read_facts(facts));
  return Bytes{std::move(out)};
}

}  // namespace crema::dataset
