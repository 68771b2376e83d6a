#include "process/kept_mappings.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace crema::process {
namespace {

constexpr std::size_t page = 4096;

class KeptMappingsTest : public ::testing::Test {
 protected:
  static Mapping mapped(ino_t memory, std::size_t size) {
    void* const place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(place, MAP_FAILED);
    return {memory, static_cast<std::byte*>(place), size};
  }
  static bool is_mapped(const Mapping& mapping) {
    unsigned char page_is_there = 0;
    return ::mincore(mapping.place, page, &page_is_there) == 0;
  }
  static void unmap(const Mapping& mapping) { ::munmap(mapping.place, mapping.size); }

  KeptMappings kept_;
};

TEST_F(KeptMappingsTest, AMappingIsFoundByItsMemoryOnce) {
  const Mapping one = mapped(1, page);
  const Mapping two = mapped(2, 3 * page);
  kept_.keep(one);
  kept_.keep(two);
  EXPECT_EQ(kept_.bytes(), 4 * page);
  EXPECT_EQ(kept_.take(3, page).place, nullptr);
  const Mapping found = kept_.take(2, 2 * page);
  EXPECT_EQ(found.place, two.place);
  EXPECT_EQ(found.size, two.size);
  EXPECT_EQ(kept_.take(2, page).place, nullptr);
  EXPECT_EQ(kept_.bytes(), page);
  unmap(found);
}

TEST_F(KeptMappingsTest, OneThatIsTooSmallGoes) {
  const Mapping one = mapped(1, page);
  kept_.keep(one);
  EXPECT_EQ(kept_.take(1, page + 1).place, nullptr);
  EXPECT_EQ(kept_.bytes(), 0U);
  EXPECT_FALSE(is_mapped(one));
}

TEST_F(KeptMappingsTest, OfOneMemoryOneIsKept) {
  const Mapping first = mapped(1, page);
  const Mapping second = mapped(1, page);
  kept_.keep(first);
  kept_.keep(second);
  EXPECT_EQ(kept_.bytes(), page);
  EXPECT_TRUE(is_mapped(first));
  EXPECT_FALSE(is_mapped(second));
}

TEST_F(KeptMappingsTest, BeyondTheBoundsOthersGo) {
  constexpr std::size_t size = KeptMappings::most_bytes / 4;
  for (ino_t memory = 1; memory <= 20; ++memory) {
    kept_.keep(mapped(memory, size));
    EXPECT_LE(kept_.bytes(), KeptMappings::most_bytes);
  }
  EXPECT_EQ(kept_.bytes(), KeptMappings::most_bytes);
  const Mapping newest = kept_.take(20, size);
  EXPECT_NE(newest.place, nullptr);
  unmap(newest);
  kept_.keep(mapped(21, KeptMappings::most_bytes + page));
  EXPECT_EQ(kept_.bytes(), KeptMappings::most_bytes - size);

  for (ino_t memory = 100; memory < 100 + KeptMappings::most + 50; ++memory) kept_.keep(mapped(memory, page));
  std::size_t found = 0;
  for (ino_t memory = 1; memory < 100 + KeptMappings::most + 50; ++memory) {
    const Mapping mapping = kept_.take(memory, page);
    if (mapping.place == nullptr) continue;
    ++found;
    unmap(mapping);
  }
  EXPECT_EQ(found, KeptMappings::most);
  EXPECT_EQ(kept_.bytes(), 0U);
}

}  // namespace
}  // namespace crema::process
