#include "transport/mpi.hpp"

#if __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif

#include <algorithm>
#include <numeric>
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

#if defined(OMPI_HAVE_MPIX_COMM_GET_FAILED)
bool says_peer_failed(int code) {
  int error_class = MPI_SUCCESS;
  MPI_Error_class(code, &error_class);
  return error_class == MPIX_ERR_PROC_FAILED || error_class == MPIX_ERR_PROC_FAILED_PENDING;
}
#else
bool says_peer_failed(int) { return false; }
#endif

/// Whether it succeeded; false: the other rank has failed.
bool check_with_peer(int code, const char* attempted) {
  if (says_peer_failed(code)) return false;
  check(code, attempted);
  return true;
}

}  // namespace

MpiTransport::MpiTransport(MPI_Comm communicator, std::size_t max_message) : max_message_{max_message} {
  check(MPI_Comm_dup(communicator, &communicator_), "duplicating the communicator");
  check(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "setting the error handler");
  MPI_Comm_rank(communicator_, &rank_);
  MPI_Comm_size(communicator_, &size_);
  receives_.resize(static_cast<std::size_t>(size_));
  abandoned_.resize(static_cast<std::size_t>(size_));
  told_failed_.resize(static_cast<std::size_t>(size_));
  cut_short_.resize(static_cast<std::size_t>(size_));
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
  abandoned_[static_cast<std::size_t>(rank.number)] = true;
  for (std::size_t left = sends_.size(); left > 0; --left) {
    Sending sending = std::move(sends_.front());
    sends_.pop_front();
    keep(std::move(sending));
  }
  abandon_receives(rank.number);
}

void MpiTransport::abandon_receives(int source) {
  if (std::erase(sources_, source) > 0)
    abandoned_receives_.push_back(std::exchange(receives_[static_cast<std::size_t>(source)], {}));
}

/// The rank has failed with a packet under way: what comes behind it would come out of order.
void MpiTransport::cut_short(int source) {
  cut_short_[static_cast<std::size_t>(source)] = true;
  abandon_receives(source);
}

std::vector<RankId> MpiTransport::failures() {
  std::vector<RankId> ranks;
#if defined(OMPI_HAVE_MPIX_COMM_GET_FAILED)
  MPI_Group failed = MPI_GROUP_NULL;
  check(MPIX_Comm_get_failed(communicator_, &failed), "asking which ranks have failed");
  int count = 0;
  MPI_Group_size(failed, &count);
  if (count > 0) {
    std::vector<int> in_group(static_cast<std::size_t>(count));
    std::iota(in_group.begin(), in_group.end(), 0);
    std::vector<int> in_all(in_group.size());
    MPI_Group all = MPI_GROUP_NULL;
    MPI_Comm_group(communicator_, &all);
    MPI_Group_translate_ranks(failed, count, in_group.data(), all, in_all.data());
    MPI_Group_free(&all);
    for (const int rank : in_all) {
      if (told_failed_[static_cast<std::size_t>(rank)]) continue;
      told_failed_[static_cast<std::size_t>(rank)] = true;
      ranks.push_back(RankId{rank});
    }
  }
  MPI_Group_free(&failed);
#endif
  return ranks;
}

void MpiTransport::start_send(RankId to, int tag, const std::byte* data, std::size_t size, const Bytes& owner) {
  MPI_Request request = MPI_REQUEST_NULL;
  if (!check_with_peer(MPI_Isend(data, static_cast<int>(size), MPI_BYTE, to.number, tag, communicator_, &request),
                       "sending to a rank"))
    return;
  int done = 0;
  if (!check_with_peer(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "completing a send") || done != 0) return;
  keep({request, owner, to.number});
}

void MpiTransport::keep(Sending sending) {
  (abandoned_[static_cast<std::size_t>(sending.to)] ? abandoned_sends_ : sends_).push_back(std::move(sending));
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
    if (check_with_peer(MPI_Test(&sending.request, &done, MPI_STATUS_IGNORE), "completing a send") && done == 0)
      sends_.push_back(std::move(sending));
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
  auto& queue = receives_[static_cast<std::size_t>(status.MPI_SOURCE)];
  if (queue.empty()) sources_.push_back(status.MPI_SOURCE);
  Receiving& receiving = queue.emplace_back();
  if (!start_receives(receiving, message, status)) cut_short(status.MPI_SOURCE);
  return true;
}

/// False: the sender has failed.
bool MpiTransport::start_receives(Receiving& receiving, MPI_Message& message, MPI_Status& status) {
  if (status.MPI_TAG == tag_packet) {
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    return check_with_peer(MPI_Imrecv(receiving.buffer.extend(static_cast<std::size_t>(size)), size, MPI_BYTE, &message,
                                      &receiving.requests.emplace_back()),
                           "receiving a packet");
  }
  std::uint64_t total = 0;
  if (!check_with_peer(MPI_Mrecv(&total, sizeof(total), MPI_BYTE, &message, MPI_STATUS_IGNORE),
                       "receiving a packet's size"))
    return false;
  std::byte* place = receiving.buffer.extend(total);
  for (std::size_t done = 0; done < total; done += max_message_) {
    const std::size_t part = std::min<std::size_t>(total - done, max_message_);
    if (!check_with_peer(MPI_Irecv(place + done, static_cast<int>(part), MPI_BYTE, status.MPI_SOURCE, tag_part,
                                   communicator_, &receiving.requests.emplace_back()),
                         "receiving a part of a packet"))
      return false;
  }
  return true;
}

std::optional<Packet> MpiTransport::take_complete() {
  for (std::size_t i = 0; i < sources_.size();) {
    const int source = sources_[i];
    auto& queue = receives_[static_cast<std::size_t>(source)];
    Receiving& first = queue.front();
    int done = 1;
    bool comes = true;
    while (comes && done != 0 && first.complete < first.requests.size()) {
      comes =
          check_with_peer(MPI_Test(&first.requests[first.complete], &done, MPI_STATUS_IGNORE), "completing a receive");
      if (done != 0) ++first.complete;
    }
    if (!comes) {
      cut_short(source);
      continue;
    }
    if (done == 0) {
      ++i;
      continue;
    }
    Packet packet{RankId{source}, Bytes{std::move(first.buffer)}};
    queue.pop_front();
    sources_.erase(sources_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!queue.empty()) sources_.push_back(source);
    if (!cut_short_[static_cast<std::size_t>(source)]) return packet;
  }
  return std::nullopt;
}

}  // namespace crema::transport
