#include <algorithm>
#include <utility>

#include "crema/dataset_plan.hpp"
#include "crema/errors.hpp"
#include "crema/lane_context.hpp"
#include "crema/registry.hpp"
#include "dataset/run_block.hpp"

namespace crema::dataset {
namespace {

std::string label_of(const Plan& plan, const Step& last) {
  std::string label = plan.load.name;
  for (const Step& step : plan.steps) label += "." + step.name;
  return last.name.empty() ? label : label + "." + last.name;
}

/// Blocks computed ahead of the one that is consumed: each worker has one to run and one to follow it.
std::size_t blocks_in_flight() {
  const int workers = LaneContext::current().cluster().workers;
  return static_cast<std::size_t>(std::max(4, 2 * workers + 2));
}

}  // namespace

BlockStream::BlockStream(const Plan& plan, Step last)
    : load_{plan.load.function}, steps_{plan.steps}, label_{label_of(plan, last)}, source_{plan.open()} {
  steps_.push_back(std::move(last));
  most_in_flight_ = blocks_in_flight();
}

BlockStream::~BlockStream() {
  try {
    for (const crema::detail::FutureHandle& block : in_flight_) block.cancel();
  } catch (const UsageError&) {
    // A stream that outlives the driver: nothing runs any more.
  }
}

std::optional<Bytes> BlockStream::next() {
  submit_ahead();
  if (in_flight_.empty()) {
    if (source_failure_) std::rethrow_exception(std::exchange(source_failure_, nullptr));
    return std::nullopt;
  }
  const crema::detail::FutureHandle block = std::move(in_flight_.front());
  in_flight_.pop_front();
  try {
    return block.value();
  } catch (const Error&) {
    abandon();
    throw;
  }
}

void BlockStream::submit_ahead() {
  while (source_ && in_flight_.size() < most_in_flight_) {
    std::optional<Bytes> description;
    try {
      description = source_();
    } catch (const Error&) {
      // Rows in front of the damage come first, whatever the number of blocks in flight.
      source_failure_ = std::current_exception();
    }
    if (!description) {
      source_ = nullptr;
      return;
    }
    const Named<TaskId> task = LaneContext::current().submit(
        crema::detail::registered_id<RunBlock>, TaskOptions{.name = label_},
        {.bytes = encode_steps({.function = load_, .arguments = std::move(*description), .name = {}}, steps_)});
    in_flight_.emplace_back(task);
  }
}

/// The first failure in the order of the rows is the stream's; blocks behind it may have failed too, and asking for
/// them here is what keeps these from being failures that nobody asked for.
void BlockStream::abandon() {
  source_ = nullptr;
  source_failure_ = nullptr;
  for (const crema::detail::FutureHandle& block : std::exchange(in_flight_, {})) {
    try {
      static_cast<void>(block.value());
    } catch (const Error&) {
      continue;
    }
  }
}

}  // namespace crema::dataset
