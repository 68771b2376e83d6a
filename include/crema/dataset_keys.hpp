#pragma once

// Keys of rows: what datasets are sorted, grouped and joined by.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "crema/archive.hpp"

namespace crema {

/// A key whose order is reversed: `sort<descending<&Order::price>, &Order::drink>()`. Without a key: of the rows
/// themselves.
template <auto key = std::identity{}>
struct Descending {
  template <class T>
  constexpr decltype(auto) operator()(const T& row) const {
    return std::invoke(key, row);
  }
  friend constexpr bool operator==(const Descending&, const Descending&) = default;
};
template <auto key = std::identity{}>
inline constexpr Descending<key> descending{};

namespace dataset {

template <class Key>
inline constexpr bool is_descending = false;
template <auto key>
inline constexpr bool is_descending<Descending<key>> = true;

/// What a key gives of a row.
template <class T, auto key>
using key_of = std::remove_cvref_t<std::invoke_result_t<decltype(key), const T&>>;

template <class T, auto key>
consteval bool check_key() {
  constexpr bool fits = std::is_invocable_v<decltype(key), const T&>;
  static_assert(
      fits,
      "crema: a key must be a member of the dataset's row, or a function or captureless lambda of it: compare "
      "it with the row type");
  return fits;
}

/// The keys of a row together; the row itself where there are none.
template <class T, auto... keys>
struct Keys {
  using type = std::tuple<key_of<T, keys>...>;
  static type of(const T& row) { return type{std::invoke(keys, row)...}; }
};
template <class T>
struct Keys<T> : Keys<T, std::identity{}> {};

/// A total order: -1, 0 or 1. A number that is none (NaN) and an optional without a value come last.
template <class K>
int compare(const K& a, const K& b);

template <class K>
struct KeyOrder {
  static constexpr bool has_order = requires(const K& a, const K& b) { a < b; };
  static_assert(has_order, "crema: a key to sort by must have an order: give its type operator<");
  static int compare(const K& a, const K& b) {
    if constexpr (std::is_floating_point_v<K>) {
      if (std::isnan(a) || std::isnan(b)) return int{std::isnan(a)} - int{std::isnan(b)};
    }
    return a < b ? -1 : int{b < a};
  }
};
template <class V>
struct KeyOrder<std::optional<V>> {
  static int compare(const std::optional<V>& a, const std::optional<V>& b) {
    if (!a || !b) return int{!a} - int{!b};
    return dataset::compare(*a, *b);
  }
};
template <class... Ks>
struct KeyOrder<std::tuple<Ks...>> {
  static int compare(const std::tuple<Ks...>& a, const std::tuple<Ks...>& b) {
    int order = 0;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      static_cast<void>(((order = dataset::compare(std::get<I>(a), std::get<I>(b))) || ...));
    }
    (std::index_sequence_for<Ks...>{});
    return order;
  }
};
template <class A, class B>
struct KeyOrder<std::pair<A, B>> {
  static int compare(const std::pair<A, B>& a, const std::pair<A, B>& b) {
    const int first = dataset::compare(a.first, b.first);
    return first != 0 ? first : dataset::compare(a.second, b.second);
  }
};
template <class K>
int compare(const K& a, const K& b) {
  return KeyOrder<K>::compare(a, b);
}

/// What is no value: it comes last in both orders.
template <class K>
bool is_none(const K& key) {
  if constexpr (std::is_floating_point_v<K>) {
    return std::isnan(key);
  } else if constexpr (requires { key.has_value(); }) {
    return !key.has_value();
  } else {
    return false;
  }
}

/// The order of rows by these keys, the first one first; of the rows themselves where there are none.
template <class T, auto... keys>
struct RowOrder {
  using Key = typename Keys<T, keys...>::type;

  static int compare(const T& a, const T& b) {
    int order = 0;
    static_cast<void>(((order = compare_by<keys>(std::invoke(keys, a), std::invoke(keys, b))) || ...));
    return order;
  }
  static int compare_keys(const Key& a, const Key& b) {
    int order = 0;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      static_cast<void>(((order = compare_by<keys>(std::get<I>(a), std::get<I>(b))) || ...));
    }
    (std::make_index_sequence<sizeof...(keys)>{});
    return order;
  }

