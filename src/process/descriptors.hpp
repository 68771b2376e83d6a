#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace crema::process {

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_{number} {}
  Descriptor(Descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  [[nodiscard]] int get() const { return number_; }
  void reset();

 private:
  int number_ = -1;
};

/// Two ends of a connection that keeps messages apart. Throws Error.
std::pair<Descriptor, Descriptor> connected_pair();

enum class Sent { yes, later, gone };
/// Sends a message with descriptors. `later`: not now, without blocking; `gone`: nobody holds the other end.
Sent send_message(int socket, std::span<const std::byte> message, std::span<const int> descriptors, bool block);

struct Message {
  std::size_t size = 0;  ///< 0: the other end is gone
  std::vector<Descriptor> descriptors;
};
/// Nothing: no message is here, without blocking.
std::optional<Message> receive_message(int socket, std::span<std::byte> place, bool block);

}  // namespace crema::process
