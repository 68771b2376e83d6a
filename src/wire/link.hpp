#pragma once

#include <map>
#include <optional>
#include <vector>

#include "transport/transport.hpp"
#include "wire/outbox.hpp"

namespace crema::wire {

/// Frames over a transport. All small frames that one turn of the loop has for one rank travel in one packet, so
/// senders need no batches of their own; a large payload travels alone and is never copied. Used on the loop's thread.
class Link final : public Outbox {
 public:
  /// A payload of at least this many bytes travels as a packet of its own.
  static constexpr std::size_t detached_payload = 64 << 10;
  /// A packet that reaches this size is sent before the turn ends.
  static constexpr std::size_t full_packet = 64 << 10;

  explicit Link(transport::Transport& transport);

  struct Received {
    RankId from;
    Frame frame;
  };

  /// A frame to the own rank never meets the transport: take_local has it.
  void send(RankId to, Frame frame) override;
  /// The rank is lost: nothing that comes from there is heard any more, and nothing goes there but `answer`, if any,
  /// for each packet that comes all the same.
  void fence(RankId rank, std::optional<Frame> answer = {});
  /// Hands all that was sent to the transport.
  void flush();
  /// The next frame from another rank, if one is here. Frames of one rank come in the order sent. Never blocks.
  std::optional<Received> receive();
  /// The next frame this rank sent to itself.
  std::optional<Frame> take_local();

  [[nodiscard]] bool all_sent() const;

 private:
  void flush(std::size_t rank);
  std::optional<Received> next_of_packet();
  [[nodiscard]] bool is_fenced(RankId rank) const { return !fenced_.empty() && fenced_.contains(rank); }

  transport::Transport& transport_;
  std::vector<ByteBuffer> outgoing_;   // by rank
  std::vector<std::size_t> expected_;  // by rank: the size of its last packet
  std::vector<std::int32_t> unsent_;   // ranks with something in outgoing_
  // Two that take turns: a deque would allocate for every few frames. As long as the most frames of one turn.
  std::vector<Frame> to_myself_;
  std::vector<Frame> being_taken_;
  std::size_t taken_ = 0;              // of these
  std::optional<FrameReader> packet_;  // being read
  RankId packet_from_;
  std::vector<std::optional<Frame>> detached_;     // by rank: waits for its payload
  std::map<RankId, std::optional<Frame>> fenced_;  // and what each is answered
};

}  // namespace crema::wire
