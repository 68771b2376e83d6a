// Shards, pools, killed actors, actors on several ranks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include "crema/actor.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "loopback_cluster.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct Layout {
  int ranks;
  int actor_ranks;
};

/// What the driver returned; fails the test when the job did not end well.
template <class Driver>
auto on(Layout layout, Driver driver) {
  LoopbackCluster cluster{layout.ranks};
  cluster.actor_ranks = layout.actor_ranks;
  decltype(driver()) result{};
  EXPECT_EQ(cluster.run_all([&] { result = driver(); }), 0) << cluster.sink.end.error;
  return result;
}

class ActorGroups : public testing::TestWithParam<Layout> {};
INSTANTIATE_TEST_SUITE_P(Layouts, ActorGroups,
                         testing::Values(Layout{1, 1}, Layout{2, 1}, Layout{3, 1}, Layout{5, 2}, Layout{6, 3}),
                         [](const auto& layout) {
                           return std::to_string(layout.param.ranks) + "_" + std::to_string(layout.param.actor_ranks);
                         });

class Words {
 public:
  Words() = default;
  Words(Shard shard, int weight) : shard_{shard}, weight_{weight} {}

  void count(const std::string& word) { counts_[word] += weight_; }
  std::map<std::string, int> counts() const { return counts_; }
  std::vector<int> place() const { return {static_cast<int>(shard_.index), static_cast<int>(shard_.count), weight_}; }
  int host() const { return this_task().rank().number; }

 private:
  Shard shard_;
  int weight_ = 1;
  std::map<std::string, int> counts_;
};

void count_words(const ActorShards<Words>& shards, const std::vector<std::string>& words) {
  std::vector<Future<void>> counted;
  for (const std::string& word : words) counted.push_back(shards.at(word).remote<&Words::count>(word));
  get(counted);  // else they may be applied later than calls the driver makes when this task is done
}

TEST_P(ActorGroups, ShardsKnowTheirPlaceAndShareTheKeys) {
  const auto counts = on(GetParam(), [] {
    const auto shards = actor_shards<Words>(3, 2);
    EXPECT_THAT(get(shards.all().remote<&Words::place>()),
                ElementsAre(ElementsAre(0, 3, 2), ElementsAre(1, 3, 2), ElementsAre(2, 3, 2)));
    const std::vector<std::string> words{"latte", "mocha", "espresso", "americano", "cortado", "latte"};
    std::vector<Future<void>> tasks;
    for (int i = 0; i < 4; ++i) tasks.push_back(remote<count_words>(shards, words));
    get(tasks);
    return get(shards.all().remote<&Words::counts>());
  });
  std::map<std::string, int> all;
  for (const auto& shard : counts)
    for (const auto& [word, count] : shard) EXPECT_TRUE(all.emplace(word, count).second) << word << " is in two shards";
  EXPECT_EQ(all, (std::map<std::string, int>{
                     {"latte", 16}, {"mocha", 8}, {"espresso", 8}, {"americano", 8}, {"cortado", 8}}));
}

struct Order {
  std::string drink;
  double price = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& drink& price;
  }
};

template <class Key>
std::uint64_t hash_of(const Key& key) {
  ByteBuffer encoded;
  encode(encoded, key);
  return detail::stable_hash(encoded.span());
}

// The hashes are those of Python's xxhash.xxh3_64_intdigest(bytes). Bytes of a text: its length, 8 of them, and the
// text; of a number: its own; of a record: its fields, one behind the other; all with the least significant byte first.
TEST(ActorShards, TheHashOfAKeyIsTheSameEverywhere) {
  EXPECT_EQ(detail::stable_hash({}), 0x2d06800538d394c2U);
  EXPECT_EQ(hash_of(std::string{}), 0xc77b3abb6f87acd9U);         // pack("<Q", 0)
  EXPECT_EQ(hash_of(std::string{"latte"}), 0x5033997b04c5d261U);  // pack("<Q", 5) + b"latte"
  EXPECT_EQ(hash_of(std::int32_t{7}), 0x57ae44811628c14cU);       // pack("<i", 7)
  EXPECT_EQ(hash_of(std::int32_t{-1}), 0xcd6b1c920d3f662cU);
  EXPECT_EQ(hash_of(std::int64_t{7}), 0x81671e58d6b596afU);      // pack("<q", 7)
  EXPECT_EQ(hash_of(Order{"latte", 3.5}), 0x1bcdaebd54134736U);  // pack("<Q", 5) + b"latte" + pack("<d", 3.5)
}

