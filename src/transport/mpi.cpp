#include "transport/mpi.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "crema/errors.hpp"

namespace crema::transport {
namespace {

constexpr int tag_packet = 1;  // a whole packet
constexpr int tag_size = 2;    // 8 bytes: the size of a packet that follows in parts
constexpr int tag_part = 3;

void check(int code, const char* attempted) {
  if (code == MPI_SUCCESS) return;
  char reason[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, reason, &length);
  throw Error{std::string{attempted} + ": MPI says: " + std::string(reason, static_cast<std::size_t>(length))};
}

}  // namespace

MpiTransport::MpiTransport(MPI_Comm communicator, std::size_t max_message) : max_message_{max_message} {
  check(MPI_Comm_dup(communicator, &communicator_), "duplicating the communicator");
  check(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "setting the error handler");
  MPI_Comm_rank(communicator_, &rank_);
  MPI_Comm_size(communicator_, &size_);
  receives_.resize(static_cast<std::size_t>(size_));
  abandoned_.resize(static_cast<std::size_t>(size_));
}

// No MPI_Comm_free: it is collective, and after a rank was lost it would wait for it.
MpiTransport::~MpiTransport() {
  // MPI may use these buffers until it is finalized: they stay to the end of the process.
  static std::vector<decltype(sends_)> left_sends;
  static std::vector<decltype(receives_)> left_receives;
  if (!sends_.empty()) left_sends.push_back(std::move(sends_));
  if (!sources_.empty()) left_receives.push_back(std::move(receives_));
  if (!abandoned_sends_.empty()) left_sends.push_back(std::move(abandoned_sends_));
  if (!abandoned_receives_.empty()) left_receives.push_back(std::move(abandoned_receives_));
}

void MpiTransport::send(RankId to, Bytes packet) {
  const std::byte* data = packet.data();
  std::size_t left = packet.size();
  if (left <= max_message_) return start_send(to, tag_packet, data, left, packet);
  ByteBuffer announced;
  announced.put<std::uint64_t>(left);
  const Bytes size{std::move(announced)};
  start_send(to, tag_size, size.data(), size.size(), size);
  while (left > 0) {
    const std::size_t part = std::min(left, max_message_);
    start_send(to, tag_part, data, part, packet);
    data += part;
    left -= part;
  }
}

void MpiTransport::abandon(RankId rank) {
  const auto place = static_cast<std::size_t>(rank.number);
  abandoned_[place] = true;
  for (std::size_t left = sends_.size(); left > 0; --left) {
    Sending sending = std::move(sends_.front());
    sends_.pop_front();
    (sending.to == rank.number ? abandoned_sends_ : sends_).push_back(std::move(sending));
  }
  if (std::erase(sources_, rank.number) > 0) abandoned_receives_.push_back(std::exchange(receives_[place], {}));
}

void MpiTransport::start_send(RankId to, int tag, const std::byte* data, std::size_t size, const Bytes& owner) {
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Isend(data, static_cast<int>(size), MPI_BYTE, to.number, tag, communicator_, &request),
        "sending to a rank");
  int done = 0;
  check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "completing a send");
  if (done != 0) return;
  (abandoned_[static_cast<std::size_t>(to.number)] ? abandoned_sends_ : sends_).push_back({request, owner, to.number});
}

std::optional<Packet> MpiTransport::receive() {
  complete_sends();
  // Open MPI's probe looks before it makes progress: what arrives meanwhile is only seen by the next one.
  accept_message();
  return take_complete();
}

void MpiTransport::complete_sends() {
  // Sends to one slow rank must not hide that later ones to others are done, nor cost a walk over all of them each
  // time.
  constexpr std::size_t tested_at_a_time = 16;
  const std::size_t tested = std::min(sends_.size(), tested_at_a_time);
  for (std::size_t i = 0; i < tested; ++i) {
    Sending sending = std::move(sends_.front());
    sends_.pop_front();
    int done = 0;
    check(MPI_Test(&sending.request, &done, MPI_STATUS_IGNORE), "completing a send");
    if (done == 0) sends_.push_back(std::move(sending));
  }
}

bool MpiTransport::accept_message() {
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  // Any tag: what begins a packet is met in the order sent. A part is never met here: its size came before it, and with
  // the size all its receives were posted.
  check(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, communicator_, &found, &message, &status), "looking for a message");
  if (found == 0) return false;
  int size = 0;
  MPI_Get_count(&status, MPI_BYTE, &size);
  auto& queue = receives_[static_cast<std::size_t>(status.MPI_SOURCE)];
  if (queue.empty()) sources_.push_back(status.MPI_SOURCE);
  Receiving& receiving = queue.emplace_back();
  if (status.MPI_TAG == tag_packet) {
    receiving.requests.resize(1);
    check(MPI_Imrecv(receiving.buffer.extend(static_cast<std::size_t>(size)), size, MPI_BYTE, &message,
                     receiving.requests.data()),
          "receiving a packet");
    return true;
  }
  std::uint64_t total = 0;
  check(MPI_Mrecv(&total, sizeof(total), MPI_BYTE, &message, MPI_STATUS_IGNORE), "receiving a packet's size");
  std::byte* place = receiving.buffer.extend(total);
  for (std::size_t done = 0; done < total; done += max_message_) {
    const std::size_t part = std::min<std::size_t>(total - done, max_message_);
    check(MPI_Irecv(place + done, static_cast<int>(part), MPI_BYTE, status.MPI_SOURCE, tag_part, communicator_,
                    &receiving.requests.emplace_back()),
          "receiving a part of a packet");
  }
  return true;
}

std::optional<Packet> MpiTransport::take_complete() {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const int source = sources_[i];
    auto& queue = receives_[static_cast<std::size_t>(source)];
    int done = 0;
    Receiving& first = queue.front();
    check(MPI_Testall(static_cast<int>(first.requests.size()), first.requests.data(), &done, MPI_STATUSES_IGNORE),
          "completing a receive");
    if (done == 0) continue;
    Packet packet{RankId{source}, Bytes{std::move(first.buffer)}};
    queue.pop_front();
    sources_.erase(sources_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!queue.empty()) sources_.push_back(source);
    return packet;
  }
  return std::nullopt;
}

}  // namespace crema::transport
