#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/errors.hpp"
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
  explicit Actor(ActorName actor) : name_{actor} {}

  /// Calls a member function on the actor's rank and returns at once, or once there is room where
  /// ActorOptions::max_pending_calls bounds what waits. What the method throws is thrown by the future as ActorError;
  /// the actor lives on with the state the method left.
  template <auto method, class... Arguments>
  auto remote(Arguments&&... arguments) const {
    static_assert(std::is_member_function_pointer_v<decltype(method)>,
                  "crema: name a member function of the actor: handle.remote<&Class::method>(arguments...)");
    using Wrapper = detail::MethodFunction<method, A>;
    using signature = typename Wrapper::signature;
    static_assert(std::is_base_of_v<typename signature::object, A>,
                  "crema: this member function belongs to another class than the actor");
    crema::Arguments encoded = detail::encode_arguments<signature>(std::forward<Arguments>(arguments)...);
    return detail::future_of<signature>{
        detail::FutureHandle{LaneContext::current().call(name_, detail::registered_id<Wrapper>, std::move(encoded))}};
  }

  /// Ends the actor: calls that have not begun, and later ones, fail with ActorError; one that runs ends as it would,
  /// and then the object is destroyed. Its name may be given again. Returns at once.
  void kill() const { LaneContext::current().kill_actor(name_.id); }

  [[nodiscard]] ActorId id() const noexcept { return name_.id; }
  /// The same in every run of the program, on any number of ranks.
  [[nodiscard]] TaskKey key() const noexcept { return name_.key; }

  friend bool operator==(const Actor& a, const Actor& b) noexcept { return a.id() == b.id(); }
  friend auto operator<=>(const Actor& a, const Actor& b) noexcept { return a.id() <=> b.id(); }

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    if constexpr (std::is_same_v<Archive, OutArchive>) CarriedFutures::mention(archive.buffer().size(), name_.key);
    archive& name_.id.number& name_.key.high& name_.key.low& name_.max_pending_calls& name_.durable;
  }

 private:
  ActorName name_;
};

namespace detail {

template <class A, class... Held>
struct Creator {
  template <class... Arguments>
  static Actor<A> create(const ActorOptions& options, Arguments&&... arguments) {
    ArgumentWriter writer;
    (writer.template write<Held>(std::forward<Arguments>(arguments)), ...);
    return Actor<A>{LaneContext::current().create_actor(registered_id<ConstructorFunction<A, Held...>>, options,
                                                        demangle(typeid(A).name()), writer.take())};
  }
};

template <class A, class... Arguments>
Actor<A> create(const ActorOptions& options, Arguments&&... arguments) {
  constexpr bool as_given = std::is_constructible_v<A, std::decay_t<Arguments>...>;
  constexpr bool as_values = std::is_constructible_v<A, typename ValueOf<std::decay_t<Arguments>>::type...>;
  static_assert(as_given || as_values, "crema: the actor's class has no constructor for these arguments");
  if constexpr (as_given) {
    return Creator<A, std::decay_t<Arguments>...>::create(options, std::forward<Arguments>(arguments)...);
  } else if constexpr (as_values) {
    return Creator<A, typename ValueOf<std::decay_t<Arguments>>::type...>::create(
        options, std::forward<Arguments>(arguments)...);
  } else {
    return {};
  }
}

}  // namespace detail

/// Which of an actor's shards an object is: a constructor that takes it first is given it.
struct Shard {
  std::size_t index = 0;
  std::size_t count = 1;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& index& count;
  }
};

namespace detail {

/// XXH3, 64 bits: the same on every machine and in every run.
std::uint64_t stable_hash(std::span<const std::byte> bytes);

}  // namespace detail

/// All shards at once; what ActorShards::all returns.
template <class A>
class AllShards {
 public:
  explicit AllShards(const std::vector<Actor<A>>& shards) : shards_{shards} {}

  /// Calls the method on every shard; the futures in the order of the shards.
  template <auto method, class... Arguments>
  auto remote(const Arguments&... arguments) const {
    std::vector<decltype(shards_.front().template remote<method>(arguments...))> futures;
    futures.reserve(shards_.size());
    for (const Actor<A>& shard : shards_) futures.push_back(shard.template remote<method>(arguments...));
    return futures;
  }

 private:
  const std::vector<Actor<A>>& shards_;
};

/// Several actors of one class that share a state by key. A regular value; may be passed to tasks and actors.
template <class A>
class ActorShards {
 public:
  ActorShards() = default;
  explicit ActorShards(std::vector<Actor<A>> shards) : shards_{std::move(shards)} {}

