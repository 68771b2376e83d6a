#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crema/archive.hpp"
#include "crema/ids.hpp"
#include "crema/lane_context.hpp"
#include "crema/random.hpp"

namespace crema {

/// The task, actor call or driver that the calling code belongs to.
class ThisTask {
 public:
  /// Zero on the driver.
  [[nodiscard]] TaskId id() const;
  /// The same in every run of the program, on any number of ranks; all zero on the driver.
  [[nodiscard]] TaskKey key() const;
  /// Counts from 0.
  [[nodiscard]] std::uint32_t attempt() const;
  /// Random numbers that follow from --seed and key() alone: the same on any number of ranks, in a retry and after a
  /// resume. One stream for the whole task: a second call goes on where the first stopped. Used on the task's thread.
  [[nodiscard]] Random& rng() const;
  /// Further streams, one for each k, from their beginning; independent of each other and of rng().
  [[nodiscard]] Random rng(std::uint64_t k) const;
  [[nodiscard]] RankId rank() const;
  /// The devices it was given, as CUDA_VISIBLE_DEVICES names them; none unless it asked for gpus. Where a rank runs
  /// several tasks at a time (--lanes) these are threads of one process: use this rather than the variable.
  [[nodiscard]] const std::vector<std::string>& gpus() const;
  [[nodiscard]] const std::string& host() const;
  /// Whether somebody has cancelled this task: its result is of no use any more. Cheap enough for an inner loop.
  [[nodiscard]] bool cancelled() const;
  /// Whether the job stops early (a signal, or its time limit is near), so that this task should return soon. What a
  /// task returns that has seen this true counts as unfinished and reaches nobody; a driver that has seen it true ends
  /// the job as interrupted (exit code 75). As cheap as cancelled.
  [[nodiscard]] bool stopping() const;

  /// For tasks that are longer than one would want to lose: keeps `state` (any type that can be a task's result,
  /// without futures in it), with the place in rng() and what the task has started and called so far. Returns at once;
  /// it counts once all calls made before have their places in the history. An attempt after a loss, and a resume, get
  /// the newest one from restore. Where there is a journal it is in there; without (--journal off), calls that were
  /// still on their way when the task's process or rank was lost may be missing from what the next attempt goes on
  /// from. Memory of the head: one state for each unfinished task, and 24 bytes for each different call or task it has
  /// made. Throws UsageError outside of tasks.
  template <class State>
  void checkpoint(const State& state) const {
    ByteBuffer bytes;
    encode(bytes, state);
    LaneContext::current().checkpoint(Bytes{std::move(bytes)});
  }
  /// The newest state that an earlier attempt of this task has kept; nothing: there is none. To be asked for before the
  /// task starts or calls anything, and with the type that was kept: rng() then goes on where that attempt was, and
  /// what the task starts and calls counts as what that attempt would have done next. Waits for one round trip. Throws
  /// UsageError outside of tasks.
  template <class State>
  [[nodiscard]] std::optional<State> restore() const {
    const std::optional<Bytes> kept = LaneContext::current().restore();
    if (!kept) return std::nullopt;
    ByteReader reader{*kept};
    return decode<State>(reader);
  }
};

/// Throws UsageError outside the driver, tasks and actors.
ThisTask this_task();

}  // namespace crema
