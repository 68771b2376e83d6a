#pragma once

#include <sys/types.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lane/lane.hpp"
#include "process/arena.hpp"
#include "process/board.hpp"
#include "process/descriptors.hpp"

namespace crema::process {

/// What lanes run. A function, not an object: it is found at the same address in every process that comes of this one.
using LaneFunction = void (*)(const lane::Identity&, lane::Channel&);

/// How a lane's process ended.
struct LaneEnd {
  LaneId lane;
  int wait_status = 0;      ///< as waitpid tells; meaningless where `refused` is set
  int refused = 0;          ///< why the system started no process (errno); 0: it did
  std::string last_errors;  ///< the last lines its last piece of work wrote to stderr
};

/// The rank's side of its zygote: a process forked before MPI_Init and before any thread, whose children are the
/// rank's lanes. No fork ever happens in a process that has MPI or threads. Used on the event loop's thread; no call
/// blocks except the destructor.
class Zygote {
 public:
  /// Forks the zygote, which shares this process's Arena. Call before MPI_Init, while this process has one thread.
  /// Throws Error.
  Zygote();
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  /// Ends all lanes that are left and waits for the zygote, which first passes on what they have written. Starts and
  /// kills are without effect from then on.
  void finish();

  [[nodiscard]] Board& board() const { return *board_; }

  /// `memory`: of create_lane_memory; a copy goes to the lane. `owner`: its name in the arena.
  void start(const lane::Identity& identity, LaneFunction function, const Descriptor& memory, Arena::Owner owner);
  /// Without effect where the lane has ended.
  void kill(LaneId lane);
  /// What has ended since the last call. Throws Error when the zygote itself has ended; one that was
  /// killed cannot tell, so Board::mark_report is for its rank to call from time to time.
  std::vector<LaneEnd> take_ends();

 private:
  struct Request {
    std::vector<std::byte> message;
    Descriptor memory;
  };
  void send(Request request);
  void send_waiting();

  Board* board_ = nullptr;
  Descriptor socket_;
  pid_t pid_ = 0;
  std::deque<Request> waiting_;  // bounded by the rank's lanes
};

}  // namespace crema::process
