#include "process/descriptors.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace crema::process {
namespace {

constexpr std::byte nothing{};

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
  return bytes;
}

TEST(DescriptorsTest, MessagesAreKeptApart) {
  auto [mine, its] = connected_pair();
  const auto message = pattern(300);
  for (const std::size_t size : {1, 300, 7})
    ASSERT_EQ(send_message(mine.get(), std::span{message}.first(size), {}, false), Sent::yes);
  std::array<std::byte, 400> place{};
  for (const std::size_t size : {1, 300, 7}) {
    const auto received = receive_message(its.get(), place, false);
    ASSERT_TRUE(received);
    EXPECT_EQ(received->size, size);
    EXPECT_TRUE(std::ranges::equal(std::span{place}.first(size), std::span{message}.first(size)));
  }
  EXPECT_FALSE(receive_message(its.get(), place, false));
}

TEST(DescriptorsTest, WithoutTheOtherEndThereIsNothingToWaitFor) {
  auto [mine, its] = connected_pair();
  its.reset();
  std::byte place{};
  EXPECT_EQ(send_message(mine.get(), {&nothing, 1}, {}, true), Sent::gone);
  const auto received = receive_message(mine.get(), {&place, 1}, true);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->size, 0U);
}

TEST(DescriptorsTest, AFullConnectionIsToldWithoutWaiting) {
  auto [mine, its] = connected_pair();
  Sent sent = Sent::yes;
  std::size_t count = 0;
  while ((sent = send_message(mine.get(), {&nothing, 1}, {}, false)) == Sent::yes) ++count;
  EXPECT_EQ(sent, Sent::later);
  std::byte place{};
  for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(receive_message(its.get(), {&place, 1}, false));
  EXPECT_EQ(send_message(mine.get(), {&nothing, 1}, {}, false), Sent::yes);
}

TEST(DescriptorsTest, ADescriptorIsClosedWithItsOwner) {
  int number = -1;
  {
    const Descriptor memory{::memfd_create("test", MFD_CLOEXEC)};
    number = memory.get();
    EXPECT_EQ(::lseek(number, 0, SEEK_END), 0);
  }
  EXPECT_EQ(::lseek(number, 0, SEEK_END), -1);
}

}  // namespace
}  // namespace crema::process
