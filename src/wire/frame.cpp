#include "wire/frame.hpp"

#include <cstring>

#include "crema/errors.hpp"

namespace crema::wire {

std::optional<Frame> FrameReader::next() {
  const std::size_t left = packet_.size() - position_;
  if (left == 0) return std::nullopt;
  Frame frame;
  if (left >= frame_header_size) {
    std::memcpy(static_cast<void*>(&frame.header), packet_.data() + position_, frame_header_size);
    position_ += frame_header_size;
    if ((frame.header.flags & flag_detached_payload) != 0) return frame;
    if (frame.header.payload_size <= packet_.size() - position_) {
      frame.payload = packet_.slice(position_, frame.header.payload_size);
      position_ += frame.header.payload_size;
      return frame;
    }
  }
  throw Error{"reading a packet of " + std::to_string(packet_.size()) + " bytes: the frame at offset " +
              std::to_string(packet_.size() - left) +
              " is cut off; the message is damaged or the ranks run different builds"};
}

void append_frame(ByteBuffer& packet, const Frame& frame) {
  std::memcpy(packet.extend(frame_header_size), &frame.header, frame_header_size);
  packet.append(frame.payload.span());
}

}  // namespace crema::wire
