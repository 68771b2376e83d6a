#pragma once

#include <array>
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

struct RegisteredFunction {
  FunctionBody body = nullptr;
  std::string mangled;         ///< what the ranks compare; equal names may occur (one helper in each of two files)
  bool yields_future = false;  ///< the result is a future, and stands for that future's value
  std::string name;            ///< for people: demangled, without template wrapping and parameters
};

/// All functions that may run remotely, registered before main by static members of templates, in the same order on
/// every rank of one executable. Thread safety: read-only once main has begun.
class FunctionRegistry {
 public:
  /// 128 bits over the ordered mangled names: equal on all ranks that run the same build.
  using Digest = std::array<std::uint64_t, 2>;

  static FunctionId add(const std::type_info& wrapper, FunctionBody body, bool yields_future);
  /// Throws Error for an id that is not registered: a damaged message or another build.
  static const RegisteredFunction& at(FunctionId id);
  static std::span<const RegisteredFunction> all();
  static Digest digest();
};

/// "Order", "make_drink", …: the readable form of a type's or function's mangled name.
std::string demangle(const char* mangled);
/// RegisteredFunction::name of a wrapper, registered or not.
std::string function_name(const std::type_info& wrapper);

namespace detail {

/// `Wrapper::body` becomes callable on every rank: naming `registered_id<Wrapper>` anywhere registers it before main.
template <class Wrapper>
inline const FunctionId registered_id = FunctionRegistry::add(
    typeid(Wrapper), &Wrapper::body, requires { requires Wrapper::yields_future; });

}  // namespace detail
}  // namespace crema
