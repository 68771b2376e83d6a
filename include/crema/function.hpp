#pragma once

// The typed skin over FunctionRegistry: turns functions, lambdas, constructors and methods into registered bodies, and
// their arguments into bytes.

#include <memory>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/archive.hpp"
#include "crema/errors.hpp"
#include "crema/future.hpp"
#include "crema/registry.hpp"

namespace crema {

/// Picks one of several overloads: remote<overload<double(double)>(std::sin)>(x).
template <class Signature>
constexpr Signature* overload(Signature* function) {
  return function;
}

namespace detail {

/// How a parameter is held between decoding and the call: by value, a span by its vector.
template <class Parameter>
struct Held {
  using type = std::remove_cvref_t<Parameter>;
};
template <class T>
struct Held<std::span<const T>> {
  using type = std::vector<T>;
};
template <class Parameter>
using held_t = typename Held<std::remove_cv_t<std::remove_reference_t<Parameter>>>::type;

template <class R, class Class, bool Const, class... Parameters>
struct Signature {
  using result = R;
  using object = Class;
  static constexpr bool is_const = Const;
  static constexpr std::size_t arity = sizeof...(Parameters);
  using parameters = std::tuple<Parameters...>;
  using held = std::tuple<held_t<Parameters>...>;

  static_assert(
      ((!std::is_lvalue_reference_v<Parameters> || std::is_const_v<std::remove_reference_t<Parameters>>)&&...),
      "crema: a remote function cannot take a non-const reference: it gets a copy, so take the parameter by value "
      "or by const& and return what changed");
};

template <class F>
struct SignatureOf {
  static_assert(
      !sizeof(F),
      "crema: only functions, captureless lambdas that are not generic, and member functions can run remotely");
};
template <class R, class... P>
struct SignatureOf<R (*)(P...)> : Signature<R, void, false, P...> {};
template <class R, class... P>
struct SignatureOf<R (*)(P...) noexcept> : Signature<R, void, false, P...> {};
template <class R, class C, class... P>
struct SignatureOf<R (C::*)(P...)> : Signature<R, C, false, P...> {};
template <class R, class C, class... P>
struct SignatureOf<R (C::*)(P...) noexcept> : Signature<R, C, false, P...> {};
template <class R, class C, class... P>
struct SignatureOf<R (C::*)(P...) const> : Signature<R, C, true, P...> {};
template <class R, class C, class... P>
struct SignatureOf<R (C::*)(P...) const noexcept> : Signature<R, C, true, P...> {};

template <class F>
concept Closure = std::is_class_v<F> && requires {
  &F::operator();
};

template <class L>
constexpr void require_captureless() {
  static_assert(std::is_empty_v<L> && std::is_default_constructible_v<L>,
                "crema: a lambda that captures cannot run on another rank: pass what it captures as arguments");
}

/// The signature of a function pointer, member function pointer or lambda type.
template <class F, bool = Closure<F>>
struct SignatureFor : SignatureOf<F> {};
template <class F>
struct SignatureFor<F, true> : SignatureOf<decltype(&F::operator())> {};

template <class Held>
Held decode_argument(ByteReader& reader) {
  return decode<Held>(reader);
}

/// Decodes arguments in order. Braces fix the order of evaluation.
template <class Tuple>
struct ArgumentDecoder;
template <class... Helds>
struct ArgumentDecoder<std::tuple<Helds...>> {
  static std::tuple<Helds...> decode_all([[maybe_unused]] ByteReader& reader) {
    return std::tuple<Helds...>{decode_argument<Helds>(reader)...};
  }
};

/// Runs `call` with the decoded arguments and encodes what it returns.
template <class Signature, class Call>
Bytes run_encoded(ByteReader& arguments, Call&& call) {
  using R = std::remove_cvref_t<typename Signature::result>;
  auto values = ArgumentDecoder<typename Signature::held>::decode_all(arguments);
  auto apply = [&]<class... Parameters>(std::tuple<Parameters...>*) -> decltype(auto) {
    return std::apply(
        [&](auto&... held) -> decltype(auto) { return call(static_cast<Parameters>(std::move(held))...); }, values);
  };
  auto* types = static_cast<typename Signature::parameters*>(nullptr);
  if constexpr (std::is_void_v<R>) {
    apply(types);
    return {};
  } else {
    static_assert(is_serializable<R>,
                  "crema: a remote function's result must be serializable: give its type a serialize member, or return "
                  "something else");
    ByteBuffer out;
    encode<R>(out, apply(types));
    return Bytes{std::move(out)};
  }
}

/// What a function's future holds: its result, or what the future it returns holds.
template <class R>
struct FutureOf {
  using type = Future<R>;
};
template <class T>
struct FutureOf<Future<T>> {
  using type = Future<T>;
};
template <class Signature>
using future_of = typename FutureOf<std::remove_cvref_t<typename Signature::result>>::type;
template <class Signature>
inline constexpr bool returns_future = is_future<std::remove_cvref_t<typename Signature::result>>;

template <auto function>
struct TaskFunction {
  using signature = SignatureFor<std::remove_cv_t<decltype(function)>>;
  static constexpr bool yields_future = returns_future<signature>;
  static Bytes body(void*, ByteReader& arguments) {
    return run_encoded<signature>(arguments, [](auto&&... values) -> decltype(auto) {
      return function(std::forward<decltype(values)>(values)...);
    });
  }
};

template <class Lambda>
struct LambdaFunction {
  using signature = SignatureFor<Lambda>;
  static constexpr bool yields_future = returns_future<signature>;
  static Bytes body(void*, ByteReader& arguments) {
    return run_encoded<signature>(arguments, [](auto&&... values) -> decltype(auto) {
      return Lambda{}(std::forward<decltype(values)>(values)...);
    });
  }
};

template <auto method, class A>
struct MethodFunction {
  using signature = SignatureFor<decltype(method)>;
  static constexpr bool yields_future = returns_future<signature>;
  static constexpr bool is_const = signature::is_const;
  static Bytes body(void* subject, ByteReader& arguments) {
    A& object = *static_cast<A*>(subject);
    return run_encoded<signature>(arguments, [&object](auto&&... values) -> decltype(auto) {
      return (object.*method)(std::forward<decltype(values)>(values)...);
    });
  }
};

/// `subject` is a std::shared_ptr<void> that gets the new object.
template <class A, class... Helds>
struct ConstructorFunction {
  static Bytes body(void* subject, ByteReader& arguments) {
    auto values = ArgumentDecoder<std::tuple<Helds...>>::decode_all(arguments);
    *static_cast<std::shared_ptr<void>*>(subject) =
        std::apply([](auto&... held) { return std::make_shared<A>(std::move(held)...); }, values);
    return {};
  }

