#pragma once

// What a group of rows is summed up by. An aggregator is a class with
//
//     State init() const;                          the state of no rows; State must be serializable
//     void add(State& state, const Row& row) const;
//     void merge(State& state, const State& later) const;   of rows that come behind
//     Result finish(const State& state) const;
//
// and, where it has members, with `serialize`. States are made block by block, in the order of the rows, and merged in
// the order of the blocks, so the same rows give the same bits on any number of ranks.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/archive.hpp"
#include "crema/dataset_keys.hpp"
#include "crema/errors.hpp"

namespace crema {

namespace dataset {

template <class Number>
using widened_t =
    std::conditional_t<std::is_same_v<Number, long double>, long double,
                       std::conditional_t<std::is_floating_point_v<Number>, double,
                                          std::conditional_t<std::is_signed_v<Number>, std::int64_t, std::uint64_t>>>;

[[noreturn]] void fail_sum();

template <class Total>
void add_to(Total& total, Total value) {
  if constexpr (std::is_integral_v<Total>) {
    if (__builtin_add_overflow(total, value, &total)) fail_sum();
  } else {
    total += value;
  }
}

template <class V>
struct Optional {
  using value = V;
  static constexpr bool is = false;
  static const V* get(const V& held) { return &held; }
};
template <class V>
struct Optional<std::optional<V>> {
  using value = V;
  static constexpr bool is = true;
  static const V* get(const std::optional<V>& held) { return held ? &*held : nullptr; }
};

/// Calls `use` with what a key gives of a row; not where that is an optional without a value.
template <auto key, class T, class Use>
void with_key(const T& row, Use&& use) {
  if constexpr (check_key<T, key>()) {
    using Held = key_of<T, key>;
    const Held& held = std::invoke(key, row);
    if (const auto* value = Optional<Held>::get(held)) use(*value);
  }
}
template <class T, auto key>
using value_of = typename Optional<key_of<T, key>>::value;
/// An optional where the key is one: there may be no value among the rows.
template <class T, auto key, class Result>
using maybe = std::conditional_t<Optional<key_of<T, key>>::is, std::optional<Result>, Result>;

template <class T, auto key>
consteval bool check_number() {
  if constexpr (check_key<T, key>()) {
    constexpr bool fits = std::is_arithmetic_v<value_of<T, key>>;
    static_assert(fits, "crema: only numbers can be summed: name a key that is one, as in sum<&Order::price>()");
    return fits;
  } else {
    return false;
  }
}

// Aggregators of a row type; the functions below name them before the row type is known.

template <class T>
struct CountOf {
  std::uint64_t init() const { return 0; }
  void add(std::uint64_t& state, const T&) const { ++state; }
  void merge(std::uint64_t& state, std::uint64_t later) const { state += later; }
  std::uint64_t finish(std::uint64_t state) const { return state; }
};

template <class T, auto key>
struct SumOf {
  static_assert(check_number<T, key>());
  using State = widened_t<value_of<T, key>>;
  State init() const { return {}; }
  void add(State& state, const T& row) const {
    with_key<key>(row, [&state](const auto& value) { add_to(state, static_cast<State>(value)); });
  }
  void merge(State& state, State later) const { add_to(state, later); }
  State finish(State state) const { return state; }
};

template <class T, auto key, bool greatest>
struct ExtremeOf {
  using Value = value_of<T, key>;
  using State = std::optional<Value>;
  State init() const { return {}; }
  void add(State& state, const T& row) const {
    with_key<key>(row, [this, &state](const Value& value) { take(state, value); });
  }
  void merge(State& state, const State& later) const {
    if (later) take(state, *later);
  }
  maybe<T, key, Value> finish(const State& state) const {
    if constexpr (Optional<key_of<T, key>>::is) {
      return state;
    } else {
      return state.value();
    }
  }

 private:
  void take(State& state, const Value& value) const {
    // NaN comes last in the order of keys: it is the least of nothing, and the greatest of nothing else.
    if constexpr (std::is_floating_point_v<Value>) {
      if (std::isnan(value) && state) return;
      if (state && std::isnan(*state)) state.reset();
    }
    if (!state || (greatest ? compare(*state, value) < 0 : compare(value, *state) < 0)) state = value;
  }
};

struct Mean {
  std::uint64_t count = 0;
  double sum = 0;

  /// NaN of no values.
  [[nodiscard]] double value() const { return sum / static_cast<double>(count); }

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(count) & BOOST_SERIALIZATION_NVP(sum);
  }
};

template <class T, auto key>
struct MeanOf {
  static_assert(check_number<T, key>());
  Mean init() const { return {}; }
  void add(Mean& state, const T& row) const {
    with_key<key>(row, [&state](const auto& value) {
      ++state.count;
      state.sum += static_cast<double>(value);
    });
  }
  void merge(Mean& state, const Mean& later) const {
    state.count += later.count;
    state.sum += later.sum;
  }
  double finish(const Mean& state) const { return state.value(); }
};

/// Mean and sum of squared differences by Welford's method, merged as by Chan, Golub and LeVeque (Updating Formulae and
/// a Pairwise Algorithm for Computing Sample Variances. COMPSTAT 1982).
struct Moments {
  std::uint64_t count = 0;
  double mean = 0;
  double squares = 0;

  void add(double value) {
    const double difference = value - mean;
    mean += difference / static_cast<double>(++count);
    squares += difference * (value - mean);
  }
  void merge(const Moments& later);
  /// NaN of less than two values, as it divides by the count less one.
  [[nodiscard]] double deviation() const;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(count) & BOOST_SERIALIZATION_NVP(mean) & BOOST_SERIALIZATION_NVP(squares);
  }
};

