#pragma once

#include <optional>
#include <vector>

#include "crema/bytes.hpp"
#include "crema/ids.hpp"

namespace crema::transport {

struct Packet {
  RankId from;
  Bytes bytes;
};

/// Moves packets between ranks. Used by one thread per rank, the one that runs the event loop.
/// Packets between one pair of ranks arrive in the order sent; nothing is promised between pairs.
class Transport {
 public:
  virtual ~Transport() = default;

  [[nodiscard]] virtual RankId rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;

  /// Never blocks. Shares the packet's storage until it is sent. Packets may have any size. A packet to the own rank
  /// arrives like any other.
  virtual void send(RankId to, Bytes packet) = 0;

  /// The next packet that is here, if any. Never blocks; also moves pending sends along.
  virtual std::optional<Packet> receive() = 0;

  /// The rank is lost: what is on its way there or from there is not waited for any more.
  virtual void abandon(RankId rank) = 0;

  /// Ranks that are gone, as the network itself has learned since the last call; none where it never learns. Whether it
  /// does or not, packets to a rank that is gone go nowhere and are no error.
  virtual std::vector<RankId> failures() { return {}; }

  /// Packets whose send has not completed, but for those to abandoned ranks.
  [[nodiscard]] virtual std::size_t sends_pending() const = 0;
};

}  // namespace crema::transport
