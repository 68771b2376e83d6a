#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory_resource>
#include <unordered_map>
#include <vector>

#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace crema::head {

/// Where those values are that do not lie in the head's own table: each in the store of the rank that made it, and in
/// those of ranks that fetched it. Used on the event loop's thread.
class ObjectDirectory {
 public:
  explicit ObjectDirectory(wire::Outbox& outbox) : outbox_{outbox} {}

  /// Also of one that was lost and is there again: those who wait for it are told.
  void add(TaskId id, std::uint64_t size, RankId rank);
  /// The rank has made a value once more: a copy of one that is there, or else it lets it go.
  void add_copy(TaskId id, RankId rank);
  /// The value of `id` is that of `source`, which lives at least as long.
  void add_alias(TaskId id, TaskId source);
  /// Where `reader`, which is to have a copy from now on, gets the value. The ranks that have it take turns.
  wire::ObjectLocation locate(TaskId id, RankId reader);
  /// The same for a task's input; of a part `reader` is to have no copy.
  wire::ObjectLocation locate(const Input& input, RankId reader);
  /// Whose value it is: its own, or that of the source it was added with.
  [[nodiscard]] TaskId source_of(TaskId id) const;
  /// Whether a rank has it: else it was lost.
  [[nodiscard]] bool is_there(TaskId id) const;
  /// The rank is gone. Who was to read from it is told of another that has the value; returns the values that no rank
  /// has any more, and for which somebody waits.
  std::vector<TaskId> lose(RankId rank);
  /// A value that was lost does not come again: those who wait for it are told.
  void give_up(TaskId id, const Bytes& failure);
  /// The rank that has most bytes of these, each counted once a rank; nothing: none of them is in a store.
  [[nodiscard]] RankId nearest(const std::vector<Input>& inputs) const;
  /// From a rank: the copies it was to have are there.
  void on_have(RankId rank, const wire::Frame& frame);
  /// Nobody needs the value any more: all ranks let it go.
  void forget(TaskId id);
  /// The same for a result that is not wanted, whose place was never told.
  void forget_at(RankId rank, TaskId id);

 private:
  /// Most values lie on one rank or two.
  using Ranks = boost::container::small_vector<RankId, 2>;
  struct Object {
    std::uint64_t size = 0;
    Ranks told;  ///< that have it or will
    Ranks have;
    Ranks read_parts{};    ///< that were told where parts are
    std::size_t next = 0;  ///< of `have`, to be read from
  };

  /// Every rank that knows of it, once.
  [[nodiscard]] static Ranks readers(const Object& object);
  /// Whoever is told and has it not is to read it from another rank than the lost one; -1: whichever that was.
  void move_readers(TaskId id, Object& object, RankId lost);

  wire::Outbox& outbox_;
  // A pool of their own: among the values that this rank keeps, each would hold room that is about as large as a value.
  std::pmr::unsynchronized_pool_resource pool_;
  std::pmr::unordered_map<TaskId, Object> objects_{&pool_};
  std::unordered_map<TaskId, TaskId> aliases_;
};

}  // namespace crema::head
