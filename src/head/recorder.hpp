#pragma once

#include <cstdint>
#include <string>

#include "crema/errors.hpp"
#include "record/rows.hpp"

namespace crema::head {

/// Where the head reports what happened. Never blocks.
class Recorder {
 public:
  virtual ~Recorder() = default;
  /// The number under which a function's (or a task's own) name is kept; the same name gets the same number.
  virtual std::uint32_t name(const std::string& text) = 0;
  /// What was given to `name`.
  [[nodiscard]] virtual const std::string& text(std::uint32_t name) const = 0;
  virtual void attempt(const record::TaskRow& row) = 0;
  /// The task was given the value of `input`.
  virtual void dependency(TaskId task, TaskId input) = 0;
  virtual void failure(const Failure& failure) = 0;
};

}  // namespace crema::head
