#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <list>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/freed_memory.hpp"
#include "common/io_thread.hpp"
#include "crema/bytes.hpp"
#include "crema/ids.hpp"
#include "store/spill_space.hpp"
#include "wire/parts.hpp"

namespace crema::store {

/// The values of one rank: in memory up to a budget, beyond it on a disk, least recently used first (as in an LRU
/// cache). A thread of its own writes and reads, so nothing here waits for the disk. Values that somebody still uses
/// stay in memory, since writing them would free none.
/// Thread safety: one thread. Callbacks come on it, from put, get, free or turn.
class ObjectStore {
 public:
  struct Options {
    std::uint64_t budget = 1ULL << 30U;  ///< bytes in memory
    std::filesystem::path spill_folder = "/tmp";
    /// Each keeps what the values and the others leave of the budget, 1 GiB at most. Others may grow until that
    /// changes.
    std::vector<FreedMemory*> freed{};
  };
  /// Empty: the value is kept; else why it is not.
  using Stored = std::function<void(const std::string& error)>;
  /// The value, or why it cannot be had.
  using Found = std::function<void(const Bytes& value, const std::string& error)>;

  /// `wake` is called, on any thread, when turn has something to do.
  ObjectStore(Options options, std::function<void()> wake)
      : options_{std::move(options)}, wake_{std::move(wake)}, space_{options_.spill_folder} {}

  /// `stored` is called once there is room, which may be before put returns. An id is put once.
  void put(TaskId id, Bytes value, Stored stored);
  [[nodiscard]] bool contains(TaskId id) const { return objects_.contains(id); }
  /// Requires contains(object.id). `found` may be called before get returns; never, if the value is freed meanwhile. Of
  /// a value on the disk a part is read alone and not kept.
  void get(const wire::ObjectPart& object, Found found);
  /// Without effect for an id that is not here.
  void free(TaskId id);
  /// Goes on with what the disk has done. To be called again and again: a little of what Options::freed has without use
  /// goes each time.
  void turn();

  /// Whether the disk keeps up with what is put.
  [[nodiscard]] bool keeps_up() const { return pending_.empty(); }
  [[nodiscard]] std::size_t size() const { return objects_.size(); }
  [[nodiscard]] std::uint64_t bytes_in_memory() const { return in_memory_; }
  /// Written to the disk so far.
  [[nodiscard]] std::uint64_t bytes_spilled() const { return spilled_; }

 private:
  struct Object {
    TaskId id;
    std::uint64_t number = 0;  ///< of its put
    std::uint64_t size = 0;
    std::optional<Bytes> value;        ///< nothing: on the disk only
    SpillSpace::Place on_disk;         ///< no segment: in memory only
    bool with_disk = false;            ///< being written or read
    std::vector<Found> finders;        ///< who waits for it to be read
    std::list<Object*>::iterator use;  ///< in recent_, if it has a value and is not being written
  };
  /// An object that may be freed, and put again, meanwhile.
  struct Handle {
    TaskId id;
    std::uint64_t number = 0;
  };
  struct Pending {
    Handle object;
    Stored stored;
  };

  void make_room();
  void settle();
  void share_budget();
  void drop(SpillSpace::Place place);
  void write(Object& object);
  void read(Object& object);
  void read_part(const Object& object, std::uint32_t part, Found found);
  /// `puts`: how many had come when it was to be written.
  void on_written(Handle written, std::uint64_t size, SpillSpace::Place place, const std::string& error,
                  std::uint64_t puts);
  void on_read(Handle wanted, Bytes value, const std::string& error);
  /// Nothing where it was freed.
  [[nodiscard]] Object* find(Handle handle);
  /// Runs `work` on the disk's thread, and what it returns in turn.
  void post(std::function<std::function<void()>()> work);

  // Constant after construction.
  const Options options_;
  const std::function<void()> wake_;

  // A pool of their own: were they among the values, which come and go, each would keep room from being used again
  // that is about as large as a value.
  std::pmr::unsynchronized_pool_resource pool_;
  std::pmr::unordered_map<TaskId, Object> objects_{&pool_};
  std::list<Object*> recent_;  // what may be spilled, the least recently used first
  std::deque<Pending> pending_;
  std::uint64_t puts_ = 0;
  std::uint64_t in_memory_ = 0;
  std::uint64_t room_ = 0;  // for what was freed, as it was told last
  std::uint64_t being_written_ = 0;
  std::uint64_t spilled_ = 0;

  std::mutex mutex_;
  std::vector<std::function<void()>> done_;  // guarded by mutex_

  SpillSpace space_;  // the disk's thread only
  // Last: it ends before all it uses. Nothing before the first spill.
  std::optional<IoThread> disk_;
};

/// The folder for what memory does not hold, without --spill-dir: the first of SLURM_TMPDIR and TMPDIR that is set, or
/// /tmp.
std::filesystem::path default_spill_folder();

}  // namespace crema::store
