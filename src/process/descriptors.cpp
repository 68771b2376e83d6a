#include "process/descriptors.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "crema/errors.hpp"

namespace crema::process {
namespace {

constexpr std::size_t most_descriptors = 1;

[[noreturn]] void fail(const std::string& what) {
  throw Error{what + ": " + std::strerror(errno) + "; raise the limit (ulimit -n) or use fewer lanes and actors"};
}

}  // namespace

void Descriptor::reset() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

std::pair<Descriptor, Descriptor> connected_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    fail("connecting two processes of a rank");
  return {Descriptor{ends[0]}, Descriptor{ends[1]}};
}

Sent send_message(int socket, std::span<const std::byte> message, std::span<const int> descriptors, bool block) {
  iovec part{const_cast<std::byte*>(message.data()), message.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  while (true) {
    if (::sendmsg(socket, &header, MSG_NOSIGNAL | (block ? 0 : MSG_DONTWAIT)) >= 0) return Sent::yes;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Sent::later;
    if (errno != ETOOMANYREFS) return Sent::gone;
    // Too many descriptors are on their way; the other end takes them off.
    if (!block) return Sent::later;
    ::usleep(1000);
  }
}

std::optional<Message> receive_message(int socket, std::span<std::byte> place, bool block) {
  iovec part{place.data(), place.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC | (block ? 0 : MSG_DONTWAIT));
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  Message message;
  if (size <= 0) return message;
  message.size = static_cast<std::size_t>(size);
  for (cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr; rights = CMSG_NXTHDR(&header, rights)) {
    if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = CMSG_LEN(0); at < rights->cmsg_len; at += sizeof(int)) {
      int number = -1;
      std::memcpy(&number, reinterpret_cast<const std::byte*>(rights) + at, sizeof(int));
      message.descriptors.emplace_back(number);
    }
  }
  return message;
}

}  // namespace crema::process
