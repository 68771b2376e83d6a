#include "store/object_store.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "common/storage_pool.hpp"
#include "crema/errors.hpp"

namespace crema::store {
namespace {

/// Values in use that are passed over each time room is made: what they hide is found the next time.
constexpr std::size_t max_in_use_looked_at = 256;
/// Bytes.
constexpr std::uint64_t max_freed = std::uint64_t{1} << 30U;

}  // namespace

void ObjectStore::put(TaskId id, Bytes value, Stored stored) {
  const auto [place, added] = objects_.try_emplace(id);
  if (!added) return stored("");
  Object& object = place->second;
  object.id = id;
  object.number = ++puts_;
  object.size = value.size();
  object.value = std::move(value);
  object.use = recent_.insert(recent_.end(), &object);
  in_memory_ += object.size;
  share_budget();
  pending_.push_back({{id, object.number}, std::move(stored)});
  settle();
}

/// Answers puts in their order as far as there is room. Where no room can be made because all that is in memory is in
/// use, values are taken all the same: refusing them would free nothing.
void ObjectStore::settle() {
  while (!pending_.empty()) {
    if (in_memory_ > options_.budget) {
      make_room();
      if (in_memory_ > options_.budget && being_written_ > 0) return;
    }
    const Pending first = std::move(pending_.front());
    pending_.pop_front();
    first.stored("");
  }
}

/// Spills a little more than it must, so that it is not done again for each value.
void ObjectStore::make_room() {
  if (in_memory_ - being_written_ <= options_.budget) return;
  const std::uint64_t target = options_.budget - options_.budget / 8;
  std::size_t in_use = 0;
  while (!recent_.empty() && in_use < std::min(recent_.size(), max_in_use_looked_at)) {
    if (in_memory_ - being_written_ <= target) return;
    Object& object = *recent_.front();
    if (object.value->shared()) {
      recent_.splice(recent_.end(), recent_, recent_.begin());
      ++in_use;
    } else if (object.on_disk.segment) {
      recent_.pop_front();
      object.value.reset();
      in_memory_ -= object.size;
    } else {
      write(object);
    }
  }
}

void ObjectStore::write(Object& object) {
  recent_.erase(object.use);
  object.with_disk = true;
  being_written_ += object.size;
  post([this, written = Handle{object.id, object.number}, puts = puts_,
        value = *object.value]() mutable -> std::function<void()> {
    SpillSpace::Place place;
    std::string error;
    const std::uint64_t size = value.size();
    try {
      place = space_.write(value.span());
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    value = {};  // the last but the store's own
    return [this, written, size, place, error, puts] { on_written(written, size, place, error, puts); };
  });
}

void ObjectStore::on_written(Handle written, std::uint64_t size, SpillSpace::Place place, const std::string& error,
                             std::uint64_t puts) {
  if (Object* object = find(written)) {
    being_written_ -= size;
    object->with_disk = false;
    object->on_disk = std::move(place);
    object->use = recent_.insert(recent_.begin(), object);
    if (error.empty()) {
      spilled_ += size;
      if (!object->value->shared()) {
        recent_.erase(object->use);
        object->value.reset();
        in_memory_ -= size;
      }
    }
  } else {
    drop(std::move(place));
  }
  // What there is no room for is the value that was to get it, or one that came before and still waits. A later one
  // has a try of its own.
  if (!error.empty() && !pending_.empty() && pending_.front().object.number <= puts) {
    const Pending refused = std::move(pending_.front());
    pending_.pop_front();
    if (find(refused.object) != nullptr) free(refused.object.id);
    refused.stored(error);
  }
  settle();
}

ObjectStore::Object* ObjectStore::find(Handle handle) {
  const auto place = objects_.find(handle.id);
  return place != objects_.end() && place->second.number == handle.number ? &place->second : nullptr;
}

void ObjectStore::get(const wire::ObjectPart& wanted, Found found) {
  Object& object = objects_.at(wanted.id);
  if (!object.value && wanted.part != 0) return read_part(object, wanted.part, std::move(found));
  if (!object.value) {
    object.finders.push_back(std::move(found));
    if (!object.with_disk) read(object);
    return;
  }
  if (!object.with_disk) recent_.splice(recent_.end(), recent_, object.use);
  Bytes value;
  std::string error;
  try {
    value = wire::part_of(*object.value, wanted.part);
  } catch (const Error& damage) {
    error = damage.what();
  }
  found(value, error);
}

void ObjectStore::read_part(const Object& object, std::uint32_t part, Found found) {
  post([this, place = object.on_disk, part, found = std::move(found),
        wanted = Handle{object.id, object.number}]() -> std::function<void()> {
    Bytes value;
    std::string error;
    try {
      value = SpillSpace::read_part(place, part);
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    return [this, wanted, value, error, found] {
      if (find(wanted) != nullptr) found(value, error);
    };
  });
}

void ObjectStore::read(Object& object) {
  object.with_disk = true;
  post([this, place = object.on_disk, wanted = Handle{object.id, object.number}]() -> std::function<void()> {
    Bytes value;
    std::string error;
    try {
      value = SpillSpace::read(place);
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    return [this, wanted, value, error] { on_read(wanted, value, error); };
  });
}

void ObjectStore::on_read(Handle wanted, Bytes value, const std::string& error) {
  Object* object = find(wanted);
  if (object == nullptr) return;
  object->with_disk = false;
  const std::vector<Found> finders = std::exchange(object->finders, {});
  if (error.empty()) {
    object->value = value;
    object->use = recent_.insert(recent_.end(), object);
    in_memory_ += object->size;
    share_budget();
  }
  for (const Found& found : finders) found(value, error);
  value = {};
  make_room();
}

void ObjectStore::free(TaskId id) {
  const auto node = objects_.extract(id);
  if (node.empty()) return;
  Object& object = node.mapped();
  if (object.value) {
    if (object.with_disk) {
      being_written_ -= object.size;
    } else {
      recent_.erase(object.use);
    }
    in_memory_ -= object.size;
    share_budget();
  }
  drop(std::move(object.on_disk));
  object.value.reset();
  settle();
}

/// So that what is freed now may be kept, and what was is no more than there is room for.
void ObjectStore::share_budget() {
  const std::uint64_t room = std::min(options_.budget - std::min(options_.budget, in_memory_), max_freed);
  // Small values come and go by the million.
  const std::uint64_t little = std::min<std::uint64_t>(StoragePool::smallest, options_.budget / 64);
  if (std::max(room, room_) - std::min(room, room_) < little) return;
  room_ = room;
  for (FreedMemory* freed : options_.freed) {
    std::uint64_t others = 0;
    for (const FreedMemory* other : options_.freed)
      if (other != freed) others += other->bytes();
    freed->keep_at_most(room - std::min(room, others));
  }
}

/// Giving space back may take a disk its time.
void ObjectStore::drop(SpillSpace::Place place) {
  if (!place.segment) return;
  post([place = std::move(place)]() -> std::function<void()> {
    SpillSpace::free(place);
    return {};
  });
}

void ObjectStore::turn() {
  std::vector<std::function<void()>> done;
  {
    const std::lock_guard lock{mutex_};
    done.swap(done_);
  }
  for (const auto& action : done) action();
  for (FreedMemory* freed : options_.freed) freed->free_unused(FreedMemory::Clock::now());
}

void ObjectStore::post(std::function<std::function<void()>()> work) {
  if (!disk_) disk_.emplace([] {});
  disk_->post(0, IoThread::Work{[this, work = std::move(work)]() mutable {
                std::function<void()> next = work();
                work = {};
                if (!next) return;
                {
                  const std::lock_guard lock{mutex_};
                  done_.push_back(std::move(next));
                }
                wake_();
              }});
}

std::filesystem::path default_spill_folder() {
  for (const char* name : {"SLURM_TMPDIR", "TMPDIR"})
    if (const char* folder = std::getenv(name); folder != nullptr && *folder != '\0') return folder;
  return "/tmp";
}

}  // namespace crema::store
