#include "actor/call_router.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace crema::actors {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using wire::Frame;
using wire::FrameType;

constexpr RankId me{2};
constexpr RankId host{1};
constexpr ActorId actor{50};
constexpr LaneId lane{1};

/// The router of rank 2, which knows where the actor is.
class CallRouterTest : public ::testing::Test, private wire::Outbox {
 protected:
  CallRouterTest() { router_.on_location(wire::make_frame(FrameType::actor_location, wire::write({actor, host}))); }

  static TaskId made_here(std::uint64_t count) { return TaskId{first_id_of(global_lane(me, lane)).number + count}; }
  void call(std::uint64_t id, const std::vector<Named<TaskId>>& named = {}, LaneId by = lane) {
    wire::CallSpec spec{.id = TaskId{id}, .actor = actor};
    spec.arguments.carried = named;
    router_.on_call(wire::make_frame(FrameType::call, wire::write(spec), by));
  }
  /// The calls that have gone to the actor's host since the last look.
  std::vector<std::uint64_t> gone() {
    std::vector<std::uint64_t> ids;
    for (const auto& [to, frame] : std::exchange(sent_, {})) {
      if (frame.header.type == FrameType::heard) {
        EXPECT_EQ(to, head_rank);
        ++questions_;
        continue;
      }
      EXPECT_EQ(to, host);
      ids.push_back(wire::read_call_head(frame.payload).id.number);
    }
    return ids;
  }

  CallRouter router_{*this, me};
  int questions_ = 0;

 private:
  void send(RankId to, Frame frame) override { sent_.emplace_back(to, std::move(frame)); }

  std::vector<std::pair<RankId, Frame>> sent_;
};

TEST_F(CallRouterTest, ACallThatNamesFreshWorkWaitsUntilTheHeadHasHeardOfIt) {
  call(1, {{made_here(5), {}}});
  EXPECT_THAT(gone(), IsEmpty());
  EXPECT_EQ(questions_, 1);
  router_.on_heard();
  EXPECT_THAT(gone(), ElementsAre(1));
  // Of what was made before that it has heard as well.
  call(2, {{made_here(5), {}}, {made_here(4), {}}});
  EXPECT_THAT(gone(), ElementsAre(2));
  call(3, {{made_here(4), {}}, {made_here(6), {}}});
  EXPECT_THAT(gone(), IsEmpty());
  EXPECT_EQ(questions_, 2);
}

TEST_F(CallRouterTest, WorkOfOtherRanksIsNoReasonToWait) {
  call(1, {{TaskId{7}, {}}, {first_id_of(RankId{3}), {}}});
  EXPECT_THAT(gone(), ElementsAre(1));
  EXPECT_EQ(questions_, 0);
}

TEST_F(CallRouterTest, TheCallersOrderIsKeptAndNobodyElseWaits) {
  call(1, {{made_here(5), {}}});
  call(2);
  call(3, {{made_here(6), {}}});
  call(4, {}, LaneId{9});
  EXPECT_THAT(gone(), ElementsAre(4));
  EXPECT_EQ(questions_, 2);
  router_.on_heard();
  EXPECT_THAT(gone(), ElementsAre(1, 2));
  router_.on_heard();
  EXPECT_THAT(gone(), ElementsAre(3));
}

}  // namespace
}  // namespace crema::actors
