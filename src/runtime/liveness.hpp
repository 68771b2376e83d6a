#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "crema/ids.hpp"

namespace crema::runtime {

/// Tells which of the watched ranks are gone: by their process on the same host, by what MPI tells where it does, by
/// silence elsewhere. Used on the event loop's thread; the caller brings the time.
class Liveness {
 public:
  using Clock = std::chrono::steady_clock;

  /// How often each rank says that it is there, and how often a watcher looks.
  static constexpr std::chrono::milliseconds interval{1000};
  /// Silence after which a rank counts as lost. Time during which the watcher itself did not run does not count.
  static constexpr std::chrono::seconds default_silence_limit{30};
  /// The same of a rank that has not been heard of yet: the head may have a long journal to read before it begins.
  static constexpr std::chrono::seconds first_silence_limit{600};

  explicit Liveness(Clock::time_point now, std::chrono::seconds silence_limit = default_silence_limit)
      : silence_limit_{silence_limit}, last_look_{now} {}

  /// `pid`: of its process, 0 where it is not to be seen from here.
  void watch(RankId rank, std::int64_t pid);
  /// Any rank; that of one that is not watched is of no interest.
  void heard_from(RankId rank) {
    if (const auto place = static_cast<std::size_t>(rank.number); place < heard_.size()) heard_[place] = true;
  }

  /// The network has told that it is gone; of no interest where it is not watched.
  void failed(RankId rank);

  struct Loss {
    RankId rank;
    std::string reason;
  };
  /// The ranks that are gone since the last look; they are not watched any more. Call about every `interval`.
  std::vector<Loss> look(Clock::time_point now);

 private:
  struct Watched {
    RankId rank;
    std::int64_t pid = 0;  ///< 0: not to be seen from here
    Clock::duration silence{};
    bool heard = false;   ///< ever
    bool failed = false;  ///< as the network has told
  };
  /// Empty: it is there, as far as one can see.
  [[nodiscard]] std::string reason_to_give_up(Watched& watched, Clock::duration watched_for);

  std::chrono::seconds silence_limit_;
  Clock::time_point last_look_;
  std::vector<Watched> watched_;
  std::vector<bool> heard_;  // by rank, since the last look
};

}  // namespace crema::runtime
