#pragma once

#include <cstdint>

#include "crema/bytes.hpp"

namespace crema::journal {

/// What a record says; payloads of the history's are in src/history/README.md. Numbers never change their meaning.
/// 1..0x7fff: the history's; from 0x8000: the container's own.
enum class RecordType : std::uint16_t {
  function = 1,
  task = 2,
  order = 3,
  value = 4,
  answer = 5,
  call = 6,
  actor = 7,
  killed = 8,
  failed_call = 9,
  checkpoint = 10,
  called = 16,
  forgotten = 17,
  snapshot = 18,
  run_ended = 0x8000,
  input = 0x8001,
};

/// Whether a record is the container's own, of which those who read the history hear nothing.
constexpr bool is_of_container(RecordType type) {
  return static_cast<std::uint16_t>(type) >= static_cast<std::uint16_t>(RecordType::run_ended);
}

struct Record {
  RecordType type{};
  Bytes payload;  ///< a slice of a larger read: compact() what outlives the reading
};

}  // namespace crema::journal