  /// So that a state can be kept instead of all calls that led to it.
  static constexpr bool describes_state = has_serialize<A>();
  static Bytes save(const void* object) {
    ByteBuffer out;
    encode(out, *static_cast<const A*>(object));
    return Bytes{std::move(out)};
  }
  static void load(void* object, ByteReader& state) { decode(state, *static_cast<A*>(object)); }
};

/// How an argument meets its parameter: a value; a future whose value it takes; futures whose values it takes.
enum class Passing { value, future_value, future_values, nothing };

template <class Held, class Given>
struct PassingOf {
  static constexpr Passing value = std::is_convertible_v<Given, Held> ? Passing::value : Passing::nothing;
};
template <class Held, class T>
struct PassingOf<Held, Future<T>> {
  static constexpr Passing value = std::is_same_v<Held, Future<T>> ? Passing::value
                                   : std::is_same_v<Held, T>       ? Passing::future_value
                                                                   : Passing::nothing;
};
template <class T, class U>
struct PassingOf<std::vector<T>, std::vector<Future<U>>> {
  static constexpr Passing value = std::is_same_v<T, Future<U>> ? Passing::value
                                   : std::is_same_v<T, U>       ? Passing::future_values
                                                                : Passing::nothing;
};
template <class Held, class Argument>
inline constexpr Passing passing = PassingOf<Held, std::remove_cvref_t<Argument>>::value;

/// What a constructor gets for an argument where it does not take futures.
template <class T>
struct ValueOf {
  using type = T;
};
template <class T>
struct ValueOf<Future<T>> {
  using type = T;
};
template <class T>
struct ValueOf<std::vector<Future<T>>> {
  using type = std::vector<T>;
};

/// Whether an argument fits its parameter; says in one sentence why not.
template <class Held, class Argument>
consteval bool check_argument() {
  constexpr bool given_future = is_future<std::remove_cvref_t<Argument>>;
  constexpr bool fits = passing<Held, Argument> != Passing::nothing;
  constexpr bool travels = !fits || is_serializable<Held>;
  constexpr bool packed = passing<Held, Argument> == Passing::future_values && std::is_same_v<Held, std::vector<bool>>;
  static_assert(!packed, "crema: futures of bool cannot be passed as std::vector<bool>: take std::vector<char>");
  static_assert(fits || !given_future,
                "crema: a future's value type is not the function's parameter type: the types must be the same, or the "
                "parameter the future itself");
  static_assert(fits || given_future,
                "crema: an argument does not convert to the function's parameter: compare the types of the call with "
                "the function's declaration");
  static_assert(
      travels,
      "crema: an argument's type cannot be sent to another rank: give it a serialize member, or pass its parts");
  return fits && travels && !packed;
}

/// Encodes the arguments of one call, one after the other.
class ArgumentWriter {
 public:
  template <class Held, class Argument>
  void write(Argument&& argument) {
    if constexpr (check_argument<Held, Argument>()) {
      if constexpr (passing<Held, Argument> == Passing::future_value) {
        add_input(argument.handle());
      } else if constexpr (passing<Held, Argument> == Passing::future_values) {
        out_.put<std::uint64_t>(argument.size());  // as the vector's own encoding begins
        for (const auto& future : argument) add_input(future.handle());
      } else if constexpr (std::is_same_v<std::remove_cvref_t<Argument>, Held>) {
        encode<Held>(out_, argument);
      } else {
        encode<Held>(out_, static_cast<Held>(std::forward<Argument>(argument)));
      }
    }
  }
  /// Call once.
  [[nodiscard]] Arguments take() {
    return {Bytes{std::move(out_)}, std::move(inputs_), carried_.ids(), carried_.mentions()};
  }

 private:
  void add_input(const FutureHandle& future) {
    if (future.id() == TaskId{}) throw UsageError{"passing an empty future to a task: assign it from remote() first"};
    inputs_.push_back({out_.size(), future.id(), future.key()});
  }

  CarriedFutures carried_;
  ByteBuffer out_;
  std::vector<Input> inputs_;
};

/// Encodes a call's arguments as the function's parameters; `First` leading parameters are supplied by somebody else
/// (the row of a dataset's function).
template <class Signature, std::size_t First = 0, class... Given>
Arguments encode_arguments(Given&&... arguments) {
  constexpr bool count_fits = sizeof...(Given) + First == Signature::arity;
  static_assert(count_fits, "crema: the number of arguments differs from the number of the function's parameters");
  ArgumentWriter writer;
  if constexpr (count_fits) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (writer.template write<std::tuple_element_t<First + I, typename Signature::held>>(std::forward<Given>(arguments)),
       ...);
    }
    (std::index_sequence_for<Given...>{});
  }
  return writer.take();
}

}  // namespace detail
}  // namespace crema
