// In which order work ends, and what those are told who wait for some of several values: to a further attempt, and to
// what goes on from a history, the same as before. What they do next may hang on it, and must fit what is done already.
#include "head/head.hpp"

namespace crema::head {
namespace {

/// Ends that are recorded are counted in the upper bits, as those count who read the records; what ends between two of
/// them, in the lower ones.
constexpr int recorded_shift = 32;

}  // namespace

std::uint64_t Head::order_of(Named<TaskId> work) {
  if (const Entry* entry = entries_.find(work.id.number); entry != nullptr && entry->order > 0) return entry->order;
  if (const std::uint64_t order = recorded_order(work.key); order > 0) return order;
  // A call that a further attempt has made again comes by way of its host, and who waits for it asks here at once.
  const auto named = names_.find(work.key);
  const Entry* first = named == names_.end() ? nullptr : entries_.find(named->second.id.number);
  return first == nullptr ? 0 : first->order;
}

/// Of what has ended now, once that is recorded.
std::uint64_t Head::next_order() {
  const std::uint64_t recorded = keeper_ ? past_.last_order() + keeper_->ends() : 0;
  return last_order_ = std::max(last_order_ + 1, recorded << recorded_shift);
}

/// 0: its end is not recorded, or was not when own_ was read.
std::uint64_t Head::recorded_order(TaskKey key) const {
  if (const history::Past::Completion* ended = past_.find(key)) return ended->order << recorded_shift;
  const history::Past::Completion* ended = own_.find(key);
  return ended == nullptr ? 0 : (past_.last_order() + ended->order) << recorded_shift;
}

/// When what an earlier attempt of the parent has started under this key ended; 0: it has not, or there was none.
std::uint64_t Head::order_before(TaskId parent, std::uint64_t key) const {
  if (parent == TaskId{} || attempts_.of(parent) == 0) return 0;
  const auto found = repeatable_.find(parent);
  return found == repeatable_.end() ? 0 : found->second.orders.find(key);
}

/// For further attempts of the parent. The driver has none.
void Head::keep_order(TaskId parent, std::uint64_t key, std::uint64_t order) {
  if (may_run_again(parent)) repeatable_[parent].orders.add(key, order);
}

/// What is made again has ended when the first one did.
void Head::take_order(TaskId id, TaskId first) {
  Entry& entry = entry_of(id);
  const Entry* made = entries_.find(first.number);
  if (entry.order == 0 && made != nullptr) entry.order = made->order;
}

/// A child has been started (1), or has ended (-1). False: nobody counts the children of the driver, or of a task that
/// is forgotten.
bool Head::count_child(TaskId parent, int change) {
  Entry* entry = parent == TaskId{} ? nullptr : entries_.find(parent.number);
  if (entry != nullptr) entry->children += static_cast<std::uint32_t>(change);
  return entry != nullptr;
}

/// A value has its place in the history from the moment on in which it is recorded, and not once there is room for it.
void Head::order_value(const wire::Put& put) {
  if (put.parent == TaskId{}) return;
  Entry& entry = entry_of(put.id);
  if (entry.order == 0) entry.order = recorded_order(put.key);
  if (entry.order == 0) entry.order = order_before(put.parent, put.key.high);
  if (entry.order > 0) return;
  entry.order = next_order();
  keep_order(put.parent, put.key.high, entry.order);
}

void Head::keep_answer(const wire::Wait& wait, const std::vector<std::uint32_t>& places) {
  if (keeper_) keeper_->answered(wait.caller, wait.ordinal, places);
  if (may_run_again(wait.by)) repeatable_[wait.by].answers.add(wait.ordinal, places);
}

void Head::on_wait(RankId from, const wire::Frame& frame) {
  wire::Wait wait = wire::read_wait(frame.payload);
  const auto answer = [&](const std::vector<std::uint32_t>* told) {
    if (told == nullptr || (!told->empty() && told->back() >= wait.ids.size())) return false;
    answer_wait(outbox_, from, frame.header.lane, frame.header.sequence, *told);
    return true;
  };
  if (answer(past_.answer(wait.caller, wait.ordinal)) || answer(own_.answer(wait.caller, wait.ordinal))) return;
  if (const auto found = repeatable_.find(wait.by); found != repeatable_.end()) {
    const auto told = found->second.answers.find(wait.ordinal);
    if (told && answer(&*told)) return;
  }
  watches_.on_wait(from, frame.header, std::move(wait), clock_());
}

}  // namespace crema::head
