#pragma once

// The typed steps of datasets that look at one row after another: each is a registered function on the rows of one
// block.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/aggregators.hpp"
#include "crema/dataset_keys.hpp"
#include "crema/dataset_pieces.hpp"
#include "crema/dataset_plan.hpp"
#include "crema/errors.hpp"
#include "crema/future.hpp"
#include "crema/key_numbers.hpp"
#include "crema/large_pages.hpp"
#include "crema/random.hpp"
#include "crema/row_function.hpp"

namespace crema::dataset {

inline Rows& rows_of(void* subject) { return *static_cast<Rows*>(subject); }

template <class Wrapper>
Step step(std::string name, Arguments arguments = {}) {
  return {crema::detail::registered_id<Wrapper>, std::move(arguments), std::move(name), {}};
}
template <class Wrapper, class... Values>
Step step_with(std::string name, const Values&... values) {
  ByteBuffer out;
  (encode(out, values), ...);
  return step<Wrapper>(std::move(name), {.bytes = Bytes{std::move(out)}});
}

/// A step that calls a user's function with these extra arguments.
template <class Wrapper, class Call, class... Extra>
Step call_step(std::string name, Extra&&... extra) {
  // A plan may be used long after the futures and actors it was given have gone.
  const auto held = std::make_shared<std::tuple<std::decay_t<Extra>...>>(extra...);
  Step made = step<Wrapper>(
      std::move(name), crema::detail::encode_arguments<typename Call::signature, 1>(std::forward<Extra>(extra)...));
  if (!made.arguments.inputs.empty() || !made.arguments.carried.empty()) made.held = held;
  return made;
}

/// Throw UsageError for 0, and for what is not between 0 and 1.
void check_size(const char* operation, std::uint64_t size);
void check_fraction(const char* operation, double fraction);

template <class T, auto function>
struct Map {
  static Bytes body(void* subject, ByteReader& arguments) {
    using Call = RowFunction<T, function>;
    auto extra = Call::extra::decode_all(arguments);
    Rows& rows = rows_of(subject);
    auto mapped = Rows::fresh<typename Call::result>();
    crema::detail::reserve(mapped, rows.size());
    rows.take_each<T>([&](T&& row) { mapped.push_back(Call::extra::call(std::move(row), extra)); });
    rows.assign(std::move(mapped));
    return {};
  }
};

template <class T, auto function>
struct FlatMap {
  static Bytes body(void* subject, ByteReader& arguments) {
    using Call = RowFunction<T, function>;
    auto extra = Call::extra::decode_all(arguments);
    std::vector<std::ranges::range_value_t<typename Call::result>> mapped;
    Rows& rows = rows_of(subject);
    rows.take_each<T>([&](T&& row) {
      for (auto&& item : Call::extra::call(std::move(row), extra)) mapped.push_back(std::move(item));
    });
    rows.assign(std::move(mapped));
    return {};
  }
};

template <class T, auto function>
struct Filter {
  static Bytes body(void* subject, ByteReader& arguments) {
    using Call = RowFunction<T, function>;
    auto extra = Call::extra::decode_all(arguments);
    std::erase_if(rows_of(subject).template as<T>(), [&](const auto& row) { return !Call::extra::call(row, extra); });
    return {};
  }
};

/// The arguments are the most rows of a batch, and the extra ones.
template <class T, auto function>
struct MapBatches {
  static Bytes body(void* subject, ByteReader& arguments) {
    using Call = RowFunction<std::span<const T>, function>;
    const auto size = arguments.get<std::uint64_t>();
    auto extra = Call::extra::decode_all(arguments);
    const std::span<const T> rows = rows_of(subject).template read<T>();
    std::vector<typename Call::result::value_type> mapped;
    for (std::size_t begin = 0; begin < rows.size(); begin += size) {
      const std::span<const T> batch = rows.subspan(begin, std::min<std::size_t>(size, rows.size() - begin));
      auto made = Call::extra::call(batch, extra);
      std::move(made.begin(), made.end(), std::back_inserter(mapped));
    }
    rows_of(subject).assign(std::move(mapped));
    return {};
  }
};

template <class Value>
Value value_given(Value& value) {
  return std::move(value);
}
template <class Value>
Value value_given(Future<Value>& future) {
  return future.get();
}
template <class Value>
std::vector<Value> value_given(std::vector<Future<Value>>& futures) {
  std::vector<Value> values;
  for (Future<Value>& future : futures) values.push_back(future.get());
  return values;
}

/// Whether objects are made of these, or of the values of the futures among them.
template <class Object, class... Given>
inline constexpr bool is_made_of = std::is_constructible_v<Object, Given...> ||
                                   std::is_constructible_v<Object, typename crema::detail::ValueOf<Given>::type...>;

/// What a lane has made for steps of a kind, by what it was made of. A chain may have several such steps, so those that
/// a block or the one before it has used are kept.
template <class Object>
class ObjectsOfLane {
 public:
  /// `block`: how many the lane has begun.
  template <class Make>
  Object& find_or_make(std::uint64_t block, const Bytes& made_with, Make make) {
    std::erase_if(made_, [&](const Made& one) { return one.last_block + 1 < block; });
    auto found = std::ranges::find_if(
        made_, [&](const Made& one) { return std::ranges::equal(one.made_with.span(), made_with.span()); });
    if (found == made_.end()) {
      std::unique_ptr<Object> object = make();
      found = made_.insert(made_.end(), Made{made_with.compact(), std::move(object), block});
    }
    found->last_block = block;
    return *found->object;
  }

