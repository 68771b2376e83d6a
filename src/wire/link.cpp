#include "wire/link.hpp"

#include "crema/errors.hpp"

namespace crema::wire {

Link::Link(transport::Transport& transport)
    : transport_{transport},
      outgoing_(static_cast<std::size_t>(transport.size())),
      expected_(static_cast<std::size_t>(transport.size())),
      detached_(static_cast<std::size_t>(transport.size())) {}

void Link::send(RankId to, Frame frame) {
  if (to == transport_.rank()) {
    to_myself_.push_back(std::move(frame));
    return;
  }
  if (is_fenced(to)) return;
  const auto rank = static_cast<std::size_t>(to.number);
  ByteBuffer& packet = outgoing_[rank];
  if (packet.size() == 0) {
    unsent_.push_back(to.number);
    packet.reserve(expected_[rank]);
  }
  if (frame.payload.size() < detached_payload) {
    append_frame(packet, frame);
    if (packet.size() >= full_packet) flush(rank);
    return;
  }
  frame.header.flags |= flag_detached_payload;
  append_frame(packet, {frame.header, {}});
  flush(rank);
  transport_.send(to, std::move(frame.payload));
}

void Link::fence(RankId rank, std::optional<Frame> answer) {
  fenced_.insert_or_assign(rank, std::move(answer));
  const auto place = static_cast<std::size_t>(rank.number);
  outgoing_[place] = ByteBuffer{};
  detached_[place].reset();
  if (packet_ && packet_from_ == rank) packet_.reset();
  transport_.abandon(rank);
}

void Link::flush(std::size_t rank) {
  if (outgoing_[rank].size() == 0) return;
  expected_[rank] = outgoing_[rank].size();
  transport_.send(RankId{static_cast<std::int32_t>(rank)}, Bytes{std::move(outgoing_[rank])});
  outgoing_[rank] = ByteBuffer{};
}

void Link::flush() {
  for (const std::int32_t rank : unsent_) flush(static_cast<std::size_t>(rank));
  unsent_.clear();
}

std::optional<Frame> Link::take_local() {
  if (taken_ == being_taken_.size()) {
    being_taken_.clear();
    taken_ = 0;
    if (to_myself_.empty()) return std::nullopt;
    being_taken_.swap(to_myself_);
  }
  return std::move(being_taken_[taken_++]);
}

std::optional<Link::Received> Link::receive() {
  while (true) {
    if (auto received = next_of_packet()) return received;
    std::optional<transport::Packet> packet = transport_.receive();
    if (!packet) return std::nullopt;
    if (is_fenced(packet->from)) {
      if (const auto& answer = fenced_.at(packet->from)) {
        ByteBuffer bytes;
        append_frame(bytes, *answer);
        transport_.send(packet->from, Bytes{std::move(bytes)});
      }
      continue;
    }
    std::optional<Frame>& waiting = detached_[static_cast<std::size_t>(packet->from.number)];
    if (waiting) {
      if (packet->bytes.size() != waiting->header.payload_size) {
        throw Error{"receiving a large message from rank " + std::to_string(packet->from.number) + ": " +
                    std::to_string(packet->bytes.size()) + " bytes came where " +
                    std::to_string(waiting->header.payload_size) + " were announced; do all ranks run the same build?"};
      }
      waiting->payload = std::move(packet->bytes);
      Received received{packet->from, std::move(*waiting)};
      waiting.reset();
      received.frame.header.flags &= static_cast<std::uint16_t>(~flag_detached_payload);
      return received;
    }
    packet_.emplace(std::move(packet->bytes));
    packet_from_ = packet->from;
  }
}

std::optional<Link::Received> Link::next_of_packet() {
  if (!packet_) return std::nullopt;
  std::optional<Frame> frame = packet_->next();
  if (!frame) {
    packet_.reset();
    return std::nullopt;
  }
  if ((frame->header.flags & flag_detached_payload) != 0) {
    // Always the last of its packet: its payload is the next packet of this rank.
    if (packet_->next()) {
      throw Error{"receiving from rank " + std::to_string(packet_from_.number) +
                  ": a frame follows the announcement of a large message; do all ranks run the same build?"};
    }
    detached_[static_cast<std::size_t>(packet_from_.number)] = std::move(*frame);
    packet_.reset();
    return std::nullopt;
  }
  return Received{packet_from_, std::move(*frame)};
}

bool Link::all_sent() const { return unsent_.empty() && transport_.sends_pending() == 0; }

}  // namespace crema::wire
