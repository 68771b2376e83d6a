#pragma once

// The typed steps of datasets: each is a registered function on the rows of one block.

#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/dataset_plan.hpp"
#include "crema/errors.hpp"
#include "crema/row_function.hpp"

namespace crema::dataset {

inline Rows& rows_of(void* subject) { return *static_cast<Rows*>(subject); }

template <class T, auto function>
struct Map {
  static Bytes body(void* subject, ByteReader& arguments) {
    using Call = RowFunction<T, function>;
    auto extra = Call::extra::decode_all(arguments);
    std::vector<T>& rows = rows_of(subject).template as<T>();
    std::vector<typename Call::result> mapped;
    mapped.reserve(rows.size());
    for (auto&& row : rows) mapped.push_back(Call::extra::call(std::move(row), extra));
    rows_of(subject).assign(std::move(mapped));
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

template <class T>
struct Collect {
  static Bytes body(void* subject, ByteReader&) {
    ByteBuffer out;
    encode(out, rows_of(subject).template as<T>());
    return Bytes{std::move(out)};
  }
};

template <class T>
struct Count {
  static Bytes body(void* subject, ByteReader&) {
    ByteBuffer out;
    out.put<std::uint64_t>(rows_of(subject).template as<T>().size());
    return Bytes{std::move(out)};
  }
};

template <class Number>
using widened_t =
    std::conditional_t<std::is_same_v<Number, long double>, long double,
                       std::conditional_t<std::is_floating_point_v<Number>, double,
                                          std::conditional_t<std::is_signed_v<Number>, std::int64_t, std::uint64_t>>>;

[[noreturn]] void fail_sum();

template <class Total>
void add(Total& total, Total value) {
  if constexpr (std::is_integral_v<Total>) {
    if (__builtin_add_overflow(total, value, &total)) fail_sum();
  } else {
    total += value;
  }
}

template <class T, auto key>
struct Sum {
  using Number = std::remove_cvref_t<std::invoke_result_t<decltype(key), const T&>>;
  using Total = widened_t<Number>;

  static Bytes body(void* subject, ByteReader&) {
    Total total{};
    for (auto&& row : rows_of(subject).template as<T>()) {
      add(total, static_cast<Total>(std::invoke(key, static_cast<const T&>(row))));
    }
    ByteBuffer out;
    out.put(total);
    return Bytes{std::move(out)};
  }
};

template <class Wrapper>
Step step(std::string name, Bytes arguments = {}) {
  return {crema::detail::registered_id<Wrapper>, std::move(arguments), std::move(name)};
}

}  // namespace crema::dataset
