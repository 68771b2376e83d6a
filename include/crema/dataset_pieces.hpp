#pragma once

// Rows of blocks as bytes: pieces of them that are written for blocks that follow, and how these read them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/archive.hpp"
#include "crema/copy_past_caches.hpp"
#include "crema/dataset_plan.hpp"
#include "crema/large_pages.hpp"
#include "crema/random.hpp"

namespace crema::dataset {

/// Bytes.
constexpr std::size_t cache_line = 64;
/// Rows that are worth being moved one by one.
template <class T>
constexpr bool is_large = crema::detail::is_bulk<T> && sizeof(T) > cache_line;

/// Writes the rows from `begin` to `end` of what Rows::read returns as a vector of them is encoded, without making one.
template <class Read>
void write_rows(ByteBuffer& out, const Read& rows, std::size_t begin, std::size_t end) {
  if constexpr (std::is_same_v<Read, std::vector<bool>>) {
    encode(out, std::vector<bool>(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                  rows.begin() + static_cast<std::ptrdiff_t>(end)));
  } else {
    OutArchive archive{out};
    crema::detail::write_count(archive, end - begin);
    crema::detail::write_elements(archive, rows.data() + begin, end - begin);
  }
}

/// Makes a part of each piece.
template <class T>
void write_pieces(Rows& rows, std::vector<std::vector<T>> pieces) {
  rows.begin_parts(pieces.size());
  for (std::vector<T>& piece : pieces) {
    encode(rows.part(), std::exchange(piece, {}));
    rows.end_part();
  }
}

/// Copies rows of `size` bytes each to the place of their part, which moves on, and tells what the parts are made of.
void copy_large_rows(Rows& rows, std::span<const std::byte> from, std::size_t size,
                     const std::vector<std::uint32_t>& part_of_row, std::vector<std::byte*>& places);

/// Makes parts of rows of which each goes to the part with its number, in order.
template <class T>
void write_dealt(Rows& rows, const std::vector<std::uint32_t>& part_of_row, std::size_t parts) {
  const auto& all = rows.read<T>();
  if constexpr (std::is_same_v<T, bool>) {
    std::vector<std::vector<T>> pieces(parts);
    for (std::size_t row = 0; row < all.size(); ++row) pieces[part_of_row[row]].push_back(all[row]);
    write_pieces(rows, std::move(pieces));
  } else {
    std::vector<std::uint64_t> counts(parts);
    for (const std::uint32_t part : part_of_row) ++counts[part];
    if constexpr (crema::detail::is_bulk<T>) {
      // Every row has its place.
      rows.begin_parts(parts, parts * sizeof(std::uint64_t) + all.size() * sizeof(T));
      std::vector<std::byte*> places;
      for (const std::uint64_t count : counts) {
        rows.part().put(count);
        places.push_back(rows.part().extend(count * sizeof(T)));
        rows.end_part();
      }
      if constexpr (is_large<T>) {
        copy_large_rows(rows, std::as_bytes(std::span{std::data(all), all.size()}), sizeof(T), part_of_row, places);
      } else {
        for (std::size_t row = 0; row < all.size(); ++row) {
          std::byte*& place = places[part_of_row[row]];
          std::memcpy(place, &all[row], sizeof(T));
          place += sizeof(T);
        }
      }
    } else {
      std::vector<std::size_t> ends(parts);
      std::exclusive_scan(counts.begin(), counts.end(), ends.begin(), std::size_t{0});
      std::vector<std::size_t> order(all.size());
      for (std::size_t row = 0; row < all.size(); ++row) order[ends[part_of_row[row]]++] = row;
      rows.begin_parts(parts);
      auto row = order.begin();
      for (const std::uint64_t count : counts) {
        rows.part().put(count);
        for (const auto end = row + static_cast<std::ptrdiff_t>(count); row != end; ++row)
          encode(rows.part(), all[*row]);
        rows.end_part();
      }
    }
  }
}

/// Before so many rows are read; never for more of them than the bytes that are left are likely to be.
template <class T>
void reserve_rows(std::vector<T>& rows, std::uint64_t count, const ByteReader& reader) {
  constexpr std::size_t bytes_per_input_byte = crema::detail::is_bulk<T> ? 1 : 8;
  crema::detail::reserve(
      rows, rows.size() + std::min<std::size_t>(count, bytes_per_input_byte * reader.remaining() / sizeof(T) + 1));
}

/// Appends the rows `begin` to `end` of a vector that was encoded, as far as it has them; all of it by default.
template <class T>
void append_rows(std::vector<T>& rows, ByteReader& reader, std::uint64_t begin = 0,
                 std::uint64_t end = ~std::uint64_t{0}) {
  if constexpr (std::is_same_v<T, bool>) {
    const auto all = decode<std::vector<T>>(reader);
    end = std::min<std::uint64_t>(end, all.size());
    begin = std::min(begin, end);
    rows.insert(rows.end(), all.begin() + static_cast<std::ptrdiff_t>(begin),
                all.begin() + static_cast<std::ptrdiff_t>(end));
  } else {
    InArchive archive{reader};
    constexpr bool bulk = crema::detail::is_bulk<T>;
    const std::uint64_t count = crema::detail::read_count(archive, bulk ? sizeof(T) : 1);
    end = std::min(end, count);
    begin = std::min(begin, end);
    if constexpr (bulk) {
      const std::byte* const all = reader.take(count * sizeof(T));
      if (begin == end) return;  // an empty vector has no place to copy to
      if (reinterpret_cast<std::uintptr_t>(all) % alignof(T) == 0) {
        const T* const first = reinterpret_cast<const T*>(all);
        rows.insert(rows.end(), first + begin, first + end);
      } else {
        const std::size_t before = rows.size();
        rows.resize(before + end - begin);
        std::memcpy(rows.data() + before, all + begin * sizeof(T), (end - begin) * sizeof(T));
      }
    } else {
      if (rows.empty()) reserve_rows(rows, end - begin, reader);
      for (std::uint64_t row = 0; row < count; ++row) {
        if (begin <= row && row < end) {
          archive >> rows.emplace_back();
        } else {
          T passed_over{};
          archive >> passed_over;
        }
      }
    }
  }
}

/// Loads the rows `begin` to `end` of a vector that was encoded, as far as it has them. They are read where they lie
/// where that can be.
template <class T>
void load_rows(Rows& block, ByteReader& reader, std::uint64_t begin = 0, std::uint64_t end = ~std::uint64_t{0}) {
  std::vector<T> rows;
  if constexpr (crema::detail::is_bulk<T>) {
    InArchive archive{reader};
    const std::uint64_t count = crema::detail::read_count(archive, sizeof(T));
    const Bytes all = reader.get_bytes(count * sizeof(T));
    end = std::min(end, count);
    begin = std::min(begin, end);
    const Bytes wanted = all.slice(begin * sizeof(T), (end - begin) * sizeof(T));
    if (reinterpret_cast<std::uintptr_t>(wanted.data()) % alignof(T) == 0) return block.borrow<T>(wanted);
    rows.resize(end - begin);
    std::memcpy(static_cast<void*>(rows.data()), wanted.data(), wanted.size());
  } else {
    rows = Rows::fresh<T>();
    append_rows(rows, reader, begin, end);
  }
  block.assign(std::move(rows));
}

/// Reads a count and so many vectors, one behind the other. `ends` gets the number of rows up to the end of each.
template <class T>
std::vector<T> read_pieces(ByteReader& reader, std::vector<std::ptrdiff_t>* ends = nullptr) {
  std::vector<T> rows = Rows::fresh<T>();
  for (auto left = reader.get<std::uint64_t>(); left > 0; --left) {
    const bool first = rows.empty();
    const std::size_t before = reader.remaining();
    append_rows(rows, reader);
    if (first && !rows.empty()) {
      // Room for all, where pieces are about as large as each other, saves copying what is there; never for more than
      // the bytes that follow can be.
      const std::size_t alike = rows.size() * (left - 1) / 16 * 17;
      const std::size_t row_bytes = std::max<std::size_t>(1, (before - reader.remaining()) / rows.size());
      crema::detail::reserve(rows, rows.size() + std::min(alike, reader.remaining() / row_bytes));
    }
    if (ends != nullptr) ends->push_back(std::ssize(rows));
  }
  return rows;
}

/// Fisher and Yates' shuffle; std::shuffle differs between standard libraries.
template <class Item>
void shuffle(std::vector<Item>& items, Random& random) {
  for (std::size_t left = items.size(); left > 1; --left) {
    const std::size_t other = random() % left;
    if (other != left - 1) {
      Item held = std::move(items[left - 1]);
      items[left - 1] = std::move(items[other]);
      items[other] = std::move(held);
    }
  }
}

/// What read_pieces reads, shuffled.
template <class T>
std::vector<T> read_shuffled(ByteReader& reader, Random& random) {
  if constexpr (is_large<T>) {
    // Large rows move once, to where they belong. They are read in the order in which they lie: memory is slower where
    // it is read from anywhere than where it is written to.
    std::vector<Bytes> pieces;
    std::size_t count = 0;
    for (auto left = reader.get<std::uint64_t>(); left > 0; --left) {
      InArchive archive{reader};
      const std::size_t in_piece = crema::detail::read_count(archive, sizeof(T));
      pieces.push_back(reader.get_bytes(in_piece * sizeof(T)));
      count += in_piece;
    }
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    shuffle(order, random);
    std::vector<std::size_t> place_of_row(count);
    for (std::size_t place = 0; place < count; ++place) place_of_row[order[place]] = place;
    std::vector<T> rows = Rows::to_be_written<T>(count);
    const crema::detail::CopyPastCaches copy_past_caches;
    auto place = place_of_row.begin();
    for (const Bytes& piece : pieces) {
      for (std::size_t byte = 0; byte < piece.size(); byte += sizeof(T), ++place)
        copy_past_caches(reinterpret_cast<std::byte*>(&rows[*place]), piece.data() + byte, sizeof(T));
    }
    return rows;
  } else {
    std::vector<T> rows = read_pieces<T>(reader);
    shuffle(rows, random);
    return rows;
  }
}

}  // namespace crema::dataset
