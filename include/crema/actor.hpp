#pragma once

#include <compare>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "crema/function.hpp"
#include "crema/future.hpp"
#include "crema/lane_context.hpp"
#include "crema/options.hpp"

namespace crema {

/// A handle to an object that lives on an actor rank until the job ends. A regular value; may be passed to tasks and
/// actors. Calls of one caller apply in the order made; calls apply one at a time.
template <class A>
class Actor {
 public:
  Actor() = default;
  explicit Actor(Named<ActorId> actor) : id_{actor.id}, key_{actor.key} {}

  /// Calls a member function on the actor's rank and returns at once. What the method throws is thrown by the future as
  /// ActorError; the actor lives on with the state the method left.
  template <auto method, class... Arguments>
  auto remote(Arguments&&... arguments) const {
    static_assert(std::is_member_function_pointer_v<decltype(method)>,
                  "crema: name a member function of the actor: handle.remote<&Class::method>(arguments...)");
    using Wrapper = detail::MethodFunction<method, A>;
    using signature = typename Wrapper::signature;
    static_assert(std::is_base_of_v<typename signature::object, A>,
                  "crema: this member function belongs to another class than the actor");
    crema::Arguments encoded = detail::encode_arguments<signature>(std::forward<Arguments>(arguments)...);
    return detail::future_of<signature>{detail::FutureHandle{
        LaneContext::current().call({id_, key_}, detail::registered_id<Wrapper>, std::move(encoded))}};
  }

  [[nodiscard]] ActorId id() const noexcept { return id_; }

  friend bool operator==(const Actor& a, const Actor& b) noexcept { return a.id_ == b.id_; }
  friend auto operator<=>(const Actor& a, const Actor& b) noexcept { return a.id_ <=> b.id_; }

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    if constexpr (std::is_same_v<Archive, OutArchive>) CarriedFutures::mention(archive.buffer().size(), key_);
    archive& id_.number& key_.high& key_.low;
  }

 private:
  ActorId id_;
  TaskKey key_;
};

namespace detail {

template <class A, class... Arguments>
Actor<A> create(const ActorOptions& options, Arguments&&... arguments) {
  using Wrapper = ConstructorFunction<A, std::decay_t<Arguments>...>;
  constexpr bool fits = std::is_constructible_v<A, std::decay_t<Arguments>...>;
  static_assert(fits, "crema: the actor's class has no constructor for these arguments");
  if constexpr (fits) {
    ArgumentWriter writer;
    (writer.template write<std::decay_t<Arguments>>(std::forward<Arguments>(arguments)), ...);
    return Actor<A>{LaneContext::current().create_actor(registered_id<Wrapper>, options, demangle(typeid(A).name()),
                                                        writer.take())};
  } else {
    return {};
  }
}

}  // namespace detail

/// Makes an object A(arguments...) on an actor rank and returns at once. A constructor that throws makes every call
/// fail with its ActorError.
template <class A, class... Arguments>
Actor<A> actor(Arguments&&... arguments) {
  return detail::create<A>(ActorOptions{}, std::forward<Arguments>(arguments)...);
}

/// What with(ActorOptions) returns.
class ActorCreator {
 public:
  explicit ActorCreator(ActorOptions options) : options_{std::move(options)} {}

  /// Throws UsageError when the name is taken.
  template <class A, class... Arguments>
  Actor<A> actor(Arguments&&... arguments) const {
    return detail::create<A>(options_, std::forward<Arguments>(arguments)...);
  }

 private:
  ActorOptions options_;
};

inline ActorCreator with(ActorOptions options) { return ActorCreator{std::move(options)}; }

/// The actor that was created with this name and class. One round trip; throws UsageError when there is none.
template <class A>
Actor<A> find_actor(const std::string& name) {
  return Actor<A>{LaneContext::current().find_actor(name, demangle(typeid(A).name()))};
}

}  // namespace crema

template <class A>
struct std::hash<crema::Actor<A>> {
  std::size_t operator()(const crema::Actor<A>& actor) const noexcept {
    return std::hash<crema::ActorId>{}(actor.id());
  }
};
