#include "history/past.hpp"

#include <algorithm>

#include "crema/errors.hpp"
#include "crema/registry.hpp"

namespace crema::history {
namespace {

using journal::RecordType;

/// Past::missing_function: this program does not have it.
FunctionId find_function(const Function& recorded) {
  std::uint32_t equal = 0;
  FunctionId number;
  for (const RegisteredFunction& function : FunctionRegistry::all()) {
    if (function.mangled == recorded.mangled && equal++ == recorded.index) return number;
    ++number.number;
  }
  return Past::missing_function;
}

FunctionId translate(FunctionId recorded, const std::unordered_map<FunctionId, FunctionId>& functions) {
  const auto function = functions.find(recorded);
  if (function != functions.end()) return function->second;
  throw Error{"reading the journal: work has function number " + std::to_string(recorded.number) +
              ", which no record before it names; the journal is damaged"};
}

/// Of a file that a record names.
struct DamagedBlob {
  std::string why;
};

/// Throws DamagedBlob. `blobs`: empty, or where the file is.
void check_blob(TaskKey key, const Large& large, const std::string& blobs) {
  if (blobs.empty()) return;
  if (std::string why = blob_damage({key, large}, blobs); !why.empty()) throw DamagedBlob{std::move(why)};
}

wire::TaskSpec read_submission(const Bytes& payload, const std::unordered_map<FunctionId, FunctionId>& functions) {
  wire::TaskSpec task = wire::read_task(payload.compact());
  task.function = translate(task.function, functions);
  return task;
}

}  // namespace

Past::Past(journal::RecordSource& source, const CallCounts& before, const std::string& blobs) {
  Functions functions;
  try {
    while (const auto record = source.next()) add(*record, functions, before, blobs);
  } catch (const DamagedBlob& damage) {
    source.refuse(damage.why);
  }
}

void Past::add(const journal::Record& record, Functions& functions, const CallCounts& before,
               const std::string& blobs) {
  switch (record.type) {
    case RecordType::function: {
      const Function function = read_function(record.payload);
      const FunctionId now = functions[function.number] = find_function(function);
      if (now == missing_function && missing_.empty()) missing_ = demangle(function.mangled.c_str());
      return;
    }
    case RecordType::task: {
      Task task = read_task(record.payload);
      if (task.kept == Task::Kept::blob) check_blob(task.key, task.large, blobs);
      return add_task(std::move(task), functions);
    }
    case RecordType::order:
      complete(read_order(record.payload).key);
      return;
    case RecordType::value: {
      StoredValue stored = read_stored_value(record.payload);
      if (stored.large.size > 0) check_blob(stored.key, stored.large, blobs);
      Completion& completion = complete(stored.key);
      completion.succeeded = true;
      completion.kept = stored.large.size > 0 ? Task::Kept::blob : Task::Kept::value;
      completion.large = std::move(stored.large);
      completion.carried = std::move(stored.carried);
      completion.value = stored.value.compact();
      return;
    }
    case RecordType::call: {
      history::Call call = history::read_call(record.payload);
      wire::CallSpec spec = wire::read_call(call.payload.compact());
      spec.method = translate(spec.method, functions);
      spec.arguments.carried = std::move(call.carried);
      calls_[spec.actor].push_back({call.caller, std::move(spec)});
      return;
    }
    case RecordType::actor: {
      const history::Creation creation = read_creation(record.payload);
      wire::ActorSpec spec = wire::read_actor(creation.payload.compact());
      spec.constructor = translate(spec.constructor, functions);
      const ActorId id = spec.id;
      creations_.insert_or_assign(id, Creation{creation.caller, std::move(spec)});
      return;
    }
    case RecordType::snapshot:
      return add_snapshot(wire::read_snapshot(record.payload), before);
    case RecordType::killed:
      killed_.insert(ByteReader{record.payload}.get<ActorId>());
      return;
    case RecordType::checkpoint: {
      const Checkpoint checkpoint = read_checkpoint(record.payload);
      checkpoints_[checkpoint.key] = checkpoint.kept.compact();
      return add_children(checkpoint.key, checkpoint.children, functions);
    }
    case RecordType::failed_call: {
      FailedCall failed = read_failed_call(record.payload);
      failed.failure = failed.failure.compact();
      complete(failed.key);
      failed_calls_.insert_or_assign(failed.key, std::move(failed));
      return;
    }
    case RecordType::called: {
      const Called called = read_called(record.payload);
      parents_.insert_or_assign(called.key, called.parent);
      called_.insert(called.key);
      return;
    }
    case RecordType::forgotten:
      return forget_actors();
    case RecordType::answer: {
      Answer answer = read_answer(record.payload);
      answers_[{answer.caller, answer.ordinal}] = std::move(answer.places);
      return;
    }
    default:
      throw Error{"reading the journal: a record has type " + std::to_string(static_cast<int>(record.type)) +
                  ", which this version does not know; resume with the program that began the run"};
  }
}

/// The calls before it have led to it, and are not applied again; that they were made is still to be known.
void Past::add_snapshot(wire::Snapshot snapshot, const CallCounts& before) {
  const auto counted = before.find(snapshot.actor);
  const std::uint64_t earlier = counted == before.end() ? 0 : counted->second;
  std::vector<Call>& calls = calls_[snapshot.actor];
  Snapshot& newest = snapshots_[snapshot.actor];
  for (std::uint64_t place = std::max(earlier, newest.place); place < snapshot.place && place - earlier < calls.size();
       ++place)
    calls[place - earlier].spec.arguments = {};
  newest = {snapshot.place, snapshot.state.compact()};
}

/// What ended first keeps its place, whatever became of it later. Each record counts, as it does for Keeper::ends.
Past::Completion& Past::complete(TaskKey key) {
  Completion& completion = completions_[key];
  ++last_order_;
  if (completion.order == 0) completion.order = last_order_;
  return completion;
}

void Past::add_task(Task task, const Functions& functions) {
  Completion& completion = complete(task.key);
  completion.succeeded = true;
  completion.kept = task.kept;
  completion.source = task.source;
  completion.large = std::move(task.large);
  completion.carried = std::move(task.carried);
  completion.value = task.value.compact();
  if (task.parent != TaskKey{}) parents_.insert_or_assign(task.key, task.parent);
  if (!task.inputs.empty()) inputs_.insert_or_assign(task.key, std::move(task.inputs));
  if (!task.submission.empty()) completion.submission = read_submission(task.submission, functions);
  checkpoints_.erase(task.key);
  add_children(task.key, task.children, functions);
}

void Past::add_children(TaskKey parent, const std::vector<Bytes>& submissions, const Functions& functions) {
  for (const Bytes& payload : submissions) {
    wire::TaskSpec child = read_submission(payload, functions);
    const TaskKey key = child.key;
    parents_.insert_or_assign(key, parent);
    children_.insert_or_assign(key, std::move(child));
  }
}

const Past::Completion* Past::find(TaskKey key) const {
  const auto found = completions_.find(key);
  return found == completions_.end() ? nullptr : &found->second;
}

const FailedCall* Past::failure(TaskKey call) const {
  const auto found = failed_calls_.find(call);
  return found == failed_calls_.end() ? nullptr : &found->second;
}

const std::vector<std::uint32_t>* Past::answer(TaskKey caller, std::uint32_t ordinal) const {
  const auto found = answers_.find({caller, ordinal});
  return found == answers_.end() ? nullptr : &found->second;
}

std::vector<wire::TaskSpec> Past::unfinished() const {
  std::vector<wire::TaskSpec> tasks;
  for (const auto& [key, task] : children_) {
    const Completion* completion = find(key);
    if (completion == nullptr || !completion->succeeded) tasks.push_back(task);
  }
  return tasks;
}

}  // namespace crema::history
