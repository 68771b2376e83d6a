#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <utility>

#include "crema/dataset_plan.hpp"
#include "crema/dataset_stats.hpp"
#include "crema/errors.hpp"
#include "crema/lane_context.hpp"
#include "crema/registry.hpp"
#include "dataset/run_block.hpp"
#include "wire/parts.hpp"

namespace crema::dataset {
namespace {

std::string label_of(const Plan& plan) {
  std::string label = plan.name;
  for (const Step& step : plan.steps)
    if (!step.name.empty()) label += "." + step.name;
  return label;
}

}  // namespace

std::size_t blocks_at_once() { return static_cast<std::size_t>(std::max(1, LaneContext::current().cluster().lanes)); }

BlockStream::BlockStream(const Plan& plan, std::size_t ahead)
    : plan_{plan}, label_{label_of(plan)}, operators_of_plan_{plan.operators({})}, source_{plan_.open()} {
  // Each lane has one block to run and one to follow it.
  most_ahead_ = std::max<std::size_t>(4, 2 * blocks_at_once() + 2);
  ahead_ = ahead == 0 ? most_ahead_ : ahead;
}

void BlockStream::double_ahead() { ahead_ = std::min(2 * ahead_, most_ahead_); }

BlockStream::~BlockStream() {
  try {
    for (const auto& [block, operators] : in_flight_) block.cancel();
  } catch (const UsageError&) {
    // A stream that outlives the driver: nothing runs any more.
  }
}

std::optional<crema::detail::FutureHandle> BlockStream::next_kept() {
  submit_ahead();
  if (in_flight_.empty()) {
    if (source_failure_) std::rethrow_exception(std::exchange(source_failure_, nullptr));
    return std::nullopt;
  }
  const crema::detail::FutureHandle block = take_first();
  const crema::detail::FutureHandle* first = &block;
  crema::detail::FutureHandle::wait({&first, 1}, 1, std::nullopt);
  return block;
}

void tell_left_out(const Plan& plan, std::uint64_t records) {
  constexpr std::uint64_t always_told = 100;
  static std::atomic<std::uint64_t> datasets{0}, sum{0};
  if (records == 0) return;
  const std::uint64_t number = ++datasets;
  const std::uint64_t so_far = sum += records;
  if (number > always_told && !std::has_single_bit(number)) return;
  fmt::print(stderr, "warning: {}: {} records in all could not be read and are left out{}\n", plan.name, records,
             number < always_told
                 ? ""
                 : fmt::format(" ({} of {} datasets that were read here; not all are told)", so_far, number));
}

std::optional<Bytes> BlockStream::next() {
  submit_ahead();
  if (in_flight_.empty()) {
    if (source_failure_) std::rethrow_exception(std::exchange(source_failure_, nullptr));
    tell_left_out(plan_, std::exchange(left_out_, 0));
    return std::nullopt;
  }
  const crema::detail::FutureHandle block = take_first();
  try {
    const Bytes result = block.value();
    ByteReader facts{wire::part_of(result, facts_part)};
    facts_ = read_facts(facts);
    left_out_ += facts_.left_out;
    StatsCollector::add(*operators_, facts_);
    return wire::part_of(result, made_part);
  } catch (const Error&) {
    abandon();
    throw;
  }
}

crema::detail::FutureHandle BlockStream::take_first() {
  crema::detail::FutureHandle block = std::move(in_flight_.front().first);
  operators_ = std::move(in_flight_.front().second);
  in_flight_.pop_front();
  return block;
}

void BlockStream::give_up() {
  source_ = {};
  source_failure_ = nullptr;
  std::vector<const crema::detail::FutureHandle*> running;
  for (const auto& [block, operators] : in_flight_) {
    block.cancel();
    running.push_back(&block);
  }
  if (!running.empty()) crema::detail::FutureHandle::wait(running, running.size(), std::nullopt);
  in_flight_.clear();
}

void BlockStream::submit_ahead() {
  while (source_.next && in_flight_.size() < ahead_) {
    std::optional<Work> work;
    try {
      work = source_.next(ahead_);
    } catch (const Error&) {
      // Rows in front of the damage come first, whatever the number of blocks in flight.
      source_failure_ = std::current_exception();
    }
    if (!work) {
      source_ = {};
      return;
    }
    in_flight_.emplace_back(
        LaneContext::current().submit(crema::detail::registered_id<RunBlock>, TaskOptions{.name = label_},
                                      encode_block(blocks_++, *work, plan_.steps)),
        work->operators ? plan_.operators(*work) : operators_of_plan_);
  }
}

/// The first failure in the order of the rows is the stream's; blocks behind it may have failed too, and asking for
/// them here is what keeps these from being failures that nobody asked for.
void BlockStream::abandon() {
  source_ = {};
  source_failure_ = nullptr;
  for (const auto& [block, operators] : std::exchange(in_flight_, {})) {
    try {
      static_cast<void>(block.value());
    } catch (const Error&) {
      continue;
    }
  }
}

}  // namespace crema::dataset
