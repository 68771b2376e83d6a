#pragma once

#include <optional>
#include <string>

#include "journal/record.hpp"

namespace crema::journal {

/// What a resume reads: all records of the chain of segments, in the order they were appended; the container's own left
/// out.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  virtual std::optional<Record> next() = 0;
  /// The record that next() gave last, and all behind it, do not count: this is wrong with what it names outside the
  /// journal.
  virtual void refuse(const std::string& why) = 0;
  /// After next() gave nothing, or refuse(): empty, or why and where the history was cut (for the log).
  [[nodiscard]] virtual std::string damage() const = 0;
};

}  // namespace crema::journal
