#include "store/object_store.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "crema/errors.hpp"

namespace crema::store {
namespace {

/// Values in use that are passed over each time room is made: what they hide is found the next time.
constexpr std::size_t max_in_use_looked_at = 256;

}  // namespace

void ObjectStore::put(TaskId id, Bytes value, Stored stored) {
  const auto [place, added] = objects_.try_emplace(id, std::make_shared<Object>());
  if (!added) return stored("");
  Object& object = *place->second;
  object.id = id;
  object.size = value.size();
  object.value = std::move(value);
  object.use = recent_.insert(recent_.end(), &object);
  in_memory_ += object.size;
  pending_.push_back({++puts_, place->second, std::move(stored)});
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
    } else if (object.spilled) {
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
  const std::weak_ptr<Object> self = objects_.at(object.id);
  post([this, self, puts = puts_, value = *object.value]() mutable -> std::function<void()> {
    std::shared_ptr<const SpillSpace::Spilled> spilled;
    std::string error;
    const std::uint64_t size = value.size();
    try {
      spilled = space_.write(value.span());
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    value = {};  // the last but the store's own
    return [this, self, size, spilled, error, puts] { on_written(self, size, spilled, error, puts); };
  });
}

void ObjectStore::on_written(const std::weak_ptr<Object>& weak, std::uint64_t size,
                             std::shared_ptr<const SpillSpace::Spilled> spilled, const std::string& error,
                             std::uint64_t puts) {
  if (const auto object = weak.lock()) {
    being_written_ -= size;
    object->with_disk = false;
    object->spilled = std::move(spilled);
    object->use = recent_.insert(recent_.begin(), object.get());
    if (error.empty()) {
      spilled_ += size;
      if (!object->value->shared()) {
        recent_.erase(object->use);
        object->value.reset();
        in_memory_ -= size;
      }
    }
  } else {
    drop(std::move(spilled));
  }
  // What there is no room for is the value that was to get it, or one that came before and still waits. A later one
  // has a try of its own.
  if (!error.empty() && !pending_.empty() && pending_.front().number <= puts) {
    const Pending refused = std::move(pending_.front());
    pending_.pop_front();
    if (const auto object = refused.object.lock()) free(object->id);
    refused.stored(error);
  }
  settle();
}

void ObjectStore::get(const wire::ObjectPart& wanted, Found found) {
  Object& object = *objects_.at(wanted.id);
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
  post([spilled = object.spilled, part, found = std::move(found),
        self = std::weak_ptr<Object>{objects_.at(object.id)}]() mutable -> std::function<void()> {
    Bytes value;
    std::string error;
    try {
      value = spilled->read_part(part);
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    spilled.reset();
    return [self, value, error, found = std::move(found)] {
      if (!self.expired()) found(value, error);
    };
  });
}

void ObjectStore::read(Object& object) {
  object.with_disk = true;
  const std::weak_ptr<Object> self = objects_.at(object.id);
  post([this, self, spilled = object.spilled]() mutable -> std::function<void()> {
    Bytes value;
    std::string error;
    try {
      value = spilled->read();
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    spilled.reset();
    return [this, self, value, error] { on_read(self, value, error); };
  });
}

void ObjectStore::on_read(const std::weak_ptr<Object>& weak, Bytes value, const std::string& error) {
  const auto object = weak.lock();
  if (!object) return;
  object->with_disk = false;
  const std::vector<Found> finders = std::exchange(object->finders, {});
  if (error.empty()) {
    object->value = value;
    object->use = recent_.insert(recent_.end(), object.get());
    in_memory_ += object->size;
  }
  for (const Found& found : finders) found(value, error);
  value = {};
  make_room();
}

void ObjectStore::free(TaskId id) {
  const auto node = objects_.extract(id);
  if (node.empty()) return;
  std::shared_ptr<Object> object = node.mapped();
  if (object->value) {
    if (object->with_disk) {
      being_written_ -= object->size;
    } else {
      recent_.erase(object->use);
    }
    in_memory_ -= object->size;
  }
  drop(std::move(object->spilled));
  object.reset();
  settle();
}

/// Giving space back may take a disk its time.
void ObjectStore::drop(std::shared_ptr<const SpillSpace::Spilled> spilled) {
  if (!spilled) return;
  post([spilled = std::move(spilled)]() mutable -> std::function<void()> {
    spilled.reset();
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
