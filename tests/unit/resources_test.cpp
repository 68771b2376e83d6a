#include "runtime/resources.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <set>

#include "crema/actor.hpp"
#include "crema/cluster.hpp"
#include "crema/errors.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "loopback_cluster.hpp"

namespace crema {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

std::string refusal(const std::string& text) {
  try {
    runtime::parse_resources(text);
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

TEST(ParseResources, NamesAndAmounts) {
  EXPECT_THAT(runtime::parse_resources("gpus=2,fpga=1.5"), ElementsAre(Pair("fpga", 1.5), Pair("gpus", 2)));
  EXPECT_THAT(runtime::parse_resources(""), IsEmpty());
  for (const char* wrong : {"gpus", "gpus=", "=1", "gpus=two", "gpus=-1", "gpus=0.5", "fpga=1,fpga=2", "a=1x", "a=nan"})
    EXPECT_THAT(refusal(wrong), HasSubstr("--resources")) << wrong;
  EXPECT_THAT(refusal("a=1,b=x"), HasSubstr("\"b=x\" is not NAME=AMOUNT"));
}

runtime::RankInfo rank_with(const std::string& host, const std::string& cores, std::vector<std::string> gpus = {},
                            const std::string& resources = {}) {
  return {.host = host, .version = "1", .cores = cores, .gpus = std::move(gpus), .resources = resources};
}

TEST(Offers, CoresAreSharedAmongTheRanksThatMayUseThem) {
  const std::vector ranks{rank_with("a", "0,1,2,3,4,5,6,7"), rank_with("a", "0,1,2,3,4,5,6,7"), rank_with("a", "8,9"),
                          rank_with("b", "8,9")};
  const auto automatic = runtime::offers_of(ranks, 0);
  EXPECT_EQ(automatic[0].lanes, 4U);
  EXPECT_EQ(automatic[1].offer.cpus, 4);
  EXPECT_EQ(automatic[2].lanes, 2U);
  EXPECT_EQ(automatic[3].lanes, 2U);
  const auto one = runtime::offers_of(ranks, 1);
  EXPECT_EQ(one[0].lanes, 1U);
  EXPECT_EQ(one[0].offer.cpus, 4);
  EXPECT_EQ(runtime::offers_of(ranks, 6)[2].offer.cpus, 6);
}

TEST(Offers, EvenMoreRanksThanCoresOfferOneEach) {
  const std::vector<runtime::RankInfo> ranks(5, rank_with("a", "0,1"));
  for (const auto& made : runtime::offers_of(ranks, 0)) {
    EXPECT_EQ(made.lanes, 1U);
    EXPECT_EQ(made.offer.cpus, 1);
  }
}

TEST(Offers, WhatIsSaidComesBeforeWhatIsFound) {
  const auto offers = runtime::offers_of(
      {rank_with("a", "0", {"4", "5", "6"}), rank_with("a", "0", {"4", "5", "6"}, "gpus=2,fpga=1,cpus=8"),
       rank_with("a", "0", {}, "gpus=2")},
      0);
  EXPECT_THAT(offers[0].offer.gpus, ElementsAre("4", "5", "6"));
  EXPECT_EQ(offers[0].offer.gpu_owner, "a");
  EXPECT_THAT(offers[1].offer.gpus, ElementsAre("4", "5"));
  EXPECT_NE(offers[1].offer.gpu_owner, offers[2].offer.gpu_owner);
  EXPECT_THAT(offers[1].offer.custom, ElementsAre(Pair("fpga", 1)));
  EXPECT_EQ(offers[1].lanes, 8U);
  EXPECT_EQ(offers[1].offer.cpus, 8);
  EXPECT_THAT(offers[2].offer.gpus, ElementsAre("0", "1"));
}

TEST(VisibleGpus, ComeFromTheFirstVariableThatIsSet) {
  EXPECT_THAT(runtime::visible_gpus(), IsEmpty());
  ::setenv("SLURM_JOB_GPUS", "7", 1);
  EXPECT_THAT(runtime::visible_gpus(), ElementsAre("7"));
  ::setenv("SLURM_STEP_GPUS", "5,6", 1);
  EXPECT_THAT(runtime::visible_gpus(), ElementsAre("5", "6"));
  ::setenv("ROCR_VISIBLE_DEVICES", "3", 1);
  EXPECT_THAT(runtime::visible_gpus(), ElementsAre("3"));
  ::setenv("CUDA_VISIBLE_DEVICES", "0,GPU-42", 1);
  EXPECT_THAT(runtime::visible_gpus(), ElementsAre("0", "GPU-42"));
  ::setenv("CUDA_VISIBLE_DEVICES", "-1", 1);
  EXPECT_THAT(runtime::visible_gpus(), IsEmpty());
  for (const char* name : {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS"})
    ::unsetenv(name);
}

// Counts what runs at a time, in this process that is the whole job.
std::atomic<int> weight_now;
std::atomic<int> most_weight;
/// Which most_weight is to reach: until then those that hold wait for others, though not for ever.
std::atomic<int> awaited_weight;

int hold(int weight) {
  const int now = weight_now += weight;
  for (int most = most_weight; now > most && !most_weight.compare_exchange_weak(most, now);) continue;
  const auto patience = std::chrono::steady_clock::now() + 30s;
  do {
    std::this_thread::sleep_for(3ms);
  } while (most_weight < awaited_weight && std::chrono::steady_clock::now() < patience);
  weight_now -= weight;
  return weight;
}
std::string gpus_here() {
  std::string text;
  for (const std::string& gpu : this_task().gpus()) text += gpu;
  const char* variable = std::getenv("CUDA_VISIBLE_DEVICES");
  return text + "/" + (variable == nullptr ? "-" : variable);
}
std::string threads_here() {
  const char* variable = std::getenv("OMP_NUM_THREADS");
  return variable == nullptr ? "-" : variable;
}
int parent_of_two() {
  const auto a = with(TaskOptions{.resources = {.cpus = 2}}).remote<hold>(2);
  const auto b = remote<hold>(1);
  return a.get() + b.get();
}

class Card {
 public:
  std::string gpus() const { return gpus_here(); }
};

/// A cluster whose every rank offers this.
class ResourceCluster : public ::testing::Test {
 protected:
  /// `weight`: what must be held at a time at some moment.
  void start(int ranks, const std::string& offered, std::uint32_t lanes, const std::function<void()>& driver,
             int weight = 0) {
    weight_now = 0;
    most_weight = 0;
    awaited_weight = weight;
    LoopbackCluster job{ranks};
    job.options.lanes = lanes;
    job.resources = offered;
    EXPECT_EQ(job.run_all(driver), 0) << job.sink.end.error;
  }
};

TEST_F(ResourceCluster, LanesRunTasksAtATime) {
  for (const int ranks : {1, 3}) {
    const auto driver = [] {
      std::vector<Future<int>> all;
      for (int i = 0; i < 30; ++i) all.push_back(remote<hold>(1));
      get(all);
      EXPECT_EQ(cluster().total.cpus, 3);
      EXPECT_EQ(cluster().free.cpus, 3);
    };
    start(ranks, "", 3, driver, 3);
    EXPECT_EQ(most_weight, 3);
  }
}

std::atomic<int> begun;
std::atomic<bool> may_end;

int wait_for_the_end() {
  ++begun;
  while (!may_end) std::this_thread::sleep_for(1ms);
  return 1;
}

TEST_F(ResourceCluster, WhatRunsIsNotFree) {
  for (const int ranks : {1, 3}) {
    begun = 0;
    may_end = false;
    start(ranks, "gpus=2,fpga=1", 4, [ranks] {
      const auto card = with(ActorOptions{.resources = {.cpus = 0, .gpus = 1}}).actor<Card>();
      card.remote<&Card::gpus>().get();
      const auto held =
          with(TaskOptions{.resources = {.cpus = 2, .gpus = 0.5, .custom = {{"fpga", 1}}}}).remote<wait_for_the_end>();
      const auto usual = remote<wait_for_the_end>();
      while (begun < 2) std::this_thread::sleep_for(1ms);
      const Resources free = cluster().free;
      may_end = true;
      EXPECT_EQ(free.cpus, 1);
      EXPECT_EQ(free.gpus, ranks == 1 ? 0.5 : 1.5);  // else a rank that is no worker has the actor
      EXPECT_EQ(free.custom.at("fpga"), 0);
      EXPECT_EQ(held.get() + usual.get(), 2);
      EXPECT_EQ(cluster().free.cpus, 4);
      EXPECT_EQ(cluster().free.custom.at("fpga"), 1);
    });
  }
}

TEST_F(ResourceCluster, SecondsOfCpusAndDevicesAreThoseThatWorkHadThem) {
  LoopbackCluster job{3};
  job.options.lanes = 4;
  job.resources = "gpus=2";
  EXPECT_EQ(job.run_all([] {
    const auto card = with(ActorOptions{.resources = {.cpus = 2, .gpus = 1}}).actor<Card>();
    const auto half = with(TaskOptions{.name = "half", .resources = {.cpus = 3, .gpus = 0.5}}).remote<hold>(1);
    get(std::vector{half, remote<hold>(1)});
    card.remote<&Card::gpus>().get();
  }),
            0);
  double cpu_seconds = 0;
  double gpu_seconds = 0;
  for (const auto& row : job.sink.rows) {
    const bool half = job.sink.names[row.function] == "half";
    cpu_seconds += (row.finished - row.started) * (half ? 3 : 1);
    gpu_seconds += (row.finished - row.started) * (half ? 0.5 : 0);
  }
  const auto& uses = job.sink.end.uses;
  EXPECT_GT(gpu_seconds, 0.001);
  EXPECT_NEAR(uses.at(RankId{2}).cpu_seconds, cpu_seconds, 1e-6);
  EXPECT_NEAR(uses.at(RankId{2}).gpu_seconds, gpu_seconds, 1e-6);
  const double busy = job.sink.actors.at(0).busy_seconds;
  EXPECT_GT(busy, 0);
  EXPECT_NEAR(uses.at(RankId{1}).cpu_seconds, busy * 2, 1e-6);
  EXPECT_NEAR(uses.at(RankId{1}).gpu_seconds, busy, 1e-6);
}

TEST_F(ResourceCluster, CpusOfTasksNeverExceedTheWorkers) {
  for (const int ranks : {1, 3, 4}) {
    const auto driver = [] {
      std::vector<Future<int>> all;
      for (int i = 0; i < 60; ++i)
        all.push_back(with(TaskOptions{.resources = {.cpus = static_cast<double>(1 + i % 4)}}).remote<hold>(1 + i % 4));
      for (int i = 0; i < 60; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), 1 + i % 4);
      EXPECT_EQ(cluster().free.cpus, cluster().total.cpus);
    };
    start(ranks, "", 4, driver, 3);
    EXPECT_LE(most_weight, ranks == 4 ? 8 : 4);
    EXPECT_GT(most_weight, 2);
  }
}

TEST_F(ResourceCluster, ALargeTaskIsNotPassedByForEver) {
  start(3, "", 2, [] {
    std::vector<Future<int>> small;
    for (int i = 0; i < 200; ++i) small.push_back(remote<hold>(1));
    const auto large = with(TaskOptions{.resources = {.cpus = 2}}).remote<hold>(2);
    EXPECT_EQ(large.get(), 2);
    EXPECT_FALSE(small.back().ready());
    get(small);
  });
}

TEST_F(ResourceCluster, ParentsGiveTheirCpusToTheirChildren) {
  start(2, "", 2, [] {
    std::vector<Future<int>> parents;
    for (int i = 0; i < 5; ++i) parents.push_back(with(TaskOptions{.resources = {.cpus = 2}}).remote<parent_of_two>());
    for (const auto& parent : parents) EXPECT_EQ(parent.get(), 3);
  });
}

TEST_F(ResourceCluster, ATaskSeesItsOwnDevices) {
  for (const int ranks : {1, 2, 4}) {
    start(ranks, "gpus=2", 1, [ranks] {
      EXPECT_EQ(with(TaskOptions{.resources = {.gpus = 1}}).remote<gpus_here>().get(), "0/0");
      EXPECT_EQ(with(TaskOptions{.resources = {.gpus = 2}}).remote<gpus_here>().get(), "01/0,1");
      EXPECT_EQ(with(TaskOptions{.resources = {.gpus = 0.5}}).remote<gpus_here>().get(), "0/0");
      EXPECT_EQ(remote<gpus_here>().get(), "/-");
      EXPECT_EQ(with(TaskOptions{.resources = {.cpus = 1, .custom = {{"gpu", 0}}}}).remote<threads_here>().get(), "1");
      EXPECT_EQ(cluster().total.gpus, ranks == 4 ? 4 : 2);
    });
  }
  start(3, "cpus=3", 1, [] {
    EXPECT_EQ(with(TaskOptions{.resources = {.cpus = 3}}).remote<threads_here>().get(), "3");
    EXPECT_EQ(with(TaskOptions{.resources = {.cpus = 0.5}}).remote<threads_here>().get(), "1");
  });
}

TEST_F(ResourceCluster, ScarceOnesAreTakenInTurn) {
  const auto driver = [] {
    std::vector<Future<int>> all;
    for (int i = 0; i < 12; ++i)
      all.push_back(with(TaskOptions{.resources = {.cpus = 1, .custom = {{"licence", 1}}}}).remote<hold>(1));
    get(all);
  };
  start(5, "licence=1", 4, driver, 3);
  EXPECT_EQ(most_weight, 3);  // three workers, one licence each
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST_F(ResourceCluster, WhatNoRankCanOfferIsAnErrorAtOnce) {
  start(3, "fpga=1", 1, [] {
    const auto impossible = with(TaskOptions{.resources = {.cpus = 8, .gpus = 1}}).remote<hold>(1);
    const std::string message = message_of([&] { impossible.get(); });
    EXPECT_THAT(message, HasSubstr("asks for 8 cpus, 1 gpus"));
    EXPECT_THAT(message, Not(HasSubstr("attempt")));
    EXPECT_THAT(message, HasSubstr("the largest (rank 2) has 1 cpus, 0 gpus, fpga=1"));
    EXPECT_THAT(message_of([] { with(ActorOptions{.resources = {.cpus = 0, .gpus = 1}}).actor<Card>(); }),
                HasSubstr("asks for 0 cpus, 1 gpus"));
    EXPECT_THAT(message_of([] { with(TaskOptions{.resources = {.cpus = -1}}).remote<hold>(1); }),
                HasSubstr("asking for resources"));
    EXPECT_THAT(message_of([] { with(TaskOptions{.resources = {.gpus = 1.5}}).remote<hold>(1); }),
                HasSubstr("whole number"));
  });
}

TEST_F(ResourceCluster, ActorsHoldTheirsUntilTheyAreKilled) {
  for (const int ranks : {1, 3}) {
    start(ranks, "gpus=2", 1, [] {
      const ActorOptions one_gpu{.resources = {.cpus = 0, .gpus = 1}};
      const auto first = with(one_gpu).actor<Card>();
      const auto second = with(one_gpu).actor<Card>();
      EXPECT_EQ(first.remote<&Card::gpus>().get(), "0/0");
      EXPECT_EQ(second.remote<&Card::gpus>().get(), "1/1");
      const auto third = with(one_gpu).actor<Card>();
      const auto answer = third.remote<&Card::gpus>();
      EXPECT_THROW(answer.get(20ms), Timeout);
      second.kill();
      EXPECT_EQ(answer.get(), "1/1");
      const auto fourth = with(one_gpu).actor<Card>();
      fourth.kill();
      EXPECT_THAT(message_of([&] { fourth.remote<&Card::gpus>().get(); }), HasSubstr("killed"));
    });
  }
}

}  // namespace
}  // namespace crema
