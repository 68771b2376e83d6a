#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>

#include "crema/bytes.hpp"
#include "crema/ids.hpp"

namespace crema {

/// Code that a rank can run for another: decodes its arguments, runs, encodes its result. `subject` is what it works
/// on: nothing for a task, the object for an actor's method, the place of the new object for a constructor, the block
/// for a dataset's step.
using FunctionBody = Bytes (*)(void* subject, ByteReader& arguments);

/// What is known of a function besides its body.
struct FunctionTraits {
  bool yields_future = false;  ///< the result is a future, and stands for that future's value
  bool is_const = false;       ///< a method that leaves its object as it was
  /// Of a constructor, and nullptr where the class does not describe its state: gives an object's state, and gives an
  /// object that state.
  Bytes (*save)(const void* object) = nullptr;
  void (*load)(void* object, ByteReader& state) = nullptr;
};

struct RegisteredFunction {
  FunctionBody body = nullptr;
  std::string mangled;  ///< what the ranks compare; equal names may occur (one helper in each of two files)
  FunctionTraits traits{};
  std::string name;  ///< for people: demangled, without template wrapping and parameters
};

/// All functions that may run remotely, registered before main by static members of templates, in the same order on
/// every rank of one executable. Thread safety: read-only once main has begun.
class FunctionRegistry {
 public:
  static FunctionId add(const std::type_info& wrapper, FunctionBody body, const FunctionTraits& traits);
  /// Throws Error for an id that is not registered: a damaged message or another build.
  static const RegisteredFunction& at(FunctionId id);
  static std::span<const RegisteredFunction> all();
  /// Of the ordered mangled names: equal on all ranks that run the same build.
  static Digest digest();
};

/// "Order", "make_drink", …: the readable form of a type's or function's mangled name.
std::string demangle(const char* mangled);
/// RegisteredFunction::name of a wrapper, registered or not.
std::string function_name(const std::type_info& wrapper);

namespace detail {

template <class Wrapper>
constexpr FunctionTraits traits_of() {
  FunctionTraits traits;
  traits.yields_future = requires { requires Wrapper::yields_future; };
  traits.is_const = requires { requires Wrapper::is_const; };
  if constexpr (requires { requires Wrapper::describes_state; }) {
    traits.save = &Wrapper::save;
    traits.load = &Wrapper::load;
  }
  return traits;
}

/// `Wrapper::body` becomes callable on every rank: naming `registered_id<Wrapper>` anywhere registers it before main.
template <class Wrapper>
inline const FunctionId registered_id = FunctionRegistry::add(typeid(Wrapper), &Wrapper::body, traits_of<Wrapper>());

}  // namespace detail
}  // namespace crema
