#pragma once

#include <string>
#include <utility>

#include "crema/errors.hpp"
#include "record/rows.hpp"
#include "wire/messages.hpp"

// Attempts that fail.
namespace crema::head {

inline record::TaskState state_of(bool failed, Failure::Kind failure) {
  if (!failed) return record::TaskState::finished;
  if (failure == Failure::Kind::crashed) return record::TaskState::crashed;
  return failure == Failure::Kind::timeout ? record::TaskState::timed_out : record::TaskState::failed;
}

/// The failure with the name of what failed: a store that cannot keep a task's result knows no more of it than its id.
inline Bytes named(const Bytes& bytes, const std::string& function) {
  ByteReader reader{bytes};
  Failure failure = wire::read_failure(reader);
  if (!failure.function.empty()) return bytes;
  failure.function = function;
  ByteBuffer with_name;
  wire::write_failure(with_name, failure);
  return Bytes{std::move(with_name)};
}

}  // namespace crema::head
