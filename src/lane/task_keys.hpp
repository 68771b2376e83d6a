#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "crema/arguments.hpp"
#include "crema/ids.hpp"

namespace crema::lane {

/// The keys of what one piece of work starts. Needs no other rank: a key follows from the work's own key, the
/// function's name, the argument bytes (a future or an actor in them counts by its key), and how many equal ones came
/// before. Memory: a counter for each different call the work makes, until it ends.
class TaskKeys {
 public:
  /// A new piece of work begins.
  void begin(TaskKey work) {
    work_ = work;
    // Cleared, it would keep the buckets of one that made many calls, and clear them for every later one.
    if (!made_.empty()) made_ = {};
    last_made_ = nullptr;
  }

  /// How many equal ones each was that the work has started so far, for go_on.
  void write(ByteBuffer& out) const;
  /// After begin: counts on from what write has written.
  void go_on(ByteReader& in);

  TaskKey task(FunctionId function, const Arguments& arguments);
  TaskKey actor(FunctionId constructor, const Arguments& arguments);
  TaskKey call(TaskKey actor, FunctionId method, const Arguments& arguments);
  TaskKey stored_value(const Arguments& value);
  /// The same for everybody who finds it.
  static TaskKey named_actor(const std::string& name, const std::string& class_name);

 private:
  enum class Kind : std::uint8_t { task = 1, actor = 2, call = 3, stored_value = 4, named_actor = 5 };

  TaskKey next(Kind kind, TaskKey subject, TaskKey function, const Arguments& arguments);

  /// What a key is the hash of.
  struct Content {
    TaskKey work, subject, function, arguments, mentions;
    std::uint64_t kind = 0;
    std::uint64_t ordinal = 0;

    friend bool operator==(const Content&, const Content&) = default;
  };

  TaskKey work_;
  std::unordered_map<TaskKey, std::uint64_t> made_;
  Content last_;                        // with ordinal 0
  std::uint64_t* last_made_ = nullptr;  // its counter; nullptr: there is no last one
};

}  // namespace crema::lane
