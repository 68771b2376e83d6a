#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "process/lane_memory.hpp"
#include "process/process_channel.hpp"
#include "process/segment.hpp"
#include "process/zygote_messages.hpp"

namespace crema::process {
namespace {

/// When the host has no memory left, a lane is to go before its rank. Where the system forbids it, its order stays.
void be_the_first_without_memory() {
  const Descriptor score{::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)};
  if (score.get() >= 0) static_cast<void>(!::write(score.get(), "1000", 4));
}

/// CREMA_HOLD_LANES=1: waits until a debugger, or anybody, sends SIGCONT.
void wait_for_a_debugger(const lane::Identity& self) {
  const char* wanted = std::getenv("CREMA_HOLD_LANES");
  if (wanted == nullptr || std::string_view{wanted} != "1") return;
  std::fprintf(stderr, "crema: lane %u of rank %d on %s waits as process %d: attach a debugger, or kill -CONT %d\n",
               self.lane.number, self.rank.number, self.host.c_str(), ::getpid(), ::getpid());
  ::raise(SIGSTOP);
}

}  // namespace

void run_lane(const ZygoteRequest& request, Board& board, Descriptor memory) {
  be_the_first_without_memory();
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  const LaneMapping shared{memory.get()};
  memory.reset();
  const lane::Identity identity{request.rank,     request.lane,          request.host.data(), request.seed,
                                request.isolated, request.keeps_history, request.resumes};
  ProcessChannel channel{request.lane, board, *shared};
  wait_for_a_debugger(identity);
  try {
    Arena::of_process().become_lane(request.owner);
    // What user code returns or passes on is written where its rank reads it.
    Segment::use_for_large_buffers();
    // A child that a task forks is nobody's lane.
    ::pthread_atfork(nullptr, nullptr, [] { detail::use_for_large_buffers(0, nullptr); });
    request.function(identity, channel);
  } catch (const std::exception& error) {
    ByteBuffer reason;
    reason.put_text("lane " + std::to_string(identity.lane.number) + " ended: " + error.what());
    channel.post(wire::make_frame(wire::FrameType::fatal, std::move(reason), identity.lane), true);
  }
  std::cout.flush();
  std::fflush(nullptr);
  shared->ended.store(1);
  board.mark(identity.lane);
  board.bell().ring();
  ::_exit(0);
}

}  // namespace crema::process
