#pragma once

// Groups of rows with equal keys, and pairs of rows with equal keys.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/aggregators.hpp"
#include "crema/dataset_exchange.hpp"
#include "crema/dataset_keys.hpp"
#include "crema/dataset_steps.hpp"
#include "crema/key_numbers.hpp"

namespace crema::dataset {

template <class Aggregators>
struct States;
template <class... Aggregators>
struct States<std::tuple<Aggregators...>> {
  using type = std::tuple<state_of<Aggregators>...>;
  static type init(const std::tuple<Aggregators...>& aggregators) {
    return std::apply([](const auto&... one) { return type{one.init()...}; }, aggregators);
  }
};

template <class Aggregators>
void encode_aggregators(ByteBuffer& out, const Aggregators& aggregators) {
  std::apply([&out](const auto&... one) { (encode_aggregator(out, one), ...); }, aggregators);
}
template <class... Aggregators>
std::tuple<Aggregators...> decode_aggregators(ByteReader& reader, std::tuple<Aggregators...>*) {
  return std::tuple<Aggregators...>{decode_aggregator<Aggregators>(reader)...};
}

/// At the beginning of a whole kept block: moves on to what its last step made. Returns how many parts that has.
std::uint64_t enter_block(ByteReader& reader);

/// The groups of a block summed up, dealt by their keys. Arguments: the aggregators, into how many parts.
template <class T, class Aggregators, auto... keys>
struct DealGroups {
  using Key = typename Keys<T, keys...>::type;
  using State = typename States<Aggregators>::type;
  using Group = std::pair<Key, State>;
  static constexpr auto each = std::make_index_sequence<std::tuple_size_v<Aggregators>>{};

  static Bytes body(void* subject, ByteReader& arguments) {
    Rows& rows = rows_of(subject);
    const Aggregators aggregators = decode_aggregators(arguments, static_cast<Aggregators*>(nullptr));
    const auto parts = arguments.get<std::uint64_t>();
    KeyNumbers<Key> numbers;
    std::vector<Group> groups;
    for (auto&& item : rows.read<T>()) {
      const T& row = item;
      const std::size_t number = numbers.number(Keys<T, keys...>::view(row));
      if (number == groups.size())
        groups.emplace_back(Keys<T, keys...>::of(row), States<Aggregators>::init(aggregators));
      add(aggregators, groups[number].second, row, each);
    }
    deal(rows, numbers, std::move(groups), parts);
    return {};
  }
  static void deal(Rows& rows, KeyNumbers<Key>& numbers, std::vector<Group> groups, std::uint64_t parts) {
    std::vector<std::vector<Group>> pieces(parts);
    for (Group& group : groups) pieces[numbers.hash(group.first) % parts].push_back(std::move(group));
    write_pieces(rows, std::move(pieces));
  }

 private:
  template <std::size_t... I>
  static void add(const Aggregators& aggregators, State& state, const T& row, std::index_sequence<I...>) {
    (std::get<I>(aggregators).add(std::get<I>(state), row), ...);
  }
};

/// The groups of several blocks, their states merged in the order of the blocks.
template <class T, class Aggregators, auto... keys>
struct MergedGroups {
  using Deal = DealGroups<T, Aggregators, keys...>;
  using Group = typename Deal::Group;

  KeyNumbers<typename Deal::Key> numbers{};
  std::vector<Group> groups{};

  /// How many blocks, then each: whole, or a part of it.
  void read(const Aggregators& aggregators, ByteReader& arguments, bool whole) {
    for (auto blocks = arguments.get<std::uint64_t>(); blocks > 0; --blocks) {
      for (std::uint64_t pieces = whole ? enter_block(arguments) : 1; pieces > 0; --pieces) {
        for (Group& group : decode<std::vector<Group>>(arguments)) {
          const std::size_t number = numbers.number(group.first);
          if (number == groups.size()) {
            groups.push_back(std::move(group));
          } else {
            merge(aggregators, groups[number].second, group.second, Deal::each);
          }
        }
      }
    }
  }

