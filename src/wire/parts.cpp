#include "wire/parts.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "crema/errors.hpp"

namespace crema::wire {

ByteBuffer join_parts(const std::vector<ByteBuffer>& parts) {
  std::uint64_t end = 0;
  for (const ByteBuffer& part : parts) end += part.size();
  ByteBuffer out{(parts.size() + 1) * sizeof(std::uint64_t) + end};
  out.put(std::uint64_t{parts.size()});
  end = 0;
  for (const ByteBuffer& part : parts) out.put(end += part.size());
  for (const ByteBuffer& part : parts) out.append(part.span());
  return out;
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
  const std::uint64_t table = (count + 1) * sizeof(std::uint64_t);
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

thread_local ByteRange differing;

}  // namespace

void differs_each_time(ByteRange range) noexcept { differing = range; }

ByteRange take_differing() noexcept { return std::exchange(differing, {}); }

}  // namespace crema::wire
