#include "crema/copy_past_caches.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace crema::detail {
namespace {

TEST(CopyPastCaches, CopiesWhatItIsToldAndNothingElse) {
  std::array<std::byte, 400> source{};
  for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::byte>(i * 7 + 1);
  for (const std::size_t from : {0, 1, 8, 13}) {
    for (const std::size_t to : {0, 1, 4, 8, 24}) {
      for (const std::size_t size : {0, 1, 7, 8, 9, 64, 127, 300}) {
        alignas(16) std::array<std::byte, 400> place{};
        {
          const CopyPastCaches copy;
          copy(place.data() + to, source.data() + from, size);
        }
        std::array<std::byte, 400> expected{};
        std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(from), size,
                    expected.begin() + static_cast<std::ptrdiff_t>(to));
        EXPECT_EQ(place, expected) << size << " bytes from " << from << " to " << to;
      }
    }
  }
}

}  // namespace
}  // namespace crema::detail