TEST(ActorShards, AKeyIsWithTheSameShardEverywhere) {
  const ActorShards<Words> shards{std::vector<Actor<Words>>(1000)};
  const auto place = [&](const auto& key) { return &shards.at(key) - &shards[0]; };
  EXPECT_EQ(place(std::string{"latte"}), 0x5033997b04c5d261U % 1000);
  EXPECT_EQ(place(std::int32_t{7}), 0x57ae44811628c14cU % 1000);
  EXPECT_EQ(place(Order{"latte", 3.5}), 0x1bcdaebd54134736U % 1000);
}

TEST_P(ActorGroups, NamedShardsAreFound) {
  on(GetParam(), [] {
    const auto shards = with(ActorOptions{.name = "words"}).actor_shards<Words>(2, 1);
    EXPECT_EQ(find_actor<Words>("words[1]"), shards[1]);
    EXPECT_THROW(find_actor<Words>("words"), UsageError);
    EXPECT_THROW(actor_shards<Words>(0, 1), UsageError);
    EXPECT_THROW(static_cast<void>(ActorShards<Words>{}.at(1)), UsageError);
    return 0;
  });
}

TEST_P(ActorGroups, ActorsAreSpreadOverTheActorRanks) {
  const auto hosts = on(GetParam(), [] { return get(actor_shards<Words>(6, 1).all().remote<&Words::host>()); });
  std::map<int, int> load;
  for (const int host : hosts) ++load[host];
  EXPECT_EQ(load.size(), static_cast<std::size_t>(GetParam().actor_ranks));
  for (const auto& [host, actors] : load) EXPECT_EQ(actors, 6 / GetParam().actor_ranks);
}

std::atomic<bool> slow_may_go{false};

class Grinder {
 public:
  int grind(int beans) {
    if (beans < 0)
      while (!slow_may_go) std::this_thread::sleep_for(1ms);
    ++ground_;
    return beans * 2;
  }
  int ground() const { return ground_; }

 private:
  int ground_ = 0;
};

TEST_P(ActorGroups, AKilledMemberOfAPoolGetsNoFurtherCalls) {
  on(GetParam(), [] {
    const ActorPool<Grinder> pool{3};
    pool.members()[0].kill();
    std::vector<int> inputs(30);
    std::iota(inputs.begin(), inputs.end(), 1);
    const auto futures = pool.map<&Grinder::grind>(inputs);
    for (std::size_t i = 0; i < futures.size(); ++i) EXPECT_EQ(futures[i].get(), 2 * inputs[i]);
    for (const auto& member : pool.members()) member.kill();
    EXPECT_THROW(pool.map<&Grinder::grind>(std::vector{1}).front().get(), ActorError);
    return 0;
  });
}

TEST_P(ActorGroups, APoolGivesCallsToWhoIsIdle) {
  slow_may_go = false;
  on(GetParam(), [] {
    const ActorPool<Grinder> pool{3};
    std::vector<int> inputs{-1};
    for (int i = 1; i <= 30; ++i) inputs.push_back(i);
    const auto futures = pool.map<&Grinder::grind>(inputs);
    // One member is held up; the others do all the rest.
    auto [ready, pending] = wait(futures, {.count = 30});
    EXPECT_EQ(pending, std::vector{futures[0]});
    slow_may_go = true;
    EXPECT_EQ(futures[0].get(), -2);
    for (int i = 1; i <= 30; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), 2 * i);
    int total = 0;
    int most = 0;
    for (const auto& member : pool.members()) {
      const int ground = member.remote<&Grinder::ground>().get();
      total += ground;
      most = std::max(most, ground);
    }
    EXPECT_EQ(total, 31);
    EXPECT_GE(most, 15);
    EXPECT_THROW(ActorPool<Grinder>{0}, UsageError);
    return 0;
  });
}

class Guest {
 public:
  static inline std::atomic<int> here{0};
  static inline std::atomic<bool> begun{false};
  Guest() { ++here; }
  ~Guest() { --here; }
  int wait_and(int a) {
    begun = true;
    while (!slow_may_go) std::this_thread::sleep_for(1ms);
    return a;
  }
};

std::string error_of(const Future<int>& future) {
  try {
    future.get();
  } catch (const ActorError& error) {
    return error.message();
  }
  return {};
}

