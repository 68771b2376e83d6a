#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "crema/bytes.hpp"
#include "crema/ids.hpp"

// Values that are made in one piece and read in parts, each by somebody else: what one block of a dataset has for each
// of many others. A rank that needs a part is sent that part alone.
//
//     count of parts, for each part where it ends behind this table (64 bits each), the parts
namespace crema::wire {

/// A value, or a part of one.
struct ObjectPart {
  TaskId id{};
  std::uint32_t part = 0;  ///< counted from 1; 0: the whole value

  friend auto operator<=>(const ObjectPart&, const ObjectPart&) = default;
};

/// Begins a value of so many parts: an empty buffer with their table, and room for so many bytes behind it. What is
/// appended then, up to each call of end_part, is one part after the other.
ByteBuffer begin_parts(std::uint32_t count, std::size_t bytes);
/// All that was appended belongs to this part, counted from 1, and to those before it.
void end_part(ByteBuffer& value, std::uint32_t part);

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};
/// Where a part lies in a value of `size` bytes, of which `read` has any. Throws Error where the value has no such
/// part.
ByteRange find_part(std::uint64_t size, std::uint32_t part,
                    const std::function<void(std::uint64_t offset, std::span<std::byte> place)>& read);
/// The part of a value that is in memory, which shares its storage; the value itself for part 0.
Bytes part_of(const Bytes& value, std::uint32_t part);

/// By what a task's value is known when it is made again.
struct Recognition {
  /// What differs whenever the task runs, such as how long it took, and is left out of the digest; nothing: size 0.
  ByteRange differing{};
  /// Of the rest, if the task has it; else the lane looks at the bytes.
  std::optional<Digest> digest{};
};
/// A task says it of the bytes it is about to return. Thread safety: of each thread its own.
void recognize_by(Recognition recognition) noexcept;
/// What was said since the last call.
Recognition take_recognition() noexcept;

}  // namespace crema::wire