 private:
  template <std::size_t... I>
  static void merge(const Aggregators& aggregators, typename Deal::State& state, const typename Deal::State& later,
                    std::index_sequence<I...>) {
    (std::get<I>(aggregators).merge(std::get<I>(state), std::get<I>(later)), ...);
  }
};

/// Several blocks of DealGroups as one. Arguments: the aggregators, into how many parts, how many whole blocks; these.
template <class T, class Aggregators, auto... keys>
struct MergeGroups {
  static Bytes body(void* subject, ByteReader& arguments) {
    const Aggregators aggregators = decode_aggregators(arguments, static_cast<Aggregators*>(nullptr));
    const auto parts = arguments.get<std::uint64_t>();
    MergedGroups<T, Aggregators, keys...> merged;
    merged.read(aggregators, arguments, true);
    DealGroups<T, Aggregators, keys...>::deal(rows_of(subject), merged.numbers, std::move(merged.groups), parts);
    return {};
  }
};

/// One row of a group: its keys, then what each aggregator gives. Arguments: the aggregators; whether what follows are
/// whole blocks (8 bits), or else a part of each; how many; these.
template <class Row, class T, class Aggregators, auto... keys>
struct LoadGroups {
  using Deal = DealGroups<T, Aggregators, keys...>;
  using Key = typename Deal::Key;
  using Group = typename Deal::Group;

  static Bytes body(void* subject, ByteReader& arguments) {
    const Aggregators aggregators = decode_aggregators(arguments, static_cast<Aggregators*>(nullptr));
    const bool whole = arguments.get<std::uint8_t>() != 0;
    MergedGroups<T, Aggregators, keys...> merged;
    merged.read(aggregators, arguments, whole);
    const std::vector<Group>& groups = merged.groups;
    std::vector<Row> rows;
    rows.reserve(groups.size());
    for (const Group& group : groups)
      rows.push_back(row_of(aggregators, group, std::make_index_sequence<std::tuple_size_v<Key>>{}, Deal::each));
    rows_of(subject).assign(std::move(rows));
    return {};
  }

  template <std::size_t... K, std::size_t... I>
  static auto row_of(const Aggregators& aggregators, const Group& group, std::index_sequence<K...>,
                     std::index_sequence<I...>)
      -> decltype(Row{std::get<K>(group.first)..., std::get<I>(aggregators).finish(std::get<I>(group.second))...}) {
    return Row{std::get<K>(group.first)..., std::get<I>(aggregators).finish(std::get<I>(group.second))...};
  }
  /// Whether a row can be made so.
  template <class Result = Row>
  static consteval bool makes_row() {
    return requires(const Aggregators& aggregators, const Group& group) {
      row_of(aggregators, group, std::make_index_sequence<std::tuple_size_v<Key>>{}, Deal::each);
    };
  }
};

/// The rows of a part by their keys, groups in the order in which they begin.
template <class T, auto... keys>
std::vector<std::vector<T>> groups_of(std::vector<T> rows) {
  KeyNumbers<typename Keys<T, keys...>::type> numbers;
  std::vector<std::vector<T>> groups;
  for (auto&& item : rows) {
    const T& row = item;
    const std::size_t number = numbers.number(Keys<T, keys...>::view(row));
    if (number == groups.size()) groups.emplace_back();
    groups[number].push_back(std::move(item));
  }
  return groups;
}

/// Arguments: the extra ones, the pieces.
template <class T, auto function, auto... keys>
struct LoadMappedGroups {
  using Call = RowFunction<std::span<const T>, function>;
  static constexpr bool makes_many =
      std::ranges::range<typename Call::result> && !std::is_same_v<typename Call::result, std::string>;
  static auto row_type() {
    if constexpr (makes_many) {
      return std::type_identity<std::ranges::range_value_t<typename Call::result>>{};
    } else {
      return std::type_identity<typename Call::result>{};
    }
  }
  using Row = typename decltype(row_type())::type;

