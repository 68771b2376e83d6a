#pragma once

#include <mpi.h>

#include <deque>
#include <vector>

#include "transport/transport.hpp"

namespace crema::transport {

/// Packets over MPI point-to-point. Every operation is nonblocking. Used on the thread that initialised MPI
/// (MPI_THREAD_FUNNELED).
///
/// A packet of at most max_message bytes is one message. A larger one is announced by its size and follows in parts of
/// at most max_message, because MPI counts are ints.
///
/// Where MPI tells of processes that have failed (ULFM: Open MPI 5 under `mpirun --with-ft ulfm`), failures() does;
/// what is under way from such a rank or to it is abandoned when MPI refuses it.
class MpiTransport final : public Transport {
 public:
  static constexpr std::size_t default_max_message = std::size_t{1} << 30;

  /// Uses a duplicate of the communicator, so that its messages meet nobody else's. `max_message` in bytes.
  explicit MpiTransport(MPI_Comm communicator, std::size_t max_message = default_max_message);
  /// Abandons what is unsent: collective calls are the caller's business.
  ~MpiTransport() override;
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  RankId rank() const override { return RankId{rank_}; }
  int size() const override { return size_; }
  void send(RankId to, Bytes packet) override;
  std::optional<Packet> receive() override;
  void abandon(RankId rank) override;
  std::vector<RankId> failures() override;
  std::size_t sends_pending() const override { return sends_.size(); }

 private:
  struct Sending {
    MPI_Request request;
    Bytes bytes;
    int to = 0;
  };
  /// A packet under way from one rank; later packets of that rank wait behind it.
  struct Receiving {
    ByteBuffer buffer;
    std::vector<MPI_Request> requests;
    std::size_t complete = 0;  ///< of the requests, from the first
  };

  void keep(Sending sending);
  void cut_short(int source);
  void abandon_receives(int source);
  void start_send(RankId to, int tag, const std::byte* data, std::size_t size, const Bytes& owner);
  void complete_sends();
  bool accept_message();
  bool start_receives(Receiving& receiving, MPI_Message& message, MPI_Status& status);
  std::optional<Packet> take_complete();

  MPI_Comm communicator_ = MPI_COMM_NULL;
  std::size_t max_message_;
  int rank_ = 0;
  int size_ = 1;
  std::deque<Sending> sends_;
  std::vector<std::deque<Receiving>> receives_;  // by source
  std::vector<int> sources_;                     // those with receives under way
  std::vector<bool> abandoned_;                  // by rank
  std::vector<bool> told_failed_;                // by rank
  std::vector<bool> cut_short_;                  // by rank: a packet of it never came whole, so none behind it counts
  // Of abandoned ranks. MPI may use the buffers until the process ends.
  std::deque<Sending> abandoned_sends_;
  std::vector<std::deque<Receiving>> abandoned_receives_;
};

}  // namespace crema::transport