TEST_P(ActorGroups, AKilledActorEndsItsCallAndTakesNoMore) {
  slow_may_go = false;
  Guest::here = 0;
  Guest::begun = false;
  on(GetParam(), [] {
    const auto guest = with(ActorOptions{.name = "guest"}).actor<Guest>();
    const auto running = guest.remote<&Guest::wait_and>(1);
    while (!Guest::begun) std::this_thread::sleep_for(1ms);
    const auto waiting = guest.remote<&Guest::wait_and>(2);
    guest.kill();
    EXPECT_THAT(error_of(waiting), HasSubstr("killed"));
    EXPECT_THAT(error_of(guest.remote<&Guest::wait_and>(3)), HasSubstr("killed"));
    slow_may_go = true;
    EXPECT_EQ(running.get(), 1);
    guest.kill();  // once more
    while (Guest::here > 0) std::this_thread::sleep_for(1ms);
    const auto next = with(ActorOptions{.name = "guest"}).actor<Guest>();
    EXPECT_NE(next, guest);
    EXPECT_EQ(find_actor<Guest>("guest"), next);
    EXPECT_EQ(next.remote<&Guest::wait_and>(4).get(), 4);
    return 0;
  });
}

int find_it(int) { return find_actor<Grinder>("late", 1h).remote<&Grinder::grind>(4).get(); }

TEST_P(ActorGroups, FindingWaitsForTheCreation) {
  on(GetParam(), [] {
    EXPECT_THROW(find_actor<Grinder>("late"), UsageError);
    try {
      find_actor<Grinder>("late", 10ms);
      ADD_FAILURE() << "there is no such actor";
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr("no actor of that name has been created in the 0.01 s that were waited"));
    }
    const auto found = remote<find_it>(1);
    EXPECT_EQ(wait(std::vector{found}, {.timeout = 10ms}).ready.size(), 0U);
    EXPECT_EQ(remote([](int a) { return a; }, 1).get(), 1);  // the waiting task holds up no other
    with(ActorOptions{.name = "late"}).actor<Grinder>();
    EXPECT_EQ(found.get(), 8);
    return 0;
  });
}

class Sequence {
 public:
  void add(int caller, int number) { seen_[caller].push_back(number); }
  bool in_order() const {
    for (const auto& [caller, numbers] : seen_)
      if (!std::is_sorted(numbers.begin(), numbers.end()) || numbers.size() != 200) return false;
    return seen_.size() == 8;
  }

 private:
  std::map<int, std::vector<int>> seen_;
};

int add_many(const Actor<Sequence>& sequence, int caller) {
  for (int i = 0; i < 200; ++i) sequence.remote<&Sequence::add>(caller, i);
  return caller;
}

TEST_P(ActorGroups, EachOfEightCallersKeepsItsOrder) {
  EXPECT_EQ(on(GetParam(),
               [] {
                 const auto sequence = actor<Sequence>();
                 std::vector<Future<int>> callers;
                 for (int i = 0; i < 8; ++i) callers.push_back(remote<add_many>(sequence, i));
                 get(callers);
                 while (true) {
                   // Calls of others may still be under way.
                   if (sequence.remote<&Sequence::in_order>().get()) return true;
                   std::this_thread::sleep_for(1ms);
                 }
               }),
            true);
}

class Scale {
 public:
  explicit Scale(int factor) : factor_{factor} {}
  Scale(Future<int> kept, int factor) : factor_{factor}, kept_{std::move(kept)} {}
  int times(int value) const { return factor_ * value; }
  int kept() const { return kept_.get(); }

 private:
  int factor_;
  Future<int> kept_;
};

int three() { return 3; }
int spill() { throw std::runtime_error{"spilt"}; }

TEST_P(ActorGroups, ConstructorsAndPoolsTakeFutures) {
  on(GetParam(), [] {
    const auto scale = actor<Scale>(remote<three>());
    EXPECT_EQ(scale.remote<&Scale::times>(4).get(), 12);
    const auto both = actor<Scale>(put(8), 3);
    EXPECT_EQ(both.remote<&Scale::kept>().get(), 8);
    EXPECT_EQ(both.remote<&Scale::times>(2).get(), 6);
    ActorPool<Scale> pool{2, 5};
    const auto products = pool.map<&Scale::times>(std::vector{remote<three>(), put(10)});
    EXPECT_EQ(get(products), (std::vector{15, 50}));
    EXPECT_THROW(actor<Scale>(remote<spill>()), TaskError);
    return 0;
  });
}

}  // namespace
}  // namespace crema
