#pragma once

#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/messages.hpp"

// The parts of which messages are made; for the sources of this folder.
namespace crema::wire {

/// Reads a payload that outlives it, as ByteReader does, without counting a reference of its own.
class PayloadReader {
 public:
  explicit PayloadReader(const Bytes& payload) : payload_{payload} {}
  PayloadReader(Bytes&&) = delete;

  template <class T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  const std::byte* take(std::size_t size) {
    if (size > remaining()) truncated(size);
    return payload_.data() + std::exchange(position_, position_ + size);
  }
  Bytes get_bytes(std::size_t size) {
    take(size);
    return payload_.slice(position_ - size, size);
  }
  Bytes get_sized() { return get_bytes(get<std::uint64_t>()); }
  std::string_view get_text() {
    const auto size = get<std::uint64_t>();
    return {reinterpret_cast<const char*>(take(size)), size};
  }
  [[nodiscard]] std::size_t remaining() const { return payload_.size() - position_; }

 private:
  [[noreturn]] void truncated(std::size_t wanted) const;

  const Bytes& payload_;
  std::size_t position_ = 0;
};

template <class Reader>
std::string text(Reader& in) {
  return std::string{in.get_text()};
}
inline Bytes rest(PayloadReader& in) { return in.get_bytes(in.remaining()); }

template <class Item>
void put_list(ByteBuffer& out, const std::vector<Item>& items) {
  out.put(static_cast<std::uint32_t>(items.size()));
  out.append(std::as_bytes(std::span{items}));
}
template <class Item>
std::vector<Item> get_list(PayloadReader& in) {
  std::vector<Item> items;
  const auto count = in.get<std::uint32_t>();
  if (count == 0) return items;
  const std::byte* source = in.take(std::size_t{count} * sizeof(Item));
  items.resize(count);
  std::memcpy(static_cast<void*>(items.data()), source, items.size() * sizeof(Item));
  return items;
}

inline std::size_t size_of(const Arguments& arguments) {
  return 16 + arguments.inputs.size() * sizeof(Input) + arguments.carried.size() * sizeof(Named<TaskId>) +
         arguments.bytes.size();
}
inline void put_arguments(ByteBuffer& out, const Arguments& arguments) {
  put_list(out, arguments.inputs);
  put_list(out, arguments.carried);
  out.put_sized(arguments.bytes.span());
}
inline Arguments get_arguments(PayloadReader& in) {
  Arguments arguments;
  arguments.inputs = get_list<Input>(in);
  arguments.carried = get_list<Named<TaskId>>(in);
  arguments.bytes = in.get_sized();
  return arguments;
}

template <class Reader>
Resources get_resources(Reader& in) {
  Resources resources;
  resources.cpus = in.template get<double>();
  resources.gpus = in.template get<double>();
  for (auto left = in.template get<std::uint32_t>(); left > 0; --left) {
    std::string name = text(in);
    resources.custom.emplace(std::move(name), in.template get<double>());
  }
  return resources;
}

inline void put_occupation(ByteBuffer& out, const std::optional<Occupation>& occupation) {
  out.put(static_cast<std::uint8_t>(occupation.has_value()));
  if (!occupation) return;
  write_resources(out, occupation->resources);
  out.put(static_cast<std::uint32_t>(occupation->gpus.size()));
  for (const std::string& gpu : occupation->gpus) out.put_text(gpu);
}
inline std::optional<Occupation> get_occupation(PayloadReader& in) {
  if (in.get<std::uint8_t>() == 0) return std::nullopt;
  Occupation occupation{get_resources(in), {}};
  for (auto left = in.get<std::uint32_t>(); left > 0; --left) occupation.gpus.push_back(text(in));
  return occupation;
}

inline void put_terms(ByteBuffer& out, const std::optional<Terms>& terms) {
  out.put(static_cast<std::uint8_t>(terms.has_value()));
  if (!terms) return;
  out.put(terms->max_retries);
  out.put(static_cast<std::uint8_t>(terms->retry_exceptions));
  out.put(terms->timeout);
  out.put(terms->journal);
  out.put_text(terms->blobs);
}
inline std::optional<Terms> get_terms(PayloadReader& in) {
  if (in.get<std::uint8_t>() == 0) return std::nullopt;
  Terms terms;
  terms.max_retries = in.get<std::int32_t>();
  terms.retry_exceptions = in.get<std::uint8_t>() != 0;
  terms.timeout = in.get<std::int64_t>();
  const auto journal = in.get<std::uint8_t>();
  if (journal > static_cast<std::uint8_t>(JournalPolicy::never))
    throw Error{"reading a task: unknown journal policy " + std::to_string(journal)};
  terms.journal = static_cast<JournalPolicy>(journal);
  terms.blobs = text(in);
  return terms;
}

inline void put_location(ByteBuffer& out, const ObjectLocation& location) {
  out.put(location.object.id);
  out.put(location.object.part);
  out.put(location.size);
  out.put(location.rank);
}
inline ObjectLocation get_location(PayloadReader& in) {
  ObjectLocation location;
  location.object.id = in.get<TaskId>();
  location.object.part = in.get<std::uint32_t>();
  location.size = in.get<std::uint64_t>();
  location.rank = in.get<RankId>();
  return location;
}

}  // namespace crema::wire
