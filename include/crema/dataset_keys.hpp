#pragma once

// Keys of rows: what datasets are sorted, grouped and joined by.

#include <cmath>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
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
  /// The same as references where the row holds them: nothing is copied. Holds as long as the row.
  static auto view(const T& row) {
    return std::tuple<std::invoke_result_t<decltype(keys), const T&>...>{std::invoke(keys, row)...};
  }
};
template <class T>
struct Keys<T> : Keys<T, std::identity{}> {};

/// A total order, or the reverse of it: -1, 0 or 1. A number that is none (NaN) and an optional without a value come
/// last in both, also inside of optionals, pairs and tuples; other types have the order of their operator<.
template <class K>
int compare(const K& a, const K& b, bool reverse = false);

template <class K>
struct KeyOrder {
  static constexpr bool has_order = requires(const K& a, const K& b) { a < b; };
  static_assert(has_order, "crema: a key to sort by must have an order: give its type operator<");
  static int compare(const K& a, const K& b, bool reverse) {
    if constexpr (std::is_floating_point_v<K>) {
      if (std::isnan(a) || std::isnan(b)) return int{std::isnan(a)} - int{std::isnan(b)};
    }
    const int order = a < b ? -1 : int{b < a};
    return reverse ? -order : order;
  }
};
template <class V>
struct KeyOrder<std::optional<V>> {
  static int compare(const std::optional<V>& a, const std::optional<V>& b, bool reverse) {
    if (!a || !b) return int{!a} - int{!b};
    return dataset::compare(*a, *b, reverse);
  }
};
template <class... Ks>
struct KeyOrder<std::tuple<Ks...>> {
  static int compare(const std::tuple<Ks...>& a, const std::tuple<Ks...>& b, bool reverse) {
    int order = 0;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      static_cast<void>(((order = dataset::compare(std::get<I>(a), std::get<I>(b), reverse)) || ...));
    }
    (std::index_sequence_for<Ks...>{});
    return order;
  }
};
template <class A, class B>
struct KeyOrder<std::pair<A, B>> {
  static int compare(const std::pair<A, B>& a, const std::pair<A, B>& b, bool reverse) {
    const int first = dataset::compare(a.first, b.first, reverse);
    return first != 0 ? first : dataset::compare(a.second, b.second, reverse);
  }
};
template <class K>
int compare(const K& a, const K& b, bool reverse) {
  return KeyOrder<K>::compare(a, b, reverse);
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
    return dataset::compare(a, b, is_descending<std::remove_cv_t<decltype(key)>>);
  }
};
template <class T>
struct RowOrder<T> : RowOrder<T, std::identity{}> {};

}  // namespace dataset
}  // namespace crema
