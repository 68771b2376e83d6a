#include "common/storage_pool.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <new>

namespace crema {
namespace {

constexpr std::size_t mebibyte = 1 << 20;

/// The pool is the process's own: each test begins and ends with one that keeps nothing.
class StoragePoolTest : public ::testing::Test {
 protected:
  StoragePoolTest() { keep_at_most(8 * mebibyte); }
  ~StoragePoolTest() override { keep_at_most(0); }
  static void keep_at_most(std::size_t bytes) { StoragePool::of_process().keep_at_most(bytes); }

  static Bytes filled(std::size_t size, int with = 1) {
    ByteBuffer buffer;
    std::memset(buffer.extend(size), with, size);
    return Bytes{std::move(buffer)};
  }
};

TEST_F(StoragePoolTest, StorageThatIsLetGoServesTheNextOfAboutThatSize) {
  Bytes first = filled(mebibyte + 1000);
  const std::byte* const place = first.data();
  first = {};
  const Bytes next = filled(mebibyte + 90'000, 2);
  EXPECT_EQ(next.data(), place);
  EXPECT_FALSE(next.shared());
  EXPECT_NE(filled(mebibyte + 1000).data(), place);  // it is in use
  EXPECT_EQ(next.data()[mebibyte], std::byte{2});
}

TEST_F(StoragePoolTest, OthersOfItsStorageKeepIt) {
  Bytes first = filled(mebibyte);
  const std::byte* const place = first.data();
  const Bytes part = first.slice(5, 10);
  first = {};
  EXPECT_NE(filled(mebibyte).data(), place);
  EXPECT_EQ(part.data()[9], std::byte{1});
}

TEST_F(StoragePoolTest, NeitherSmallStorageNorMuchLargerIsTaken) {
  Bytes small = filled(StoragePool::smallest / 2);
  small = {};
  EXPECT_EQ(StoragePool::of_process().take(StoragePool::smallest / 2), nullptr);
  const std::byte* place = nullptr;
  {
    const Bytes large = filled(4 * mebibyte);
    place = large.data();
  }
  const Bytes other = filled(2 * mebibyte);
  EXPECT_NE(other.data(), place);
  EXPECT_EQ(filled(4 * mebibyte).data(), place);
}

TEST_F(StoragePoolTest, BeyondItsBoundTheOldestGo) {
  const std::byte* youngest = nullptr;
  {
    const Bytes third = filled(3 * mebibyte);
    const Bytes second = filled(4 * mebibyte);
    const Bytes first = filled(5 * mebibyte);
    youngest = third.data();
  }  // let go in the order of their names
  EXPECT_EQ(StoragePool::of_process().take(StoragePool::rounded(5 * mebibyte)), nullptr);
  EXPECT_EQ(filled(3 * mebibyte).data(), youngest);
  static_cast<void>(filled(9 * mebibyte));
  EXPECT_EQ(StoragePool::of_process().take(StoragePool::rounded(9 * mebibyte)), nullptr);
  EXPECT_EQ(filled(3 * mebibyte).data(), youngest);
}

TEST_F(StoragePoolTest, WhatFindsNoUseIsFreedOneByOne) {
  StoragePool& pool = StoragePool::of_process();
  const std::byte* oldest = nullptr;
  const std::byte* youngest = nullptr;
  {
    const Bytes second = filled(mebibyte);
    const Bytes first = filled(mebibyte);
    oldest = first.data();
    youngest = second.data();
  }  // let go in the order of their names
  const auto now = StoragePool::Clock::now();
  pool.free_unused(now);  // too early
  {
    const Bytes one = filled(mebibyte);
    const Bytes other = filled(mebibyte);
    EXPECT_EQ(one.data(), youngest);
    EXPECT_EQ(other.data(), oldest);
  }
  const auto later = StoragePool::Clock::now() + StoragePool::patience + std::chrono::milliseconds{1};
  pool.free_unused(later);
  detail::ByteStorage* const left = pool.take(StoragePool::rounded(mebibyte));
  EXPECT_NE(left, nullptr);
  EXPECT_EQ(pool.take(StoragePool::rounded(mebibyte)), nullptr);
  detail::ByteStorage::drop(left);
  pool.free_unused(later + StoragePool::patience);
  EXPECT_EQ(pool.take(StoragePool::rounded(mebibyte)), nullptr);
}

TEST_F(StoragePoolTest, WithoutABoundNothingIsKept) {
  keep_at_most(0);
  Bytes first = filled(mebibyte);
  first = {};
  EXPECT_EQ(StoragePool::of_process().take(StoragePool::rounded(mebibyte)), nullptr);
}

TEST_F(StoragePoolTest, RoundsUpByNoMoreThanAnEighth) {
  for (std::size_t size = StoragePool::smallest; size < std::size_t{1} << 40U; size += size / 7 + 13) {
    EXPECT_GE(StoragePool::rounded(size), size);
    EXPECT_LE(StoragePool::rounded(size), size + size / 8);
    EXPECT_EQ(StoragePool::rounded(StoragePool::rounded(size)), StoragePool::rounded(size));
  }
}

TEST_F(StoragePoolTest, ASizeThatCannotBeIsRefused) {
  ByteBuffer buffer;
  EXPECT_THROW(buffer.reserve(~std::size_t{0}), std::bad_alloc);
  EXPECT_THROW(buffer.reserve((std::size_t{1} << 47U) + 1), std::bad_alloc);
  EXPECT_EQ(buffer.size(), 0U);
}

}  // namespace
}  // namespace crema
