#include "common/io_thread.hpp"

#include <gmock/gmock.h>

#include <stdexcept>
#include <vector>

#include "crema/errors.hpp"

namespace crema {
namespace {

using ::testing::ElementsAre;

TEST(IoThread, WorkRunsInOrderAndTheEndComesLast) {
  std::vector<int> order;
  {
    IoThread thread{[&] { order.push_back(9); }};
    thread.post(0, IoThread::Work{[&] { order.push_back(1); }});
    thread.post(0, IoThread::Work{[&] { order.push_back(2); }});
    thread.call([&] { order.push_back(3); });
  }
  EXPECT_THAT(order, ElementsAre(1, 2, 3, 9));
}

TEST(IoThread, TheBacklogCountsWhatIsNotDone) {
  IoThread thread{[] {}};
  std::promise<void> gate;
  thread.post(10, IoThread::Work{[open = gate.get_future()] { open.wait(); }});
  thread.post(5, IoThread::Work{[] {}});
  EXPECT_EQ(thread.backlog_bytes(), 15U);
  gate.set_value();
  thread.wait_for_backlog(0);
  EXPECT_EQ(thread.backlog_bytes(), 0U);
}

TEST(IoThread, AFailureDropsTheRestAndSaysWhy) {
  IoThread thread{[] {}};
  std::promise<void> gate;
  bool ran = false;
  thread.post(7, IoThread::Work{[open = gate.get_future()] {
                open.wait();
                throw std::runtime_error{"the disk is full"};
              }});
  thread.post(7, IoThread::Work{[&] { ran = true; }});
  gate.set_value();
  try {
    thread.call([&] { ran = true; });
    FAIL() << "call must throw after a failure";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the disk is full");
  }
  EXPECT_TRUE(thread.failed());
  EXPECT_EQ(thread.failure(), "the disk is full");
  EXPECT_EQ(thread.backlog_bytes(), 0U);
  thread.post(7, IoThread::Work{[&] { ran = true; }});
  EXPECT_EQ(thread.backlog_bytes(), 0U);
  EXPECT_THROW(thread.call([&] { ran = true; }), Error);
  thread.wait_for_backlog(0);
  EXPECT_FALSE(ran);
}

TEST(IoThread, ItsDestructorDropsWhatIsQueued) {
  bool ran = false;
  bool ended = false;
  {
    std::promise<void> gate;
    std::promise<void> started;
    IoThread thread{[&] { ended = true; }};
    thread.post(0, IoThread::Work{[&started, open = gate.get_future()] {
                  started.set_value();
                  open.wait_for(std::chrono::milliseconds{50});
                }});
    thread.post(0, IoThread::Work{[&] { ran = true; }});
    started.get_future().wait();
  }
  EXPECT_FALSE(ran);
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace crema
