#pragma once

// Different keys, numbered: what rows are grouped, joined and told apart by.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/archive.hpp"

namespace crema::dataset {

/// XXH3, which is the same on every machine.
std::uint64_t hash_bytes(const void* data, std::size_t size);

/// What of a key tells whether it is the same: bytes that are equal where the keys are. There is one NaN and one zero.
template <class K>
struct KeyBytes {
  static void append(ByteBuffer& out, const K& key) {
    if constexpr (std::is_floating_point_v<K>) {
      encode(out, std::isnan(key) ? std::numeric_limits<K>::quiet_NaN() : key == 0 ? K{0} : key);
    } else {
      encode(out, key);
    }
  }
};
template <class V>
struct KeyBytes<std::optional<V>> {
  static void append(ByteBuffer& out, const std::optional<V>& key) {
    out.put(static_cast<std::uint8_t>(key.has_value()));
    if (key) KeyBytes<V>::append(out, *key);
  }
};
template <class... Ks>
struct KeyBytes<std::tuple<Ks...>> {
  static void append(ByteBuffer& out, const std::tuple<Ks...>& key) {
    std::apply([&out](const auto&... parts) { (KeyBytes<std::remove_cvref_t<Ks>>::append(out, parts), ...); }, key);
  }
};
template <class A, class B>
struct KeyBytes<std::pair<A, B>> {
  static void append(ByteBuffer& out, const std::pair<A, B>& key) {
    KeyBytes<A>::append(out, key.first);
    KeyBytes<B>::append(out, key.second);
  }
};

/// A table of slots in which linear probing finds one: at most half of them are taken. A slot is empty where
/// `number_behind` is 0. Thread safety: none.
template <class Slot>
class SlotTable {
 public:
  /// The slot for which `is(slot)`, or the empty one where it belongs; it holds until the next call of make_room.
  template <class Is>
  Slot& find(std::uint64_t hash, Is&& is) {
    std::size_t place = hash & mask_;
    while (slots_[place].number_behind != 0 && !is(slots_[place])) place = (place + 1) & mask_;
    return slots_[place];
  }
  /// Before one more slot is taken than the `taken` that are. `hash_of(slot)` is what find was given for it.
  template <class HashOf>
  void make_room(std::size_t taken, HashOf&& hash_of) {
    if (2 * (taken + 1) <= slots_.size()) return;
    const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
    mask_ = slots_.size() - 1;
    for (const Slot& slot : before)
      if (slot.number_behind != 0) find(hash_of(slot), [](const Slot&) { return false; }) = slot;
  }

 private:
  static constexpr std::size_t slots_at_first = 64;
  std::vector<Slot> slots_ = std::vector<Slot>(slots_at_first);  // a power of two of them
  std::size_t mask_ = slots_at_first - 1;
};

/// The mixer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators. OOPSLA 2014).
inline std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebU;
  return bits ^ (bits >> 31);
}

/// Bytes in two words: up to 16 of them as they are, of more their hash.
struct KeyWords {
  static constexpr std::size_t most = 16;

  /// At least `most` bytes may be read from the beginning of these, however few they are.
  explicit KeyWords(std::string_view bytes) : size{bytes.size()} {
    const char* const data = bytes.data();
    if (size > most) {
      first = hash_bytes(data, size);
    } else {
      // No branch for each size: sizes come in no order. What was read behind the end is not kept.
      std::memcpy(&first, data, sizeof first);
      std::memcpy(&last, data + sizeof first, sizeof last);
      const std::size_t in_first = std::min(size, sizeof first);
      first = first_bytes(first, in_first);
      last = first_bytes(last, size - in_first);
    }
  }
  KeyWords() = default;

  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::size_t size = 0;