  /// The shard that has this key: by a hash of the key's encoding, the same for the same number of shards on every
  /// machine and in every run. Any serializable type; throws UsageError where there are no shards.
  template <class Key>
  [[nodiscard]] const Actor<A>& at(const Key& key) const {
    if (shards_.empty()) throw UsageError{"looking for a shard: there are none; make them with actor_shards first"};
    ByteBuffer encoded;
    encode(encoded, key);
    return shards_[detail::stable_hash(encoded.span()) % shards_.size()];
  }
  [[nodiscard]] const Actor<A>& operator[](std::size_t index) const { return shards_[index]; }
  /// Holds as long as these shards.
  [[nodiscard]] AllShards<A> all() const { return AllShards<A>{shards_}; }
  [[nodiscard]] std::size_t size() const noexcept { return shards_.size(); }

  friend bool operator==(const ActorShards&, const ActorShards&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& shards_;
  }

 private:
  std::vector<Actor<A>> shards_;
};

namespace detail {

template <class A, class... Arguments>
ActorShards<A> create_shards(const ActorOptions& options, std::size_t count, const Arguments&... arguments) {
  if (count == 0) throw UsageError{"making shards of an actor: there must be one at least"};
  std::vector<Actor<A>> shards;
  shards.reserve(count);
  for (std::size_t index = 0; index < count; ++index) {
    ActorOptions one = options;
    if (!one.name.empty()) one.name += "[" + std::to_string(index) + "]";
    if constexpr (std::is_constructible_v<A, Shard, std::decay_t<Arguments>...>) {
      shards.push_back(create<A>(one, Shard{index, count}, arguments...));
    } else {
      shards.push_back(create<A>(one, arguments...));
    }
  }
  return ActorShards<A>{std::move(shards)};
}

}  // namespace detail

/// Makes `count` objects A(Shard{i, count}, arguments...), or A(arguments...) where there is no such constructor,
/// spread over the actor ranks. Returns at once. Throws UsageError for none.
template <class A, class... Arguments>
ActorShards<A> actor_shards(std::size_t count, const Arguments&... arguments) {
  return detail::create_shards<A>(ActorOptions{}, count, arguments...);
}

/// Actors of one class that share work: each call goes to the one that is idle first. Used where it was made; calls
/// wait at the head until a member is idle, so keep calls longer than a round trip.
template <class A>
class ActorPool {
 public:
  /// Makes `count` objects A(arguments...). Throws UsageError for none.
  template <class... Arguments>
  explicit ActorPool(std::size_t count, const Arguments&... arguments) {
    if (count == 0) throw UsageError{"making a pool of actors: there must be one at least"};
    std::vector<Named<ActorId>> ids;
    for (std::size_t i = 0; i < count; ++i) {
      members_.push_back(detail::create<A>(ActorOptions{}, arguments...));
      ids.push_back({members_.back().id(), members_.back().key()});
    }
    pool_ = LaneContext::current().create_pool(ids);
  }

  /// Calls the method once for each input, which is its only argument; the futures in the order of the inputs. Returns
  /// at once. Which member has which input, and in what order, follows from who is idle.
  template <auto method, class Inputs>
  auto map(const Inputs& inputs) const {
    using Wrapper = detail::MethodFunction<method, A>;
    using signature = typename Wrapper::signature;
    std::vector<detail::future_of<signature>> futures;
    for (const auto& input : inputs) {
      futures.push_back(detail::future_of<signature>{detail::FutureHandle{LaneContext::current().call_pool(
          pool_, detail::registered_id<Wrapper>, detail::encode_arguments<signature>(input))}});
    }
    return futures;
  }

  [[nodiscard]] const std::vector<Actor<A>>& members() const noexcept { return members_; }

 private:
  std::vector<Actor<A>> members_;
  Named<ActorId> pool_{};
};

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
  /// As crema::actor_shards; a name "x" makes the shards' names "x[0]", "x[1]", …
  template <class A, class... Arguments>
  ActorShards<A> actor_shards(std::size_t count, const Arguments&... arguments) const {
    return detail::create_shards<A>(options_, count, arguments...);
  }

 private:
  ActorOptions options_;
};

inline ActorCreator with(ActorOptions options) { return ActorCreator{std::move(options)}; }

/// The actor that was created with this name and class. Waits up to `timeout` for its creation; throws UsageError when
/// there is none then. One round trip where it is there.
template <class A>
Actor<A> find_actor(const std::string& name, std::chrono::nanoseconds timeout = {}) {
  return Actor<A>{LaneContext::current().find_actor(name, demangle(typeid(A).name()), timeout)};
}

}  // namespace crema

template <class A>
struct std::hash<crema::Actor<A>> {
  std::size_t operator()(const crema::Actor<A>& actor) const noexcept {
    return std::hash<crema::ActorId>{}(actor.id());
  }
};