 private:
  template <auto key, class K>
  static int compare_by(const K& a, const K& b) {
    if constexpr (is_descending<std::remove_cv_t<decltype(key)>>) {
      if (!is_none(a) && !is_none(b)) return dataset::compare(b, a);
    }
    return dataset::compare(a, b);
  }
};
template <class T>
struct RowOrder<T> : RowOrder<T, std::identity{}> {};

/// XXH3, which is the same on every machine.
std::uint64_t hash_bytes(const void* data, std::size_t size);

/// What of a key tells whether it is the same: bytes that are equal where the keys are. There is one NaN and one zero.
template <class K>
struct KeyBytes {
  static void append(ByteBuffer& out, const K& key) {
    if constexpr (std::is_floating_point_v<K>) {
      const K one = std::isnan(key) ? std::numeric_limits<K>::quiet_NaN() : key == 0 ? K{0} : key;
      const auto rounded = static_cast<double>(one);
      out.put(rounded);
      if constexpr (std::is_same_v<K, long double>)
        out.put(std::isfinite(rounded) ? static_cast<double>(one - rounded) : 0.0);
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
    std::apply(
        [&out](const auto&... parts) { (KeyBytes<std::remove_cvref_t<decltype(parts)>>::append(out, parts), ...); },
        key);
  }
};
template <class A, class B>
struct KeyBytes<std::pair<A, B>> {
  static void append(ByteBuffer& out, const std::pair<A, B>& key) {
    KeyBytes<A>::append(out, key.first);
    KeyBytes<B>::append(out, key.second);
  }
};

/// Numbers the different keys in the order in which they come. Thread safety: none.
template <class K>
class KeyNumbers {
 public:
  /// A key that comes for the first time gets the number size() had.
  std::size_t number(const K& key) {
    const std::string_view bytes = bytes_of(key);
    if (const auto place = numbers_.find(bytes); place != numbers_.end()) return place->second;
    return numbers_.emplace(bytes, numbers_.size()).first->second;
  }
  [[nodiscard]] std::optional<std::size_t> find(const K& key) {
    const auto place = numbers_.find(bytes_of(key));
    return place == numbers_.end() ? std::nullopt : std::optional{place->second};
  }
  [[nodiscard]] std::size_t size() const { return numbers_.size(); }
  /// Of a key, whether known or not.
  std::uint64_t hash(const K& key) {
    const std::string_view bytes = bytes_of(key);
    return hash_bytes(bytes.data(), bytes.size());
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view bytes) const { return hash_bytes(bytes.data(), bytes.size()); }
  };
  std::string_view bytes_of(const K& key) {
    buffer_.clear();
    KeyBytes<K>::append(buffer_, key);
    return {reinterpret_cast<const char*>(buffer_.data()), buffer_.size()};
  }

  ByteBuffer buffer_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> numbers_;
};

/// The number of a single integer or enum needs no bytes.
template <class K>
requires(std::is_integral_v<K> || std::is_enum_v<K>) class KeyNumbers<std::tuple<K>> {
 public:
  std::size_t number(const std::tuple<K>& key) {
    return numbers_.try_emplace(std::get<0>(key), numbers_.size()).first->second;
  }
  [[nodiscard]] std::optional<std::size_t> find(const std::tuple<K>& key) const {
    const auto place = numbers_.find(std::get<0>(key));
    return place == numbers_.end() ? std::nullopt : std::optional{place->second};
  }
  [[nodiscard]] std::size_t size() const { return numbers_.size(); }
  static std::uint64_t hash(const std::tuple<K>& key) { return hash_bytes(&std::get<0>(key), sizeof(K)); }

 private:
  struct Hash {
    /// The mixer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators. OOPSLA 2014).
    std::size_t operator()(K key) const {
      auto bits = static_cast<std::uint64_t>(key);
      bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9U;
      bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebU;
      return bits ^ (bits >> 31);
    }
  };
  std::unordered_map<K, std::size_t, Hash> numbers_;
};

}  // namespace dataset
}  // namespace crema
