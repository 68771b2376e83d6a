#include "crema/registry.hpp"

#include <cxxabi.h>
#include <xxhash.h>

#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "crema/errors.hpp"

namespace crema {
namespace {

std::vector<RegisteredFunction>& table() {
  static std::vector<RegisteredFunction> functions;
  return functions;
}

/// Where the first of a template's arguments ends.
std::size_t first_argument_end(std::string_view arguments) {
  constexpr std::string_view opening = "<({[";
  constexpr std::string_view closing = ">)}]";
  int depth = 0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (opening.find(arguments[i]) != std::string_view::npos) ++depth;
    if (closing.find(arguments[i]) != std::string_view::npos) --depth;
    if (arguments[i] == ',' && depth == 0) return i;
  }
  return arguments.size();
}

}  // namespace

std::string demangle(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name{abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                         &std::free};
  return status == 0 ? name.get() : mangled;
}

/// "crema::detail::TaskFunction<&(make_drink(Order const&))>" is "make_drink" to its user.
std::string function_name(const std::type_info& wrapper) {
  std::string name = demangle(wrapper.name());
  const std::size_t open = name.find('<');
  if (!name.starts_with("crema::") || open == std::string::npos || !name.ends_with('>')) return name;
  name = name.substr(open + 1, name.size() - open - 2);
  // A method is followed by the actor's class.
  if (name.starts_with('&')) name.resize(first_argument_end(name));
  if (name.starts_with("&(") && name.ends_with(')')) {
    name = name.substr(2, name.size() - 3);
  } else if (name.starts_with("(") && name.ends_with(")0")) {
    return name;
  } else if (name.starts_with('&')) {
    name.erase(0, 1);
  } else {
    return name;  // a type: a lambda or an actor's class
  }
  // Cut the parameter list: the last parenthesis at depth 0 of <> and ().
  if (name.ends_with(" const")) name.resize(name.size() - 6);
  if (!name.ends_with(')')) return name;
  int depth = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    if (name[i] == ')') ++depth;
    if (name[i] == '(' && --depth == 0) return name.substr(0, i);
  }
  return name;
}

FunctionId FunctionRegistry::add(const std::type_info& wrapper, FunctionBody body, const FunctionTraits& traits) {
  table().push_back({body, wrapper.name(), traits, function_name(wrapper)});
  return FunctionId{static_cast<std::uint32_t>(table().size() - 1)};
}

const RegisteredFunction& FunctionRegistry::at(FunctionId id) {
  if (id.number >= table().size()) {
    throw Error{"looking up function number " + std::to_string(id.number) + ": this program registers only " +
                std::to_string(table().size()) + "; the message is damaged or the ranks run different builds"};
  }
  return table()[id.number];
}

std::span<const RegisteredFunction> FunctionRegistry::all() { return table(); }

Digest FunctionRegistry::digest() {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state{XXH3_createState(), &XXH3_freeState};
  XXH3_128bits_reset(state.get());
  for (const RegisteredFunction& function : table())
    XXH3_128bits_update(state.get(), function.mangled.c_str(), function.mangled.size() + 1);
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return {hash.high64, hash.low64};
}

}  // namespace crema
