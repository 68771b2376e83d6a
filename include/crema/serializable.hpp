#pragma once

#include <boost/mpl/bool.hpp>
#include <boost/serialization/serialization.hpp>
#include <concepts>
#include <type_traits>

namespace crema::detail {

/// Stands for an archive where only overload resolution is asked; no function is ever called with one.
struct ProbeArchive {
  using is_saving = boost::mpl::true_;
  using is_loading = boost::mpl::false_;
};

struct NoOverload {};

/// More specialised than Boost's generic `serialize(Archive&, T&, unsigned)`, which calls the member, and ambiguous
/// with every overload somebody wrote for T: overload resolution yields NoOverload exactly when T has no free function.
template <class T>
NoOverload serialize(ProbeArchive&, T&, unsigned);

template <class T>
concept WithoutFreeSerialize = requires(ProbeArchive& archive, T& value,
                                        const boost::serialization::version_type& version) {
  { serialize(archive, value, version) } -> std::same_as<NoOverload>;
};

struct SerializeName {
  int serialize;
};

/// The name `serialize` is ambiguous in here when T has such a member. Lookup comes before access, so private ones
/// count.
template <class T>
struct SerializeNames : T, SerializeName {};

template <class T>
concept WithoutMemberSerialize = requires {
  &SerializeNames<T>::serialize;
};

/// Whether the class describes itself to Boost.Serialization: by a member `serialize`, public or private, its own or
/// inherited, or by a free function template in its own namespace or in boost::serialization. Nobody can derive from a
/// final class or a union: there only a public member counts. Does not look at the fields, so recursive types work.
template <class T>
consteval bool has_serialize() {
  if constexpr (!std::is_class_v<T> && !std::is_union_v<T>) {
    return false;
  } else if constexpr (!WithoutFreeSerialize<T>) {
    return true;
  } else if constexpr (std::is_union_v<T> || std::is_final_v<T>) {
    return requires(ProbeArchive & archive, T & value) { value.serialize(archive, 0U); };
  } else {
    return !WithoutMemberSerialize<T>;
  }
}

}  // namespace crema::detail
