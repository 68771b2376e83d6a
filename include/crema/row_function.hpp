#pragma once

#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "crema/function.hpp"

namespace crema::dataset {

/// A user's function `result(row, extra...)`.
template <class T, auto function>
struct RowFunction {
  using signature = crema::detail::SignatureFor<std::remove_cv_t<decltype(function)>>;
  using result = std::remove_cvref_t<typename signature::result>;
  using parameters = typename signature::parameters;

  // Whether the function can do this for a dataset; each says in one sentence why not.
  static consteval bool takes_row() {
    constexpr bool fits = [] {
      if constexpr (signature::arity == 0) {
        return false;
      } else {
        return std::is_convertible_v<T, std::tuple_element_t<0, parameters>>;
      }
    }();
    static_assert(fits,
                  "crema: the first parameter of a dataset's function must take the dataset's row: compare it with the "
                  "row type");
    return fits;
  }
  static consteval bool makes_row() {
    constexpr bool fits = !std::is_void_v<result>;
    static_assert(
        fits, "crema: the function given to map must return the new row; to run something for its effect use remote");
    return fits;
  }
  static consteval bool makes_rows() {
    constexpr bool fits = std::ranges::range<result>;
    static_assert(fits,
                  "crema: the function given to flat_map or map_batches must return a container of new rows, as a "
                  "std::vector");
    return fits;
  }
  static consteval bool decides() {
    constexpr bool fits = std::is_convertible_v<result, bool>;
    static_assert(fits, "crema: the function given to filter must return bool: whether to keep the row");
    return fits;
  }

  template <class Tuple>
  struct Extra;
  template <class First, class... Rest>
  struct Extra<std::tuple<First, Rest...>> {
    using held = std::tuple<crema::detail::held_t<Rest>...>;
    static held decode_all(ByteReader& reader) { return crema::detail::ArgumentDecoder<held>::decode_all(reader); }
    template <class Row>
    static decltype(auto) call(Row&& row, held& extra) {
      return std::apply(
          [&](auto&... value) -> decltype(auto) {
            return function(static_cast<First>(std::forward<Row>(row)), static_cast<Rest>(value)...);
          },
          extra);
    }
  };
  using extra = Extra<parameters>;

  static std::string name() {
    using Function = std::remove_cv_t<decltype(function)>;
    if constexpr (std::is_class_v<Function>)
      return function_name(typeid(crema::detail::LambdaFunction<Function>));
    else
      return function_name(typeid(crema::detail::TaskFunction<function>));
  }
};

}  // namespace crema::dataset
