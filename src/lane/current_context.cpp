#include "lane/current_context.hpp"

#include <utility>

#include "crema/errors.hpp"

namespace crema {
namespace {

thread_local LaneContext* current_context = nullptr;
thread_local CarriedFutures* current_carried = nullptr;

}  // namespace

void lane::set_current_context(LaneContext* context) { current_context = context; }

LaneContext& LaneContext::current() {
  if (current_context == nullptr) {
    throw UsageError{
        "calling crema outside the driver, a task or an actor: move the call into the function given to Job::run "
        "(threads "
        "that user code starts cannot call crema)"};
  }
  return *current_context;
}

CarriedFutures::CarriedFutures() : outer_{std::exchange(current_carried, this)} {}
CarriedFutures::~CarriedFutures() { current_carried = outer_; }

void CarriedFutures::add(Named<TaskId> future, std::shared_ptr<const void> keep) {
  if (current_carried == nullptr) {
    throw UsageError{
        "sending a future: here only its value can be sent, so pass future.get(); futures travel as arguments, results "
        "and stored values"};
  }
  current_carried->ids_.push_back(future);
  current_carried->kept_.push_back(std::move(keep));
}

void CarriedFutures::mention(std::uint64_t offset, TaskKey key) {
  if (current_carried != nullptr) current_carried->mentions_.push_back({offset, key});
}

}  // namespace crema
