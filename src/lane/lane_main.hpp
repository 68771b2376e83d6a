#pragma once

#include <functional>

#include "lane/lane.hpp"

namespace crema::lane {

/// A worker's lane: runs every run_task frame and posts its outcome.
void run_tasks(const Identity& identity, Channel& channel);

/// An actor's lane: constructs the object from its start_actor frame, then applies every call frame in order.
void run_actor(const Identity& identity, Channel& channel);

/// The head's lane: runs the driver once and posts driver_done.
Main run_driver(std::function<void()> driver);

/// Payload of driver_done.
struct DriverResult {
  std::uint8_t exit_code = 0;  ///< 0; 2 for UsageError and DataError; 1 for every other exception
  std::uint32_t calls_made = 0;
  std::string type;  ///< of the exception, demangled
  std::string message;
  bool early = false;  ///< it was told that the job stops early; not in the payload but flag_early
};
ByteBuffer write(const DriverResult& result);
DriverResult read_driver_result(const Bytes& payload);

}  // namespace crema::lane
