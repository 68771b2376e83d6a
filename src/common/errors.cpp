#include "crema/errors.hpp"

#include <fmt/format.h>

#include <utility>

namespace crema {
namespace {

std::string describe(const DataError::Place& place) {
  std::string text = place.file;
  if (place.line != 0) text += fmt::format(":{}", place.line);
  if (!place.column.empty()) text += fmt::format(": column \"{}\"", place.column);
  text += fmt::format(": expected {}", place.expected);
  if (!place.found.empty()) text += fmt::format(", found {}", place.found);
  return text;
}

std::string describe(const Failure& failure) {
  std::string text = failure.kind == Failure::Kind::actor ? "actor call" : "task";
  if (!failure.function.empty()) text += " " + failure.function;
  text += fmt::format(" (id {}", failure.task.number);
  // Else it never ran.
  if (!failure.host.empty())
    text += fmt::format(", attempt {}, rank {} on {}", failure.attempt + 1, failure.rank.number, failure.host);
  text += fmt::format(") failed with {}", failure.type);
  if (!failure.message.empty()) text += fmt::format(": {}", failure.message);
  return text;
}

}  // namespace

DataError::DataError(Place place) : Error{describe(place)}, place_{std::move(place)} {}

TaskError::TaskError(Failure failure) : Error{describe(failure)}, failure_{std::move(failure)} {}

void throw_failure(const Failure& failure) {
  switch (failure.kind) {
    case Failure::Kind::task:
    case Failure::Kind::crashed:
      throw TaskError{failure};
    case Failure::Kind::actor:
      throw ActorError{failure};
    case Failure::Kind::data:
      throw DataError{failure.place};
    case Failure::Kind::worker_lost:
      throw WorkerLost{failure};
    case Failure::Kind::cancelled:
      throw TaskCancelled{failure};
    case Failure::Kind::timeout:
      throw TaskTimeout{failure};
  }
  throw TaskError{failure};
}

}  // namespace crema
