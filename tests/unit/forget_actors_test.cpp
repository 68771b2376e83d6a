#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "crema/errors.hpp"
#include "crema/registry.hpp"
#include "history/past.hpp"
#include "memory_journal.hpp"
#include "wire/messages.hpp"

namespace crema {
namespace {

using history::Past;
using history::Task;
using journal::RecordType;
using ::testing::HasSubstr;

TaskKey key(std::uint64_t number) { return {number, number}; }

/// A history that is written record by record; work has numbers, and the driver is 0.
class Story {
 public:
  Story() { function(0, FunctionRegistry::at(FunctionId{0}).mangled); }

  void function(std::uint32_t number, const std::string& mangled) {
    journal.append(RecordType::function, write(history::Function{FunctionId{number}, 0, mangled}).span());
  }
  static Bytes submission(std::uint64_t number, std::uint32_t function = 0, std::vector<Input> inputs = {}) {
    wire::TaskSpec task;
    task.key = key(number);
    task.function = FunctionId{function};
    task.arguments.inputs = std::move(inputs);
    return Bytes{wire::write(task)};
  }
  void ended(std::uint64_t number, std::uint64_t parent = 0, Task task = {}) {
    task.key = key(number);
    task.parent = parent == 0 ? TaskKey{} : key(parent);
    if (task.submission.empty() && task.kept == Task::Kept::nothing) task.kept = Task::Kept::value;
    journal.append(RecordType::task, write(task).span());
  }
  void failed(std::uint64_t number) { journal.append(RecordType::order, write(history::Order{key(number)}).span()); }
  void call(std::uint64_t number, std::uint64_t caller) {
    wire::CallSpec spec;
    spec.key = key(number);
    spec.actor = ActorId{1};
    journal.append(RecordType::call, write(history::Call{.caller = caller == 0 ? TaskKey{} : key(caller)}).span(),
                   wire::write(spec).span());
  }
  void called(std::uint64_t number, std::uint64_t parent) {
    journal.append(RecordType::called, write(history::Called{key(number), key(parent)}).span());
  }

  [[nodiscard]] Past past() const {
    testing::CutJournal source{journal.records, journal.records.size()};
    return Past{source};
  }
  /// What is left where something has changed.
  [[nodiscard]] std::set<std::uint64_t> kept() const {
    Past left = past();
    left.forget_actors();
    EXPECT_TRUE(left.calls().empty());
    std::set<std::uint64_t> numbers;
    for (const auto& [work, completion] : left.completions()) numbers.insert(work.high);
    for (const wire::TaskSpec& task : left.unfinished()) numbers.insert(task.key.high);
    return numbers;
  }

  testing::MemoryJournal journal;
};

using Numbers = std::set<std::uint64_t>;

TEST(ForgetActors, WhoHasCalledOne) {
  Story story;
  story.ended(1);
  story.call(100, 2);
  story.ended(100, 2);
  story.ended(2);
  story.call(101, 0);  // the driver's
  story.ended(3);
  EXPECT_EQ(story.kept(), (Numbers{1, 3}));
}

TEST(ForgetActors, WhoHasStartedWhoHasCalledOne) {
  Story story;
  story.call(100, 3);
  story.ended(3, 2);
  story.ended(2, 1);
  story.ended(4, 1);  // beside it
  story.ended(1);
  EXPECT_EQ(story.kept(), (Numbers{4}));
}

TEST(ForgetActors, WhoHasStartedWhoNeverEndedOrFailed) {
  Story story;
  // 1 has ended and left 2, which has started 3, which has called; 3 has failed and 2 has not ended.
  story.ended(1, 0, {.children = {Story::submission(2)}});
  story.called(3, 2);
  story.call(100, 3);
  story.failed(3);
  story.ended(4);
  EXPECT_EQ(story.kept(), (Numbers{4}));
}

TEST(ForgetActors, UnfinishedChildrenOfWhatIsKeptStart) {
  Story story;
  story.ended(1, 0, {.children = {Story::submission(2)}});
  story.call(100, 3);
  story.ended(3, 0, {.children = {Story::submission(4)}});
  EXPECT_EQ(story.kept(), (Numbers{1, 2}));
}

TEST(ForgetActors, WhatDependsOnThat) {
  Story story;
  story.call(100, 1);
  story.ended(1);
  story.ended(2, 0, {.inputs = {key(1)}});
  story.ended(3, 0, {.inputs = {key(2)}});
  story.ended(4, 0, {.inputs = {key(100)}});
  story.ended(5, 0, {.inputs = {key(77)}});  // stored by the driver
  story.ended(6, 0, {.kept = Task::Kept::another, .source = key(3)});
  story.ended(7, 0, {.kept = Task::Kept::another, .source = key(5)});
  story.ended(8, 0, {.carried = {{TaskId{1}, key(4)}}});
  story.ended(9, 0, {.carried = {{TaskId{1}, key(7)}}});
  story.ended(10, 0, {.submission = Story::submission(10, 0, {{0, TaskId{1}, key(1)}})});
  story.ended(11, 0, {.submission = Story::submission(11, 0, {{0, TaskId{1}, key(9)}})});
  EXPECT_EQ(story.kept(), (Numbers{5, 7, 9, 11}));
}

TEST(ForgetActors, FailuresAreForgotten) {
  Story story;
  story.failed(1);
  story.ended(2, 0, {.inputs = {key(1)}});
  EXPECT_EQ(story.kept(), Numbers{});
}

TEST(ForgetActors, WhatIsRecordedLaterCounts) {
  Story story;
  story.call(100, 1);
  story.ended(1);
  story.journal.append(RecordType::forgotten, {});
  story.call(101, 1);
  story.ended(1);
  const Past past = story.past();
  ASSERT_EQ(past.calls().size(), 1);
  EXPECT_EQ(past.calls().begin()->second.size(), 1);
  EXPECT_EQ(past.calls().begin()->second.front().spec.key, key(101));
  EXPECT_NE(past.find(key(1)), nullptr);
}

TEST(ForgetActors, FunctionsThatAreGone) {
  Story story;
  story.function(7, "_ZN4gone4goneEv");
  story.ended(1, 0, {.submission = Story::submission(1, 7)});
  story.ended(2, 0, {.children = {Story::submission(3, 7)}});
  story.ended(4);
  Past past = story.past();
  try {
    past.require_functions();
    FAIL() << "nothing was missed";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("it names the function gone::gone(), which this program does not have"));
  }
  past.forget_actors();
  past.require_functions();
  EXPECT_EQ(story.kept(), (Numbers{4}));
}

}  // namespace
}  // namespace crema
