#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

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

}  // namespace crema

template <class Tag, class Number>
struct std::hash<crema::Id<Tag, Number>> {
  std::size_t operator()(crema::Id<Tag, Number> id) const noexcept { return std::hash<Number>{}(id.number); }
};
