#include "crema/wait.hpp"

namespace crema::detail {

CompletionWatch::CompletionWatch(const std::vector<Named<TaskId>>& futures)
    : lane_{LaneContext::current().share()}, number_{lane_->watch(futures)} {}

CompletionWatch::~CompletionWatch() { lane_->unwatch(number_); }

TaskId CompletionWatch::next() { return lane_->next_completed(number_); }

}  // namespace crema::detail
