#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "wire/messages.hpp"

namespace crema::head {

/// Where each actor lives, who waits to learn it, and what its calls took. Used on the event loop's thread.
class ActorDirectory {
 public:
  struct Method {
    std::uint64_t count = 0;
    double total_seconds = 0;
    double max_seconds = 0;
  };
  struct Entry {
    std::string class_name;
    std::string name;
    RankId rank;
    std::uint64_t max_pending_calls = 0;
    std::uint64_t calls = 0;
    double busy_seconds = 0;
    std::map<FunctionId, Method> methods{};
  };

  explicit ActorDirectory(std::vector<RankId> hosts) : hosts_{std::move(hosts)} {}

  /// Picks the host with the fewest actors. Empty name: unnamed. Throws UsageError when the name is taken.
  RankId add(const wire::ActorSpec& actor);
  /// Throws UsageError when there is no such actor, or it is of another class.
  [[nodiscard]] ActorId find(const std::string& name, const std::string& class_name) const;
  [[nodiscard]] bool has(const std::string& name) const { return names_.contains(name); }
  /// The actor keeps its place, and its name may be given again.
  void free_name(ActorId id);
  /// nullptr: not created yet.
  [[nodiscard]] const Entry* entry(ActorId id) const;
  void count_call(const wire::Outcome& outcome);

  /// Ranks that asked for an actor before its creation arrived.
  void wait_for(ActorId id, RankId rank) { waiting_[id].push_back(rank); }
  [[nodiscard]] std::vector<RankId> take_waiting(ActorId id);

  [[nodiscard]] const std::map<ActorId, Entry>& all() const { return actors_; }

 private:
  const std::vector<RankId> hosts_;
  std::map<ActorId, Entry> actors_;
  std::unordered_map<RankId, std::size_t> load_;
  std::map<std::string, ActorId> names_;
  std::map<ActorId, std::vector<RankId>> waiting_;
};

}  // namespace crema::head
