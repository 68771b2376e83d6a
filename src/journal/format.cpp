#include "journal/format.hpp"

#include <fmt/format.h>

#include <charconv>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "crema/errors.hpp"

namespace crema::journal {
namespace {

constexpr std::string_view prefix = "segment-";
constexpr std::string_view suffix = ".journal";

std::uint64_t hash(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace

ByteBuffer write(const SegmentHeader& header) {
  ByteBuffer out;
  out.put(magic);
  out.put(format_version);
  out.put<std::uint32_t>(0);
  out.put(header.number);
  out.put(header.continues.segment);
  out.put(header.continues.bytes);
  out.put<std::uint64_t>(header.facts.size());
  ByteBuffer checked;
  checked.append(out.span());
  checked.append(header.facts.span());
  out.put(hash(checked.span()));
  out.append(header.facts.span());
  return out;
}

std::optional<SegmentHeader> read_segment_header(const Bytes& start_of_file) {
  if (start_of_file.size() < fixed_header_size) return std::nullopt;
  ByteReader in{start_of_file};
  if (in.get<std::array<char, 8>>() != magic) return std::nullopt;
  const auto version = in.get<std::uint32_t>();
  static_cast<void>(in.get<std::uint32_t>());
  SegmentHeader header;
  header.number = in.get<std::uint64_t>();
  header.continues.segment = in.get<std::uint64_t>();
  header.continues.bytes = in.get<std::uint64_t>();
  const auto facts = in.get<std::uint64_t>();
  const auto sum = in.get<std::uint64_t>();
  if (facts > in.remaining()) return std::nullopt;
  header.facts = in.get_bytes(facts);
  ByteBuffer checked;
  checked.append(start_of_file.span().first(fixed_header_size - sizeof sum));
  checked.append(header.facts.span());
  if (sum != hash(checked.span())) return std::nullopt;
  if (version != format_version) {
    throw Error{
        fmt::format("reading the journal: it has format version {}, and this build of crema reads version {}; "
                    "resume with the build that wrote it",
                    version, format_version)};
  }
  return header;
}

std::uint64_t checksum(std::uint64_t segment, std::uint64_t offset, std::uint16_t type,
                       std::span<const std::byte> payload, std::span<const std::byte> rest) {
  const std::array<std::uint64_t, 3> place{segment, offset, type};
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, place.data(), sizeof place);
  XXH3_64bits_update(&state, payload.data(), payload.size());
  XXH3_64bits_update(&state, rest.data(), rest.size());
  return XXH3_64bits_digest(&state);
}

std::string segment_name(std::uint64_t number) { return fmt::format("{}{:06}{}", prefix, number, suffix); }

std::optional<std::uint64_t> segment_number(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.size() <= prefix.size() + suffix.size())
    return std::nullopt;
  std::uint64_t number = 0;
  const char* last = name.data() + name.size() - suffix.size();
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), last, number);
  if (error != std::errc{} || end != last || number == 0 || segment_name(number) != name) return std::nullopt;
  return number;
}

}  // namespace crema::journal
