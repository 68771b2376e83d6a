#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "process/zygote.hpp"

// What a rank and its zygote tell each other, one struct a message; for the sources of this folder.
namespace crema::process {

struct ZygoteRequest {
  enum class Kind : std::uint32_t { start, kill };
  Kind kind{};
  LaneId lane{};
  // Of start; with the lane's memory.
  RankId rank{};
  std::uint64_t seed = 0;
  bool isolated = false;
  bool keeps_history = false;
  bool resumes = false;
  Arena::Owner owner{};
  LaneFunction function = nullptr;
  std::array<char, 256> host{};
};

struct ZygoteReport {
  LaneId lane{};
  std::int32_t wait_status = 0;
  std::int32_t refused = 0;
  std::uint32_t text_size = 0;
  std::array<char, 4096> text{};
};

static_assert(std::is_trivially_copyable_v<ZygoteRequest> && std::is_trivially_copyable_v<ZygoteReport>);

/// The zygote's whole life; returns when its rank has gone.
void run_zygote(int socket, Board& board, pid_t rank);

/// A lane's whole life, in a process of its own.
[[noreturn]] void run_lane(const ZygoteRequest& request, Board& board, Descriptor memory);

}  // namespace crema::process
