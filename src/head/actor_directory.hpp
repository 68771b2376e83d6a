#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "head/resource_pool.hpp"
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
    RankId rank{-1};  ///< -1: none yet
    std::uint64_t max_pending_calls = 0;
    bool durable = true;
    std::uint32_t restarts = 0;  ///< how often it may still be built anew
    bool killed = false;
    bool gone = false;  ///< lost for good; its rank answers its calls
    std::optional<ResourcePool::Grant> grant{};
    std::uint64_t calls = 0;
    double busy_seconds = 0;
    std::map<FunctionId, Method> methods{};
  };

  explicit ActorDirectory(ResourcePool& pool) : pool_{pool} {}

  void add_host(RankId rank, const Offer& offer);
  void remove_host(RankId rank) {
    std::erase_if(hosts_, [&](const Host& host) { return host.rank == rank; });
  }
  /// Whether one was ever placed there, killed ones included.
  [[nodiscard]] bool hosts_actors(RankId rank) const;
  /// Enters an actor that has no rank yet. Empty name: unnamed. Throws UsageError when the name is taken, or no host
  /// could ever hold it; Error when all hosts are lost.
  void add(const wire::ActorSpec& actor);
  /// Why no rank can ever hold it; empty: one can.
  [[nodiscard]] std::string refusal(const wire::ActorSpec& actor) const;
  /// Gives it the host with the fewest actors among those with room, and the actor its devices. False: none has room
  /// now.
  bool place(wire::ActorSpec& actor);
  /// The same whatever there is room for, for an actor that will not live.
  void place_anywhere(ActorId id);
  /// The actor is to be built anew: if its rank is lost it has none now, and nothing of what it occupied there.
  void lose(ActorId id, bool rank_lost);
  [[nodiscard]] bool is_killed(ActorId id) const { return actors_.at(id).killed; }
  [[nodiscard]] bool has_hosts() const { return !hosts_.empty(); }
  /// The actor is lost with its rank for good: another rank answers its calls, and its name may be given again.
  void give_up(ActorId id);
  /// How many are lost for good that nobody had killed.
  [[nodiscard]] std::size_t gone() const;
  /// Writes the devices that an actor has into what it is started with.
  void name_devices(wire::ActorSpec& actor) const;
  /// The actor keeps its place, what it occupied is free, and its name may be given again.
  void remove(ActorId id);
  /// Throws UsageError when there is no such actor, or it is of another class. `waited`: seconds, for what it says.
  [[nodiscard]] ActorId find(const std::string& name, const std::string& class_name, double waited) const;
  [[nodiscard]] bool has(const std::string& name) const { return names_.contains(name); }
  /// nullptr: not created yet.
  [[nodiscard]] const Entry* entry(ActorId id) const;
  void count_call(const wire::Outcome& outcome);

  /// Ranks that asked for an actor before its creation arrived.
  void wait_for(ActorId id, RankId rank) { waiting_[id].push_back(rank); }
  [[nodiscard]] std::vector<RankId> take_waiting(ActorId id);

  [[nodiscard]] const std::map<ActorId, Entry>& all() const { return actors_; }

 private:
  struct Host {
    RankId rank;
    ResourcePool::Seat seat = 0;
    std::size_t actors = 0;
  };

  void free_name(ActorId id, const Entry& entry);

  ResourcePool& pool_;
  std::vector<Host> hosts_;
  std::map<ActorId, Entry> actors_;
  std::map<std::string, ActorId> names_;
  std::map<ActorId, std::vector<RankId>> waiting_;
};

}  // namespace crema::head
