#pragma once

#include <cstdint>
#include <optional>

#include "crema/bytes.hpp"
#include "crema/ids.hpp"

namespace crema::wire {

/// What a frame asks or tells. The byte layout is in src/wire/README.md; a value, once released, keeps its meaning.
enum class FrameType : std::uint16_t {
  // lane -> head
  submit = 1,
  get = 2,
  ready = 3,
  release = 4,
  create_actor = 5,
  find_actor = 6,
  cluster = 7,
  driver_done = 8,
  put = 9,
  retain = 10,
  unget = 63,
  pin = 11,
  cancel = 12,
  wait = 13,
  watch = 14,
  unwatch = 15,
  input = 56,
  // lane -> head, as above
  checkpoint = 58,
  restore = 59,
  sync = 57,
  snapshot = 60,
  kill_actor = 22,  // and head -> actor host
  create_pool = 23,
  call_pool = 24,
  // worker, actor host -> head
  outcome = 16,
  pull = 17,
  locate_actor = 18,
  heartbeat = 19,
  goodbye = 20,
  fatal = 21,
  // any rank -> head
  have = 26,
  heard = 62,  // and back
  // actor host -> head
  taken = 25,
  status = 27,
  stop_asked = 29,
  draining = 30,
  lane_lost = 31,
  // worker -> head
  handed_back = 28,
  // head -> worker
  run_task = 32,
  cancel_task = 38,  // and worker -> its lanes
  // head -> the store of a rank
  // head -> worker
  hand_back = 42,
  located = 39,
  free = 40,
  moved = 46,
  // head -> every rank
  rank_lost = 47,
  // head -> actor host; caller -> actor host
  start_actor = 33,
  recorded = 45,
  forget_calls = 44,
  call = 34,
  // head -> every rank
  actor_location = 35,
  shutdown = 36,
  leave = 37,
  status_request = 41,
  stopping = 43,
  // any -> lane
  value = 48,
  reply = 49,
  refuse_park = 50,
  completed = 51,
  large_value = 52,
  accepted = 53,
  // head -> every rank
  placed = 54,
  // head -> actor host -> head
  known_calls = 55,
  // head -> actor host
  actor_gone = 61,
  // lane -> its own rank
  park = 64,
  resume = 65,
  get_inputs = 66,
  loans_ended = 70,
  make_room = 71,
  // between the stores of two ranks; object also from a lane to its own rank
  fetch = 67,
  object = 68,
};

/// Fixed size, in front of every payload. Fields that a type does not use are zero.
struct FrameHeader {
  FrameType type{};
  std::uint16_t flags = 0;
  LaneId lane{};  ///< the lane that sent the frame, or the lane a reply is for
  std::uint64_t payload_size = 0;
  std::uint64_t sequence = 0;      ///< caller sequence: counts a lane's calls, and its requests
  std::uint64_t acknowledged = 0;  ///< the highest sequence of the other side that is taken care of
  std::uint32_t attempt = 0;       ///< of the task the frame is about
  std::uint32_t incarnation = 0;   ///< of call and start_actor: how often what it did was lost before
};
inline constexpr std::size_t frame_header_size = 40;
static_assert(sizeof(FrameHeader) == frame_header_size && std::is_trivially_copyable_v<FrameHeader>);

/// In FrameHeader::flags: the payload is not behind the header but is the next packet of the same sender.
inline constexpr std::uint16_t flag_detached_payload = 1;
/// Of object and large_value: the payload is why the value cannot be had, a failure.
inline constexpr std::uint16_t flag_failed = 2;
/// Of run_task: some inputs are not in the message.
inline constexpr std::uint16_t flag_large_inputs = 4;
/// Of run_task: the task has resources of its own.
inline constexpr std::uint16_t flag_resources = 8;
/// Of call: its lane counts it until an `accepted` comes.
inline constexpr std::uint16_t flag_bounded = 16;
/// Of a task's outcome and of driver_done: it was told that the job stops early, so it may have ended before its time.
inline constexpr std::uint16_t flag_early = 32;
/// Of start_actor and actor_gone: the head keeps the history of its calls; of start_actor, `sequence` of these,
/// recorded already, come behind. Of call: its actor is one whose calls belong into the history.
inline constexpr std::uint16_t flag_durable = 32;
/// Of call: from the history.
inline constexpr std::uint16_t flag_recorded = 64;
/// Of a call's outcome: it has ended its actor's lane, so it is not applied when the actor is built anew.
inline constexpr std::uint16_t flag_ended_lane = 128;
/// Of call: it has ended, and is applied again for the actor's state alone.
inline constexpr std::uint16_t flag_has_ended = 256;

/// Of call: it was sent to a rank that is lost, may have run there, and comes without its arguments. Of an outcome: of
/// such a call or of an actor's construction there, so that what it had called before is not known.
inline constexpr std::uint16_t flag_sent_again = 512;
/// Of call: a task makes it, whose further attempts make it again.
inline constexpr std::uint16_t flag_repeatable = 1024;
/// Of park: the lane waits for room in an actor's mailbox.
inline constexpr std::uint16_t flag_for_room = 2048;

struct Frame {
  FrameHeader header;
  Bytes payload;
};

inline Frame frame_of(FrameType type, Bytes payload, LaneId lane) {
  Frame frame{{.type = type, .lane = lane}, std::move(payload)};
  frame.header.payload_size = frame.payload.size();
  return frame;
}
inline Frame make_frame(FrameType type, ByteBuffer&& payload = {}, LaneId lane = {}) {
  return frame_of(type, Bytes{std::move(payload)}, lane);
}

/// Frames of one packet, one after the other.
class FrameReader {
 public:
  explicit FrameReader(Bytes packet) : packet_{std::move(packet)} {}

  /// The next frame; its payload shares the packet's storage. A frame with flag_detached_payload comes with an empty
  /// payload. Throws Error when the packet is damaged.
  std::optional<Frame> next();

 private:
  Bytes packet_;
  std::size_t position_ = 0;
};

/// Appends header and payload to a packet.
void append_frame(ByteBuffer& packet, const Frame& frame);

}  // namespace crema::wire