  [[nodiscard]] bool whole() const { return size <= most; }
  /// The halves of one product, as wyhash (Wang Yi) folds them.
  [[nodiscard]] std::uint64_t hash() const {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{first ^ 0x9e3779b97f4a7c15U} * ((last + size) ^ 0xd1b54a32d192ed03U);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  friend bool operator==(const KeyWords&, const KeyWords&) = default;

 private:
  static_assert(std::endian::native == std::endian::little);
  static std::uint64_t first_bytes(std::uint64_t word, std::size_t count) {
    return count == 0 ? 0 : word & ~std::uint64_t{0} >> (8 * (sizeof word - count));
  }
};

/// Numbers the different keys, which are tuples, in the order in which they come. A key may be given as a tuple of
/// references to its parts. Thread safety: none.
template <class K>
class KeyNumbers {
 public:
  /// A key that comes for the first time gets the number size() had.
  template <class View>
  std::size_t number(const View& key) {
    table_.make_room(size_, [](const Slot& slot) { return slot.words.hash(); });
    const std::string_view bytes = bytes_of(key);
    const KeyWords words{bytes};
    Slot& slot = place_of(words, bytes);
    if (slot.number_behind == 0) {
      if (!words.whole()) long_keys_.append(bytes);
      slot = {words, ++size_, long_keys_.size()};
    }
    return slot.number_behind - 1;
  }
  template <class View>
  [[nodiscard]] std::optional<std::size_t> find(const View& key) {
    const std::string_view bytes = bytes_of(key);
    const Slot& slot = place_of(KeyWords{bytes}, bytes);
    return slot.number_behind == 0 ? std::nullopt : std::optional{slot.number_behind - 1};
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Of a key, whether known or not; the same on every machine.
  template <class View>
  std::uint64_t hash(const View& key) {
    const std::string_view bytes = bytes_of(key);
    return hash_bytes(bytes.data(), bytes.size());
  }

 private:
  struct Slot {
    KeyWords words;
    std::size_t number_behind = 0;  // the number of the key that follows this one
    std::size_t end = 0;            // of a key that words do not hold: where in long_keys_
  };

  /// Holds until the next call, and as long as the key. KeyWords may read them.
  template <class View>
  std::string_view bytes_of(const View& key) {
    if constexpr (std::is_same_v<K, std::tuple<std::string>>) {
      const std::string& text = std::get<0>(key);
      if (text.capacity() + sizeof '\0' >= KeyWords::most) return text;
      buffer_.clear();
      buffer_.append(std::as_bytes(std::span{text}));
    } else {
      buffer_.clear();
      KeyBytes<View>::append(buffer_, key);
    }
    return {reinterpret_cast<const char*>(buffer_.data()), buffer_.size()};
  }
  Slot& place_of(const KeyWords& words, std::string_view bytes) {
    return table_.find(words.hash(), [&](const Slot& slot) {
      return slot.words == words &&
             (words.whole() || long_keys_.compare(slot.end - words.size, words.size, bytes) == 0);
    });
  }

  ByteBuffer buffer_{KeyWords::most};
  SlotTable<Slot> table_;
  std::string long_keys_;  // one behind the other
  std::size_t size_ = 0;
};

/// A single integer or enum needs no bytes.
template <class K>
requires(std::is_integral_v<K> || std::is_enum_v<K>) class KeyNumbers<std::tuple<K>> {
 public:
  template <class View>
  std::size_t number(const View& key) {
    const K value = std::get<0>(key);
    if (const auto place = static_cast<std::uint64_t>(value); place < small_.size() && small_[place] != 0)
      return small_[place] - 1;
    return number_of_large_or_new(value);
  }
  template <class View>
  [[nodiscard]] std::optional<std::size_t> find(const View& key) {
    const K value = std::get<0>(key);
    const auto place = static_cast<std::uint64_t>(value);
    const std::size_t behind = place < small_.size() ? small_[place] : place_of(value).number_behind;
    return behind == 0 ? std::nullopt : std::optional<std::size_t>{behind - 1};
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  template <class View>
  static std::uint64_t hash(const View& key) {
    const K value = std::get<0>(key);
    return hash_bytes(&value, sizeof(K));
  }

 private:
  /// No wider than it must be to count the keys there can be: small slots stay in the cache.
  using Number = std::conditional_t<sizeof(K) <= sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;
  struct Slot {
    K key{};
    Number number_behind = 0;
  };
  static constexpr std::uint64_t most_small = 1 << 16;

  static std::uint64_t hash_in_table(K key) { return mixed(static_cast<std::uint64_t>(key)); }
  Slot& place_of(K value) {
    return table_.find(hash_in_table(value), [value](const Slot& slot) { return slot.key == value; });
  }
  std::size_t number_of_large_or_new(K value) {
    const auto place = static_cast<std::uint64_t>(value);
    if (place < most_small) {
      if (place >= small_.size()) small_.resize(std::bit_ceil(place + 1));
      return (small_[place] = static_cast<std::uint32_t>(++size_)) - 1;
    }
    table_.make_room(size_, [](const Slot& slot) { return hash_in_table(slot.key); });
    Slot& slot = place_of(value);
    if (slot.number_behind == 0) slot = {value, static_cast<Number>(++size_)};
    return slot.number_behind - 1;
  }

  std::vector<std::uint32_t> small_;  // of keys below most_small: 0, or the number behind a key's own
  SlotTable<Slot> table_;             // of the others
  std::size_t size_ = 0;
};

}  // namespace crema::dataset