template <class T, auto key>
struct DeviationOf {
  static_assert(check_number<T, key>());
  Moments init() const { return {}; }
  void add(Moments& state, const T& row) const {
    with_key<key>(row, [&state](const auto& value) { state.add(static_cast<double>(value)); });
  }
  void merge(Moments& state, const Moments& later) const { state.merge(later); }
  double finish(const Moments& state) const { return state.deviation(); }
};

/// Of sorted values; between two of them linearly, as numpy's default. NaN of none.
double quantile_of(std::vector<double> values, double fraction);

template <class T, auto key>
struct QuantileOf {
  static_assert(check_number<T, key>());
  using State = std::vector<double>;
  double fraction = 0.5;
  State init() const { return {}; }
  void add(State& state, const T& row) const {
    with_key<key>(row, [&state](const auto& value) { state.push_back(static_cast<double>(value)); });
  }
  void merge(State& state, const State& later) const { state.insert(state.end(), later.begin(), later.end()); }
  double finish(const State& state) const { return quantile_of(state, fraction); }

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(fraction);
  }
};

template <class T, auto key>
struct FirstOf {
  using Value = value_of<T, key>;
  using State = std::optional<Value>;
  State init() const { return {}; }
  void add(State& state, const T& row) const {
    if (state) return;
    with_key<key>(row, [&state](const Value& value) { state = value; });
  }
  void merge(State& state, const State& later) const {
    if (!state) state = later;
  }
  maybe<T, key, Value> finish(const State& state) const {
    if constexpr (Optional<key_of<T, key>>::is) {
      return state;
    } else {
      return state.value();
    }
  }
};

/// The aggregator for rows of type T that one names: a user's own is one itself.
template <class T, class Name>
auto aggregator_for(const Name& name) {
  if constexpr (requires { name.template over<T>(); }) {
    return name.template over<T>();
  } else {
    return name;
  }
}
template <class T, class Name>
using aggregator_of = decltype(aggregator_for<T>(std::declval<const Name&>()));
template <class Aggregator>
using state_of = std::remove_cvref_t<decltype(std::declval<const Aggregator&>().init())>;

template <class Aggregator>
void encode_aggregator(ByteBuffer& out, const Aggregator& aggregator) {
  if constexpr (!std::is_empty_v<Aggregator>) encode(out, aggregator);
}
template <class Aggregator>
Aggregator decode_aggregator(ByteReader& reader) {
  if constexpr (std::is_empty_v<Aggregator>) {
    return {};
  } else {
    return decode<Aggregator>(reader);
  }
}

}  // namespace dataset

// What .aggregate<Row>(…) takes besides aggregators of your own. A key is a member pointer, function or captureless
// lambda, and is left out for rows that are one value. Rows whose key is an optional without a value do not count.

namespace aggregator {
struct Count {
  template <class T>
  auto over() const {
    return dataset::CountOf<T>{};
  }
};
template <auto key>
struct Sum {
  template <class T>
  auto over() const {
    return dataset::SumOf<T, key>{};
  }
};
template <auto key, bool greatest>
struct Extreme {
  template <class T>
  auto over() const {
    return dataset::ExtremeOf<T, key, greatest>{};
  }
};
template <auto key>
struct Mean {
  template <class T>
  auto over() const {
    return dataset::MeanOf<T, key>{};
  }
};
template <auto key>
struct Deviation {
  template <class T>
  auto over() const {
    return dataset::DeviationOf<T, key>{};
  }
};
template <auto key>
struct Quantile {
  double fraction = 0.5;
  template <class T>
  auto over() const {
    return dataset::QuantileOf<T, key>{fraction};
  }
};
template <auto key>
struct First {
  template <class T>
  auto over() const {
    return dataset::FirstOf<T, key>{};
  }
};
}  // namespace aggregator

/// How many rows: std::uint64_t.
inline constexpr aggregator::Count count() { return {}; }
/// Integers are summed in 64 bits, and a sum beyond them is an error; floats as double.
template <auto key = std::identity{}>
constexpr aggregator::Sum<key> sum() {
  return {};
}
/// The least and greatest value; an optional where the key is one. NaN counts where there is nothing else.
template <auto key = std::identity{}>
constexpr aggregator::Extreme<key, false> min() {
  return {};
}
template <auto key = std::identity{}>
constexpr aggregator::Extreme<key, true> max() {
  return {};
}
/// double; NaN where no row has a value.
template <auto key = std::identity{}>
constexpr aggregator::Mean<key> mean() {
  return {};
}
/// The sample's standard deviation (it divides by the count less one): double; NaN of less than two values.
template <auto key = std::identity{}>
constexpr aggregator::Deviation<key> std_dev() {
  return {};
}
/// `fraction` from 0 to 1; between two values linearly, as numpy's default. A group's values are in memory together.
/// Throws UsageError for another fraction.
template <auto key = std::identity{}>
aggregator::Quantile<key> quantile(double fraction) {
  if (!(fraction >= 0 && fraction <= 1))
    throw UsageError{"aggregating the quantile " + std::to_string(fraction) + ": it must be between 0 and 1"};
  return {fraction};
}
/// Of the first row of the group that has a value.
template <auto key = std::identity{}>
constexpr aggregator::First<key> first() {
  return {};
}

}  // namespace crema
