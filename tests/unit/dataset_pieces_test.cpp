// What the last step of a block writes and the blocks that follow read, without tasks.
#include "crema/dataset_pieces.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <numeric>
#include <string>

#include "crema/dataset_exchange.hpp"
#include "wire/parts.hpp"

namespace crema::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using LargeRow = std::array<std::int32_t, 33>;

template <class T>
T row_of(std::size_t number) {
  if constexpr (std::is_same_v<T, std::string>) {
    return std::string(number % 40, 'a') + std::to_string(number);
  } else if constexpr (std::is_same_v<T, LargeRow>) {
    LargeRow row{};
    row.fill(static_cast<std::int32_t>(number));
    return row;
  } else {
    return static_cast<T>(number % 3);
  }
}
template <class T>
std::vector<T> rows_up_to(std::size_t count) {
  std::vector<T> rows;
  for (std::size_t i = 0; i < count; ++i) rows.push_back(row_of<T>(i));
  return rows;
}
/// As the last step of a block has made it: the facts come first.
Bytes part_of(const Bytes& made, std::size_t part) { return wire::part_of(made, static_cast<std::uint32_t>(part) + 2); }
template <class T>
Bytes dealt(const std::vector<T>& all, const std::vector<std::uint32_t>& part_of_row, std::size_t parts) {
  Rows rows;
  rows.assign(all);
  write_dealt<T>(rows, part_of_row, parts);
  return Bytes{std::move(rows.part())};
}
/// A count and the pieces, each a part of a block, of which one begins at an odd place.
template <class T>
ByteReader reader_of(const std::vector<std::vector<T>>& pieces) {
  ByteBuffer count;
  count.put(static_cast<std::uint64_t>(pieces.size()));
  ByteReader reader{Bytes{std::move(count)}};
  bool odd = false;
  for (const std::vector<T>& piece : pieces) {
    ByteBuffer out;
    if ((odd = !odd)) out.put(std::byte{0});
    encode(out, piece);
    const Bytes all{std::move(out)};
    reader.append(all.slice(odd ? 1 : 0, all.size() - (odd ? 1 : 0)));
  }
  return reader;
}

template <class T>
class Pieces : public ::testing::Test {};
using RowTypes = ::testing::Types<bool, std::uint8_t, double, LargeRow, std::string>;
TYPED_TEST_SUITE(Pieces, RowTypes);

TYPED_TEST(Pieces, RowsAreDealtInTheirOrder) {
  const auto all = rows_up_to<TypeParam>(1000);
  std::vector<std::uint32_t> part_of_row;
  std::vector<std::vector<TypeParam>> expected(5);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::uint32_t part = static_cast<std::uint32_t>(i * i % 7 % 4);  // none for the last
    part_of_row.push_back(part);
    expected[part].push_back(all[i]);
  }
  const Bytes made = dealt(all, part_of_row, expected.size());
  for (std::size_t part = 0; part < expected.size(); ++part) {
    ByteReader reader{part_of(made, part)};
    EXPECT_EQ(decode<std::vector<TypeParam>>(reader), expected[part]);
    EXPECT_EQ(reader.remaining(), 0U);
  }
}

TYPED_TEST(Pieces, AreReadOneBehindTheOther) {
  const auto all = rows_up_to<TypeParam>(300);
  ByteReader reader = reader_of<TypeParam>({{}, {all.begin(), all.begin() + 7}, {all.begin() + 7, all.end()}, {}});
  std::vector<std::ptrdiff_t> ends;
  EXPECT_EQ(read_pieces<TypeParam>(reader, &ends), all);
  EXPECT_THAT(ends, ElementsAre(0, 7, 300, 300));
  EXPECT_EQ(reader.remaining(), 0U);
}

TYPED_TEST(Pieces, OfSlicesOnlyTheRowsThatAreMeant) {
  const auto all = rows_up_to<TypeParam>(100);
  ByteBuffer out;
  out.put(std::byte{0});
  encode(out, all);
  const Bytes encoded{std::move(out)};
  for (const auto& [begin, end] : {std::pair{0, 100}, {0, 0}, {3, 50}, {99, 100}, {98, 200}, {200, 300}}) {
    ByteReader reader{encoded.slice(1, encoded.size() - 1)};
    std::vector<TypeParam> rows(1, all[1]);
    append_rows(rows, reader, static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end));
    std::vector<TypeParam> expected(1, all[1]);
    for (int i = begin; i < std::min(end, 100); ++i) expected.push_back(all[static_cast<std::size_t>(i)]);
    EXPECT_EQ(rows, expected) << begin << " to " << end;
    EXPECT_EQ(reader.remaining(), 0U);
  }
}

TYPED_TEST(Pieces, ASliceIsLoadedWithTheRowsThatAreMeant) {
  const auto all = rows_up_to<TypeParam>(100);
  for (const std::size_t shift : {0, 1}) {
    ByteBuffer out;
    if (shift != 0) out.put(std::byte{0});
    encode(out, all);
    const Bytes encoded{std::move(out)};
    for (const auto& [begin, end] : {std::pair{0, 100}, {0, 0}, {3, 50}, {99, 100}, {98, 200}, {200, 300}}) {
      ByteReader reader{encoded.slice(shift, encoded.size() - shift)};
      Rows rows;
      load_rows<TypeParam>(rows, reader, static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end));
      EXPECT_EQ(reader.remaining(), 0U);
      std::vector<TypeParam> expected;
      for (int i = begin; i < std::min(end, 100); ++i) expected.push_back(all[static_cast<std::size_t>(i)]);
      EXPECT_EQ(rows.size(), expected.size());
      EXPECT_TRUE(std::ranges::equal(rows.read<TypeParam>(), expected)) << begin << " to " << end;
      std::vector<TypeParam> taken;
      rows.take_each<TypeParam>([&](TypeParam&& row) { taken.push_back(std::move(row)); });
      EXPECT_EQ(taken, expected);
      rows.assign(expected);
      EXPECT_EQ(rows.as<TypeParam>(), expected);
    }
  }
}

