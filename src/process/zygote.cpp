#include "process/zygote.hpp"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "crema/errors.hpp"
#include "process/zygote_messages.hpp"

namespace crema::process {

Zygote::Zygote() {
  Arena::of_process();
  void* place = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED)
    throw Error{std::string{"making the memory that a rank shares with its lanes: "} + std::strerror(errno)};
  board_ = ::new (place) Board;
  auto [mine, its] = connected_pair();
  // What is buffered must not be written twice.
  std::fflush(nullptr);
  const pid_t rank = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) {
    throw Error{std::string{"starting the process from which lanes come: "} + std::strerror(errno) +
                "; raise the limit (ulimit -u) or run with --isolation none"};
  }
  if (pid_ == 0) {
    mine.reset();
    run_zygote(its.get(), *board_, rank);
    ::_exit(0);
  }
  socket_ = std::move(mine);
}

Zygote::~Zygote() {
  finish();
  ::munmap(board_, sizeof(Board));
}

void Zygote::finish() {
  if (pid_ == 0) return;
  // Both directions: a zygote that waits to send a report must not wait for ever.
  ::shutdown(socket_.get(), SHUT_RDWR);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

void Zygote::start(const lane::Identity& identity, LaneFunction function, const Descriptor& memory,
                   Arena::Owner owner) {
  ZygoteRequest request{.kind = ZygoteRequest::Kind::start,
                        .lane = identity.lane,
                        .rank = identity.rank,
                        .seed = identity.seed,
                        .isolated = identity.isolated,
                        .keeps_history = identity.keeps_history,
                        .resumes = identity.resumes,
                        .owner = owner,
                        .function = function};
  identity.host.copy(request.host.data(), request.host.size() - 1);
  const auto bytes = std::as_bytes(std::span{&request, 1});
  // A copy, which lives until the message is sent.
  send({{bytes.begin(), bytes.end()}, Descriptor{::dup(memory.get())}});
}

void Zygote::kill(LaneId lane) {
  const ZygoteRequest request{.kind = ZygoteRequest::Kind::kill, .lane = lane};
  const auto bytes = std::as_bytes(std::span{&request, 1});
  send({{bytes.begin(), bytes.end()}, {}});
}

void Zygote::send(Request request) {
  waiting_.push_back(std::move(request));
  send_waiting();
}

void Zygote::send_waiting() {
  while (!waiting_.empty()) {
    const Request& next = waiting_.front();
    const int memory = next.memory.get();
    if (send_message(socket_.get(), next.message, {&memory, std::size_t{memory < 0 ? 0U : 1U}}, false) == Sent::later)
      return;
    waiting_.pop_front();
  }
}

std::vector<LaneEnd> Zygote::take_ends() {
  send_waiting();
  std::vector<LaneEnd> ends;
  if (!board_->take_report()) return ends;
  ZygoteReport report;
  while (const auto message = receive_message(socket_.get(), std::as_writable_bytes(std::span{&report, 1}), false)) {
    if (message->size != sizeof(report)) {
      throw Error{"hearing of lanes: the process from which this rank's lanes come (pid " + std::to_string(pid_) +
                  ") has ended; was it killed, or had the host no memory left?"};
    }
    ends.push_back({report.lane, report.wait_status, report.refused,
                    std::string(report.text.data(), std::min<std::size_t>(report.text_size, report.text.size()))});
  }
  return ends;
}

}  // namespace crema::process
