#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace crema {

/// A number that names one kind of thing. Ids of different kinds do not convert into each other.
template <class Tag, class Number>
struct Id {
  Number number{};

  constexpr Id() = default;
  constexpr explicit Id(Number value) : number{value} {}
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
};

/// A task, an actor call or a stored value: one number names the work and the value it yields. Zero is the driver.
/// The upper bits name the lane that asked for it, so ids need no coordination between ranks.
using TaskId = Id<struct TaskTag, std::uint64_t>;
using ActorId = Id<struct ActorTag, std::uint64_t>;
/// A rank of MPI_COMM_WORLD.
using RankId = Id<struct RankTag, std::int32_t>;
/// A lane of one rank: where user code runs. Unique within its rank for the whole run.
using LaneId = Id<struct LaneTag, std::uint32_t>;
/// A position in the function registry, the same on every rank of one run; never written to files.
using FunctionId = Id<struct FunctionTag, std::uint32_t>;

inline constexpr RankId head_rank{0};

/// What a task, an actor or a call is, by content: a hash (XXH3, 128 bits) of its parent's key, its function, its
/// arguments and how many equal ones its parent made before. The same program has the same keys on any number of ranks,
/// in a retry and after a resume; ids differ. All zero: the driver.
struct TaskKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend constexpr auto operator<=>(const TaskKey&, const TaskKey&) = default;
};

/// 32 hexadecimal digits.
std::string to_string(TaskKey key);

/// What some bytes are: XXH3, 128 bits.
struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend constexpr bool operator==(const Digest&, const Digest&) = default;
};

/// What one rank calls a value or an actor, and what every run of the program calls it.
template <class IdType>
struct Named {
  IdType id;
  TaskKey key;
};

}  // namespace crema

template <>
struct std::hash<crema::TaskKey> {
  std::size_t operator()(crema::TaskKey key) const noexcept { return key.low; }
};

template <class Tag, class Number>
struct std::hash<crema::Id<Tag, Number>> {
  std::size_t operator()(crema::Id<Tag, Number> id) const noexcept { return std::hash<Number>{}(id.number); }
};
