// What is left of a history whose actors count no more.
#include <algorithm>
#include <utility>

#include "crema/errors.hpp"
#include "history/past.hpp"

namespace crema::history {

void Past::require_functions() const {
  if (missing_.empty()) return;
  throw Error{"reading the journal: it names the function " + missing_ +
              ", which this program does not have; resume with the program that began the run"};
}

void Past::forget_actors() {
  failed_calls_.clear();
  checkpoints_.clear();  // of a program whose states may have been others
  std::unordered_set<TaskKey> again = std::exchange(called_, {});
  for (const auto& [actor, creation] : creations_) again.insert(creation.caller);
  for (const auto& [actor, calls] : calls_) {
    for (const Call& call : calls) {
      again.insert(call.caller);
      again.insert(call.spec.key);
    }
  }
  again.erase(TaskKey{});  // the driver
  // What cannot run in this program any more is started by its parent, or by what takes its place there.
  for (const auto& [key, task] : children_)
    if (task.function == missing_function) again.insert(key);
  for (const auto& [key, completion] : completions_)
    if (completion.submission && completion.submission->function == missing_function) again.insert(key);
  missing_.clear();

  std::vector<TaskKey> to_look_at{again.begin(), again.end()};
  while (!to_look_at.empty()) {
    const auto parent = parents_.find(to_look_at.back());
    to_look_at.pop_back();
    if (parent != parents_.end() && again.insert(parent->second).second) to_look_at.push_back(parent->second);
  }

  for (const auto& [key, completion] : completions_)
    if (!completion.succeeded) again.insert(key);

  const auto is_kept = [&](TaskKey key) {
    return !again.contains(key) && (completions_.contains(key) || children_.contains(key));
  };
  const auto are_kept = [&](const Arguments& arguments) {
    return std::ranges::all_of(arguments.inputs, is_kept, &Input::key) &&
           std::ranges::all_of(arguments.carried, is_kept, &Named<TaskId>::key);
  };
  const auto depends_on_what_runs_again = [&](TaskKey key, const Completion& completion) {
    // Of arguments it is enough that they are the same: what the driver has stored is not recorded.
    const auto inputs = inputs_.find(key);
    if (inputs != inputs_.end() &&
        std::ranges::any_of(inputs->second, [&](TaskKey input) { return again.contains(input); }))
      return true;
    // What a value names has to be there without anybody who starts it again.
    if (!std::ranges::all_of(completion.carried, is_kept, &Named<TaskId>::key)) return true;
    if (completion.kept == Task::Kept::another) return !is_kept(completion.source);
    return completion.submission && !are_kept(completion.submission->arguments);
  };
  for (std::size_t before = 0; before != again.size();) {
    before = again.size();
    for (const auto& [key, completion] : completions_)
      if (!again.contains(key) && depends_on_what_runs_again(key, completion)) again.insert(key);
    for (const auto& [key, task] : children_)
      if (!again.contains(key) &&
          (!completions_.contains(parents_.at(key)) || again.contains(parents_.at(key)) || !are_kept(task.arguments)))
        again.insert(key);
  }
  std::erase_if(completions_, [&](const auto& completion) { return again.contains(completion.first); });
  std::erase_if(children_, [&](const auto& child) { return again.contains(child.first); });
  answers_.clear();
  calls_.clear();
  snapshots_.clear();
  creations_.clear();
  killed_.clear();
  failed_calls_.clear();
  checkpoints_.clear();
}

}  // namespace crema::history
