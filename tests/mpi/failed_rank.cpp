// The MPI transport alone, when a rank of several is killed with packets under way to it and from it: the others go on.
// Each survivor prints one line. failed_rank_test.py starts it.
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#if __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif

#include <algorithm>
#include <cstring>
#include <iostream>
#include <vector>

#include "transport/mpi.hpp"

namespace {

using crema::ByteBuffer;
using crema::Bytes;
using crema::RankId;
using crema::transport::MpiTransport;
using crema::transport::Packet;

constexpr std::size_t large = 64 << 20;
constexpr std::size_t max_message = 16 << 20;

#if defined(OMPI_HAVE_MPIX_COMM_GET_FAILED)
constexpr bool may_be_told = true;
#else
constexpr bool may_be_told = false;
#endif

Bytes packet_of(std::size_t size) {
  ByteBuffer buffer;
  std::memset(buffer.extend(size), 1, size);
  return Bytes{std::move(buffer)};
}

Packet wait_for_packet(MpiTransport& transport) {
  for (;;) {
    if (auto packet = transport.receive()) return std::move(*packet);
    sched_yield();
  }
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const bool ulfm = may_be_told && argc > 1 && std::strcmp(argv[1], "ulfm") == 0;
  {
    MpiTransport transport{MPI_COMM_WORLD, max_message};
    const RankId doomed{transport.size() - 1};
    const int others = transport.size() - 2;  // of each survivor
    pid_t pid = getpid();
    MPI_Bcast(&pid, sizeof pid, MPI_BYTE, doomed.number, MPI_COMM_WORLD);
    if (transport.rank() == doomed) {
      for (RankId to{0}; to != doomed; ++to.number) {
        transport.send(to, packet_of(1));
        transport.send(to, packet_of(large));
      }
      for (int heard = 0; heard <= others; ++heard) wait_for_packet(transport);
      raise(SIGKILL);
    }
    int from_doomed = 0;
    int from_others = 0;
    const auto take = [&](const Packet& packet) { ++(packet.from == doomed ? from_doomed : from_others); };
    while (from_doomed == 0) take(wait_for_packet(transport));
    transport.send(doomed, packet_of(1));
    transport.send(doomed, packet_of(large));
    std::vector<RankId> told;
    while (ulfm ? told.empty() : kill(pid, 0) == 0) {
      if (const auto packet = transport.receive()) take(*packet);
      const std::vector<RankId> more = transport.failures();
      told.insert(told.end(), more.begin(), more.end());
      sched_yield();
    }
    transport.send(doomed, packet_of(1));
    transport.send(doomed, packet_of(large));
    transport.abandon(doomed);
    for (RankId to{0}; to != doomed; ++to.number)
      if (to != transport.rank()) transport.send(to, packet_of(large));
    while (from_others < others || transport.sends_pending() > 0)
      if (const auto packet = transport.receive()) take(*packet);
    // Of those that have left by now it may be told as well.
    const std::vector<RankId> later = transport.failures();
    const auto again = std::count(later.begin(), later.end(), doomed);
    std::cout << "rank " << transport.rank().number << " was told of " << told.size() << " and " << again << ", "
              << (told.empty() || told.front() == doomed ? "as it is" : "another one") << ", and heard of "
              << from_others << " others\n"
              << std::flush;
  }
  _exit(0);
}