  static Bytes body(void* subject, ByteReader& arguments) {
    auto extra = Call::extra::decode_all(arguments);
    std::vector<Row> rows;
    for (const std::vector<T>& group : groups_of<T, keys...>(read_pieces<T>(arguments))) {
      auto&& made = Call::extra::call(std::span<const T>{group}, extra);
      if constexpr (makes_many) {
        for (auto&& row : made) rows.push_back(std::move(row));
      } else {
        rows.push_back(std::forward<decltype(made)>(made));
      }
    }
    rows_of(subject).assign(std::move(rows));
    return {};
  }
};

/// Arguments: the pieces of the left rows, then of the right ones. Pairs come in the order of the left rows, and for
/// each in that of the right ones; with `all_left` a left row without a match comes alone.
template <class T, class U, bool all_left, class LeftKeys, class RightKeys>
struct LoadJoined {
  using Right = std::conditional_t<all_left, std::optional<U>, U>;
  static Bytes body(void* subject, ByteReader& pieces) {
    auto left = read_pieces<T>(pieces);
    auto right = read_pieces<U>(pieces);
    KeyNumbers<typename LeftKeys::type> numbers;
    std::vector<std::vector<std::size_t>> matches;
    for (std::size_t i = 0; i < right.size(); ++i) {
      const U& row = right[i];
      const std::size_t number = numbers.number(RightKeys::view(row));
      if (number == matches.size()) matches.emplace_back();
      matches[number].push_back(i);
    }
    std::vector<std::pair<T, Right>> rows;
    for (auto&& item : left) {
      const T& row = item;
      const auto number = numbers.find(LeftKeys::view(row));
      if (number) {
        for (const std::size_t match : matches[*number]) rows.emplace_back(row, right[match]);
      } else if constexpr (all_left) {
        rows.emplace_back(std::move(item), std::nullopt);
      }
    }
    rows_of(subject).assign(std::move(rows));
    return {};
  }
};

/// Keys for both sides of a join: each one takes a row of either, or the first half is for the left rows and the second
/// half for the right ones.
template <class T, class U, auto... keys>
struct JoinKeys {
  static constexpr bool shared =
      ((std::is_invocable_v<decltype(keys), const T&> && std::is_invocable_v<decltype(keys), const U&>)&&...);
  static consteval bool check() {
    constexpr bool count = sizeof...(keys) > 0 || std::is_same_v<T, U>;
    constexpr bool fit = shared || fits();
    static_assert(count && fit,
                  "crema: the keys of a join must each take a row of both datasets, or the first half of them a row of "
                  "the left one and the second half, in the same order, a row of the right one");
    if constexpr (count && fit) {
      constexpr bool same =
          std::is_same_v<typename decltype(left())::type::type, typename decltype(right())::type::type>;
      static_assert(
          same, "crema: the keys of the two sides of a join have different types: use a function that converts one");
      return same;
    } else {
      return false;
    }
  }

  template <class Row, std::size_t first, std::size_t... I>
  static auto half(std::index_sequence<I...>) -> Keys<Row, std::get<first + I>(std::tuple{keys...})...>;
  static consteval bool fits() {
    if constexpr (sizeof...(keys) % 2 != 0) {
      return false;
    } else {
      constexpr std::size_t count = sizeof...(keys) / 2;
      bool all = true;
      std::size_t place = 0;
      ((all = all && (place++ < count ? std::is_invocable_v<decltype(keys), const T&>
                                      : std::is_invocable_v<decltype(keys), const U&>)),
       ...);
      return all;
    }
  }
  static auto left() {
    if constexpr (shared) {
      return std::type_identity<Keys<T, keys...>>{};
    } else {
      return std::type_identity<decltype(half<T, 0>(std::make_index_sequence<sizeof...(keys) / 2>{}))>{};
    }
  }
  static auto right() {
    if constexpr (shared) {
      return std::type_identity<Keys<U, keys...>>{};
    } else {
      constexpr std::size_t count = sizeof...(keys) / 2;
      return std::type_identity<decltype(half<U, count>(std::make_index_sequence<count>{}))>{};
    }
  }
};

/// Rows that are dealt by what `RowKeys` gives of them. Argument: parts.
template <class T, class RowKeys>
struct DealByKeys {
  static Bytes body(void* subject, ByteReader& arguments) {
    Rows& rows = rows_of(subject);
    const auto parts = arguments.get<std::uint64_t>();
    KeyNumbers<typename RowKeys::type> numbers;
    std::vector<std::uint32_t> part_of_row;
    part_of_row.reserve(rows.size());
    for (auto&& item : rows.read<T>()) {
      const T& row = item;
      part_of_row.push_back(static_cast<std::uint32_t>(numbers.hash(RowKeys::view(row)) % parts));
    }
    write_dealt<T>(rows, part_of_row, parts);
    return {};
  }
};

}  // namespace crema::dataset
