#include "lane/task_keys.hpp"

#include <gtest/gtest.h>

#include <set>

#include "crema/actor.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "loopback_cluster.hpp"

namespace crema {
namespace {

int first(int a) { return a; }
int second(int a) { return a; }
const FunctionId first_id = detail::registered_id<detail::TaskFunction<first>>;
const FunctionId second_id = detail::registered_id<detail::TaskFunction<second>>;

Arguments number(std::uint64_t value) {
  ByteBuffer out;
  out.put(value);
  return {.bytes = Bytes{std::move(out)}};
}

TEST(TaskKeys, FollowFromParentFunctionArgumentsAndOrdinalAlone) {
  lane::TaskKeys keys;
  keys.begin({1, 2});
  const TaskKey key = keys.task(first_id, number(5));
  EXPECT_NE(keys.task(first_id, number(5)), key);  // the second of its kind
  EXPECT_NE(keys.task(first_id, number(6)), key);
  EXPECT_NE(keys.task(second_id, number(5)), key);
  keys.begin({1, 3});
  EXPECT_NE(keys.task(first_id, number(5)), key);
  keys.begin({1, 2});
  EXPECT_NE(keys.task(second_id, number(5)), key);
  EXPECT_NE(keys.call({7, 7}, first_id, number(5)), key);
  EXPECT_EQ(keys.task(first_id, number(5)), key);  // whatever was started before it
}

TEST(TaskKeys, OrdinalsTellEqualOnesApartInTheirOrder) {
  lane::TaskKeys keys;
  keys.begin({});
  std::vector<TaskKey> made;
  for (int i = 0; i < 3; ++i) made.push_back(keys.task(first_id, number(1)));
  keys.begin({});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(keys.task(first_id, number(1)), made[i]);
  EXPECT_NE(made[0], made[1]);
  EXPECT_NE(made[1], made[2]);
  keys.begin({});
  for (int i = 0; i < 3; ++i) {
    keys.task(first_id, number(2));
    EXPECT_EQ(keys.task(first_id, number(1)), made[i]) << "among others";
  }
}

TEST(TaskKeys, WhatArgumentsMentionCountsByItsKey) {
  const auto key_of = [](std::uint64_t id, TaskKey mentioned) {
    lane::TaskKeys keys;
    keys.begin({});
    Arguments arguments = number(id);
    arguments.mentions.push_back({0, mentioned});
    return keys.task(first_id, arguments);
  };
  EXPECT_EQ(key_of(5, {1, 1}), key_of(6, {1, 1}));
  EXPECT_NE(key_of(5, {1, 1}), key_of(5, {1, 2}));
}

TEST(TaskKeys, InputsCountByTheirProducersKey) {
  const auto key_of = [](TaskId id, TaskKey producer) {
    lane::TaskKeys keys;
    keys.begin({});
    Arguments arguments = number(1);
    arguments.inputs.push_back({8, id, producer});
    return keys.task(first_id, arguments);
  };
  EXPECT_EQ(key_of(TaskId{1}, {1, 1}), key_of(TaskId{2}, {1, 1}));
  EXPECT_NE(key_of(TaskId{1}, {1, 1}), key_of(TaskId{1}, {2, 1}));
}

TEST(TaskKeys, NamedActorsAreNameAndClass) {
  EXPECT_EQ(lane::TaskKeys::named_actor("till", "Register"), lane::TaskKeys::named_actor("till", "Register"));
  EXPECT_NE(lane::TaskKeys::named_actor("till", "Register"), lane::TaskKeys::named_actor("tills", "Register"));
  EXPECT_NE(lane::TaskKeys::named_actor("ab", "c"), lane::TaskKeys::named_actor("a", "bc"));
}

TEST(TaskKeys, AreShownAsHexadecimalDigits) {
  EXPECT_EQ(to_string(TaskKey{0x1f, 0xabc}), "000000000000001f0000000000000abc");
}

class Echo {
 public:
  std::string key(int) { return to_string(this_task().key()); }
};

std::string own_key(int) { return to_string(this_task().key()); }
std::string key_with(const Actor<Echo>&, const Future<int>&) { return to_string(this_task().key()); }
std::vector<std::string> children() {
  std::vector<Future<std::string>> keys;
  for (int i = 0; i < 3; ++i) keys.push_back(remote<own_key>(1));
  return get(keys);
}
double draw() { return this_task().rng().uniform() + this_task().rng().uniform() + this_task().rng(3).uniform(); }

std::vector<std::string> keys_on(int ranks, std::vector<double>& numbers) {
  LoopbackCluster cluster{ranks};
  std::vector<std::string> keys;
  EXPECT_EQ(cluster.run_all([&] {
    const auto echo = actor<Echo>();
    const auto one = remote<first>(1);
    keys = remote<children>().get();
    keys.push_back(remote<own_key>(remote<first>(one)).get());
    keys.push_back(echo.remote<&Echo::key>(1).get());
    keys.push_back(remote<key_with>(echo, one).get());
    keys.push_back(remote<key_with>(echo, put(1)).get());
    for (int i = 0; i < 3; ++i) numbers.push_back(remote<draw>().get());
    numbers.push_back(this_task().rng().uniform());
    EXPECT_EQ(to_string(this_task().key()), std::string(32, '0'));
  }),
            0);
  return keys;
}

TEST(TaskKeys, AndRandomNumbersAreTheSameOnAnyNumberOfRanks) {
  std::vector<double> numbers;
  const std::vector<std::string> keys = keys_on(1, numbers);
  EXPECT_EQ((std::set<std::string>{keys.begin(), keys.end()}).size(), 7U);
  EXPECT_EQ((std::set<double>{numbers.begin(), numbers.end()}).size(), 4U);
  for (const int ranks : {2, 3, 5}) {
    std::vector<double> there;
    EXPECT_EQ(keys_on(ranks, there), keys);
    EXPECT_EQ(there, numbers);
  }
}

}  // namespace
}  // namespace crema
