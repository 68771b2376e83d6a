#include "wire/parts.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "crema/errors.hpp"

namespace crema::wire {

namespace {

/// Of the count and where each part ends.
std::size_t table_size(std::uint64_t count) { return (count + 1) * sizeof(std::uint64_t); }

}  // namespace

ByteBuffer begin_parts(std::uint32_t count, std::size_t bytes) {
  const std::size_t table = table_size(count);
  ByteBuffer value{table + bytes};
  value.put(std::uint64_t{count});
  std::memset(value.extend(table - sizeof(std::uint64_t)), 0, table - sizeof(std::uint64_t));
  return value;
}

void end_part(ByteBuffer& value, std::uint32_t part) {
  std::uint64_t count = 0;
  std::memcpy(&count, value.data(), sizeof count);
  const std::uint64_t end = value.size() - table_size(count);
  std::memcpy(value.data() + part * sizeof end, &end, sizeof end);
}

ByteRange find_part(std::uint64_t size, std::uint32_t part,
                    const std::function<void(std::uint64_t offset, std::span<std::byte> place)>& read) {
  const auto word = [&](std::uint64_t index) {
    if ((index + 1) * sizeof(std::uint64_t) > size) {
      throw Error{"reading part " + std::to_string(part) + " of a value of " + std::to_string(size) +
                  " bytes: it ends within its table of parts"};
    }
    std::uint64_t value = 0;
    read(index * sizeof value, std::as_writable_bytes(std::span{&value, 1}));
    return value;
  };
  const std::uint64_t count = word(0);
  const std::uint64_t table = table_size(count);
  if (part == 0 || part > count) {
    throw Error{"reading part " + std::to_string(part) + " of a value of " + std::to_string(count) +
                " parts: there is none"};
  }
  const std::uint64_t begin = part == 1 ? 0 : word(part - 1);
  const std::uint64_t end = word(part);
  if (table > size || begin > end || end > size - table) {
    throw Error{"reading part " + std::to_string(part) + " of a value of " + std::to_string(size) +
                " bytes: its table of parts is damaged"};
  }
  return {table + begin, end - begin};
}

Bytes part_of(const Bytes& value, std::uint32_t part) {
  if (part == 0) return value;
  const ByteRange range = find_part(value.size(), part, [&value](std::uint64_t offset, std::span<std::byte> place) {
    std::memcpy(place.data(), value.data() + offset, place.size());
  });
  return value.slice(range.offset, range.size);
}

namespace {

thread_local Recognition said;

}  // namespace

void recognize_by(Recognition recognition) noexcept { said = recognition; }

Recognition take_recognition() noexcept { return std::exchange(said, {}); }

}  // namespace crema::wire