 private:
  struct Made {
    Bytes made_with;
    std::unique_ptr<Object> object;
    std::uint64_t last_block;
  };
  std::vector<Made> made_;
};

/// The arguments make the object, once on each lane. Futures travel as futures, so that a block waits for none of their
/// values but the lane that makes its object.
template <class T, class Object, class... Given>
struct MapWith {
  using Result = std::remove_cvref_t<std::invoke_result_t<Object&, T>>;

  static Step step(std::string name, const Given&... given) {
    crema::detail::ArgumentWriter writer;
    (writer.template write<Given>(given), ...);
    Arguments arguments = writer.take();
    const std::uint64_t size = arguments.bytes.size();
    const bool holds = !arguments.carried.empty();
    Step made = prefixed(size, dataset::step<MapWith>(std::move(name), std::move(arguments)));
    if (holds) made.held = std::make_shared<std::tuple<Given...>>(given...);
    return made;
  }

  static Bytes body(void* subject, ByteReader& arguments) {
    const Bytes made_with = decode<Bytes>(arguments);
    thread_local ObjectsOfLane<Object> objects;
    Object& object = objects.find_or_make(rows_of(subject).begun(), made_with, [&] {
      ByteReader reader{made_with};
      auto given = crema::detail::ArgumentDecoder<std::tuple<Given...>>::decode_all(reader);
      return std::apply(
          [](auto&... values) {
            if constexpr (std::is_constructible_v<Object, Given...>) {
              return std::make_unique<Object>(std::move(values)...);
            } else {
              return std::make_unique<Object>(value_given(values)...);
            }
          },
          given);
    });
    std::vector<Result> mapped;
    Rows& rows = rows_of(subject);
    rows.take_each<T>([&](T&& row) { mapped.push_back(object(std::move(row))); });
    rows.assign(std::move(mapped));
    return {};
  }
};

/// Keeps the first rows of each block: as many as the argument says.
template <class T>
struct Head {
  static Bytes body(void* subject, ByteReader& arguments) {
    const auto most = decode<std::uint64_t>(arguments);
    std::vector<T>& rows = rows_of(subject).template as<T>();
    if (rows.size() > most) rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(most), rows.end());
    return {};
  }
};

/// A generator of its own for each block, from a seed and what it is for.
Random random_of(const Rows& rows, std::uint64_t seed, std::uint64_t purpose);

/// Keeps each row with a probability. Arguments: the seed and that.
template <class T>
struct Sample {
  static Bytes body(void* subject, ByteReader& arguments) {
    const auto seed = decode<std::uint64_t>(arguments);
    const auto fraction = decode<double>(arguments);
    Random random = random_of(rows_of(subject), seed, 0);
    std::erase_if(rows_of(subject).template as<T>(), [&](const auto&) { return random.uniform() >= fraction; });
    return {};
  }
};

/// The arguments are the rows themselves.
template <class T>
struct LoadItems {
  static Bytes body(void* subject, ByteReader& items) {
    rows_of(subject).assign(decode<std::vector<T>>(items));
    return {};
  }
};

/// The arguments are the first number and the one behind the last.
struct LoadRange {
  static Bytes body(void* subject, ByteReader& bounds);
};

// The last steps of a block.

template <class T>
struct Collect {
  static Bytes body(void* subject, ByteReader&) {
    Rows& rows = rows_of(subject);
    rows.begin_parts(1);
    write_rows(rows.part(), rows.read<T>(), 0, rows.size());
    rows.end_part();
    return {};
  }
};

/// Nothing but the facts are wanted.
struct Count {
  static Bytes body(void* subject, ByteReader&) {
    rows_of(subject).begin_parts(1);
    rows_of(subject).end_part();
    return {};
  }
};

/// Adds up all rows of the block in the aggregator that is its argument.
template <class T, class Aggregator>
struct Aggregate {
  static Bytes body(void* subject, ByteReader& arguments) {
    Rows& rows = rows_of(subject);
    const auto aggregator = decode_aggregator<Aggregator>(arguments);
    auto state = aggregator.init();
    for (auto&& row : rows.read<T>()) aggregator.add(state, static_cast<const T&>(row));
    rows.make_part(state);
    return {};
  }
};

/// The different keys of the block, in the order in which they come.
template <class T, auto key>
struct Distinct {
  static Bytes body(void* subject, ByteReader&) {
    Rows& rows = rows_of(subject);
    KeyNumbers<std::tuple<key_of<T, key>>> known;
    std::vector<key_of<T, key>> distinct;
    for (auto&& item : rows.read<T>()) {
      const T& row = item;
      const auto view = Keys<T, key>::view(row);
      if (known.number(view) == distinct.size()) distinct.push_back(std::get<0>(view));
    }
    rows.make_part(distinct);
    return {};
  }
};

}  // namespace crema::dataset
