#include "process/lane_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "crema/errors.hpp"

namespace crema::process {

Descriptor create_lane_memory() {
  Descriptor memory{::memfd_create("crema-lane", MFD_CLOEXEC)};
  if (memory.get() < 0 || ::ftruncate(memory.get(), sizeof(LaneMemory)) != 0) {
    throw Error{std::string{"making the memory that a lane shares with its rank: "} + std::strerror(errno) +
                "; raise the limit (ulimit -n) or use fewer lanes and actors"};
  }
  // Zeros are a LaneMemory but for what is set here.
  const LaneMapping mapping{memory.get()};
  mapping->next_work.store(1);
  return memory;
}

LaneMapping::LaneMapping(int fd) {
  void* place = ::mmap(nullptr, sizeof(LaneMemory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (place == MAP_FAILED)
    throw Error{std::string{"mapping the memory that a lane shares with its rank: "} + std::strerror(errno)};
  memory_ = static_cast<LaneMemory*>(place);
}

LaneMapping::~LaneMapping() { ::munmap(memory_, sizeof(LaneMemory)); }

}  // namespace crema::process