TYPED_TEST(Pieces, AreShuffledAlikeWhateverTheRows) {
  constexpr std::size_t count = 1000;
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  Random random{1, TaskKey{}, 0};
  shuffle(order, random);
  const auto all = rows_up_to<TypeParam>(count);
  ByteReader reader = reader_of<TypeParam>({{all.begin(), all.begin() + 400}, {}, {all.begin() + 400, all.end()}});
  Random again{1, TaskKey{}, 0};
  const auto shuffled = read_shuffled<TypeParam>(reader, again);
  ASSERT_EQ(shuffled.size(), count);
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(shuffled[i], row_of<TypeParam>(order[i])) << i;
}

TEST(Rows, AreReadWhereTheyLieUntilTheyAreChanged) {
  ByteBuffer out;
  encode(out, std::vector<double>{1, 2, 3, 4});
  const Bytes encoded{std::move(out)};
  Rows rows;
  ByteReader reader{encoded};
  load_rows<double>(rows, reader, 1, 4);
  EXPECT_EQ(static_cast<const void*>(rows.read<double>().data()), encoded.data() + 2 * sizeof(double));
  rows.as<double>().push_back(5);
  EXPECT_THAT(rows.read<double>(), ElementsAre(2, 3, 4, 5));
  EXPECT_EQ(rows.size(), 4U);
  ByteReader again{encoded};
  EXPECT_THAT(decode<std::vector<double>>(again), ElementsAre(1, 2, 3, 4));
}

TEST(Rows, GiveTheirMemoryToTheNextOnesOfTheirType) {
  constexpr std::size_t enough = 1 << 20;
  const double* before = nullptr;
  {
    Rows rows;
    rows.assign(std::vector<double>(enough));
    before = rows.as<double>().data();
  }
  std::vector<double> next = Rows::fresh<double>();
  EXPECT_THAT(next, IsEmpty());
  EXPECT_EQ(next.data(), before);
  EXPECT_GE(next.capacity(), enough);
  EXPECT_EQ(Rows::fresh<double>().capacity(), 0U);  // it was given away

  Rows rows;
  rows.assign(std::move(next));
  rows.assign(std::vector<int>(1));  // the doubles are gone
  EXPECT_EQ(Rows::fresh<float>().capacity(), 0U);
  EXPECT_EQ(Rows::fresh<double>().capacity(), 0U);  // nor is memory kept while rows of another type are made
  rows.assign(std::vector<double>(100));
  rows.assign(std::vector<double>(1));
  EXPECT_EQ(Rows::fresh<double>().capacity(), 0U);  // too little
}

TEST(Rows, ThatAreToBeWrittenHaveTheMemoryOfTheLastOnes) {
  constexpr std::size_t enough = 1 << 20;
  const auto next = [](std::size_t count) {
    std::vector<double> rows = Rows::to_be_written<double>(count);
    EXPECT_EQ(rows.size(), count);
    std::iota(rows.begin(), rows.end(), 1.0);  // all of it is there
    return rows;
  };
  const double* before = nullptr;
  {
    Rows rows;
    rows.assign(next(enough));
    before = rows.as<double>().data();
    EXPECT_EQ(rows.as<double>().back(), static_cast<double>(enough));
  }
  std::vector<double> fewer = next(enough - 1000);
  EXPECT_EQ(fewer.data(), before);
  {
    Rows rows;
    rows.assign(std::move(fewer));
  }
  std::vector<double> more = next(enough + 1000);  // some more than last time are no reason for other memory
  EXPECT_EQ(more.data(), before);
  {
    Rows rows;
    rows.assign(std::move(more));
  }
  std::vector<double> many = next(2 * enough);
  {
    Rows rows;
    rows.assign(std::move(many));
  }
  EXPECT_THAT(Rows::fresh<double>(), IsEmpty());
  // As many as are kept at most are kept, whatever room was made for more.
  constexpr std::size_t most = (64 << 20) / sizeof(double);
  before = nullptr;
  {
    Rows rows;
    rows.assign(next(most - 1));
    before = rows.as<double>().data();
  }
  EXPECT_EQ(next(most).data(), before);
  EXPECT_EQ(next(most + 1).capacity(), most + 1);
}

TEST(LargePages, ReplaceWhatWasThereButWhereNoneFits) {
  constexpr std::ptrdiff_t page = 2 << 20;
  std::vector<std::byte> memory(4 * page, std::byte{1});
  crema::detail::replace_by_large_pages(memory.data() + 1, memory.size() - 2);
  const auto replaced = std::ranges::count(memory, std::byte{0});
  EXPECT_EQ(std::ranges::count(memory, std::byte{1}), std::ssize(memory) - replaced);
  const bool there = std::filesystem::exists("/sys/kernel/mm/transparent_hugepage");
  EXPECT_GE(replaced, there ? 2 * page : 0);
  EXPECT_EQ(replaced % page, 0);
  EXPECT_EQ(memory.front(), std::byte{1});
  EXPECT_EQ(memory.back(), std::byte{1});
  std::vector<std::byte> small(page - 1, std::byte{1});
  crema::detail::replace_by_large_pages(small.data(), small.size());
  EXPECT_EQ(std::ranges::count(small, std::byte{1}), std::ssize(small));
}

}  // namespace
}  // namespace crema::dataset
