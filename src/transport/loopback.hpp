#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "transport/transport.hpp"

namespace crema::transport {

/// Ranks inside one process, for tests: the same contract as MPI, every packet recorded, and faults on request.
/// Thread safety: every rank's Transport may be used from a thread of its own.
class LoopbackNetwork {
 public:
  struct Record {
    RankId from;
    RankId to;
    Bytes bytes;
  };

  explicit LoopbackNetwork(int ranks, std::uint64_t seed = 0);
  ~LoopbackNetwork();

  /// Valid as long as the network.
  Transport& endpoint(RankId rank);

  /// Each packet becomes receivable only after up to `polls` further calls of receive on its destination, by chance of
  /// the seed: reorders packets between pairs, never within one.
  void delay_up_to(int polls);
  /// From now on nothing reaches this rank but `last`, if it is not empty, and nothing leaves it.
  void cut(RankId rank, Bytes last = {});
  /// The same once this many packets have been sent to it or by it; `then` is called right after, on the sender's
  /// thread, and must not use the network.
  void cut_after(std::size_t packets, RankId rank, Bytes last, std::function<void()> then);
  [[nodiscard]] bool is_cut(RankId rank) const;
  /// Everything sent so far, in the order sent. Kept until the network ends: for tests of bounded length.
  [[nodiscard]] std::vector<Record> log() const;

 private:
  class Endpoint;
  struct Link;

  struct Fault {
    std::size_t packets_left = 0;
    RankId rank;
    Bytes last;
    std::function<void()> then;
    bool over = false;
  };

  Link& link(RankId from, RankId to);
  void count_packet(RankId from, RankId to);

  int size_;
  mutable std::mutex mutex_;  // guards all below
  std::mt19937_64 random_;
  int max_delay_ = 0;
  std::vector<bool> cut_;
  std::vector<Fault> faults_;
  std::vector<Bytes> last_;  // by rank: for one that was cut off
  std::vector<Link> links_;
  std::vector<Record> log_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;  // constant after construction
};

}  // namespace crema::transport
