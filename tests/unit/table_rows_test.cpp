#include "crema/table_rows.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>

namespace crema {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::ElementsAre;

enum class Size : std::int16_t { small = 1, large = 7 };

struct Place {
  double x = 0;
  float y = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(x) & BOOST_SERIALIZATION_NVP(y);
  }
};

struct Everything {
  std::string text;
  bool flag = false;
  char letter = 'a';
  unsigned long count = 0;
  long double precise = 0;
  Size size = Size::small;
  system_clock::time_point when;
  milliseconds duration{};
  std::optional<double> tip;
  std::optional<int> table;
  std::optional<std::string> note;
  Place pos;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(text) & BOOST_SERIALIZATION_NVP(flag) & BOOST_SERIALIZATION_NVP(letter) &
        BOOST_SERIALIZATION_NVP(count) & BOOST_SERIALIZATION_NVP(precise) & BOOST_SERIALIZATION_NVP(size) &
        BOOST_SERIALIZATION_NVP(when) & BOOST_SERIALIZATION_NVP(duration) & BOOST_SERIALIZATION_NVP(tip) &
        BOOST_SERIALIZATION_NVP(table) & BOOST_SERIALIZATION_NVP(note) & BOOST_SERIALIZATION_NVP(pos);
  }
};

template <class T>
std::vector<T> values_of(const ColumnBatch::Column& column) {
  std::vector<T> values(column.values.size() / sizeof(T));
  std::memcpy(values.data(), column.values.data(), column.values.size());
  return values;
}

TEST(ColumnsOf, NamesAndTypesFollowSerialize) {
  EXPECT_THAT(columns_of<Everything>(),
              ElementsAre(ColumnSpec{"text", ColumnType::text}, ColumnSpec{"flag", ColumnType::boolean},
                          ColumnSpec{"letter", ColumnType::int8}, ColumnSpec{"count", ColumnType::uint64},
                          ColumnSpec{"precise", ColumnType::float64}, ColumnSpec{"size", ColumnType::int16},
                          ColumnSpec{"when", ColumnType::time}, ColumnSpec{"duration", ColumnType::duration},
                          ColumnSpec{"tip", ColumnType::float64, true}, ColumnSpec{"table", ColumnType::int32, true},
                          ColumnSpec{"note", ColumnType::text, true}, ColumnSpec{"pos.x", ColumnType::float64},
                          ColumnSpec{"pos.y", ColumnType::float32}));
}

TEST(ColumnsOf, ACellIsARowOfOneColumn) {
  EXPECT_THAT(columns_of<int>(), ElementsAre(ColumnSpec{"value", ColumnType::int32}));
}

TEST(AppendRow, EveryTypeLandsInItsColumn) {
  ColumnBatch batch{columns_of<Everything>()};
  const system_clock::time_point when{milliseconds{1'500}};
  append_row(batch,
             Everything{"é", true, 'b', 1UL << 40U, 0.5L, Size::large, when, milliseconds{2}, 0.25, 3, "n", {1, 2}});
  append_row(batch, Everything{});

  ASSERT_EQ(batch.rows, 2U);
  const auto& columns = batch.columns;
  EXPECT_THAT(columns[0].texts, ElementsAre("é", ""));
  EXPECT_THAT(values_of<std::uint8_t>(columns[1]), ElementsAre(1, 0));
  EXPECT_THAT(values_of<char>(columns[2]), ElementsAre('b', 'a'));
  EXPECT_THAT(values_of<std::uint64_t>(columns[3]), ElementsAre(1ULL << 40U, 0U));
  EXPECT_THAT(values_of<double>(columns[4]), ElementsAre(0.5, 0));
  EXPECT_THAT(values_of<std::int16_t>(columns[5]), ElementsAre(7, 1));
  EXPECT_THAT(values_of<std::int64_t>(columns[6]), ElementsAre(1'500'000'000, 0));
  EXPECT_THAT(values_of<std::int64_t>(columns[7]), ElementsAre(2'000'000, 0));
  EXPECT_EQ(values_of<double>(columns[8])[0], 0.25);
  EXPECT_TRUE(std::isnan(values_of<double>(columns[8])[1]));
  EXPECT_THAT(columns[8].valid, ElementsAre(1, 0));
  EXPECT_THAT(values_of<int>(columns[9]), ElementsAre(3, 0));
  EXPECT_THAT(columns[9].valid, ElementsAre(1, 0));
  EXPECT_THAT(columns[10].texts, ElementsAre("n", ""));
  EXPECT_THAT(columns[10].valid, ElementsAre(1, 0));
  EXPECT_THAT(values_of<double>(columns[11]), ElementsAre(1, 0));
  EXPECT_THAT(values_of<float>(columns[12]), ElementsAre(2, 0));
}

struct Fickle {
  int fields = 1;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    for (int i = 0; i < fields; ++i) ar& BOOST_SERIALIZATION_NVP(fields);
  }
};

TEST(AppendRow, ASerializeThatChangesItsFieldsIsAnError) {
  ColumnBatch batch{columns_of<Fickle>()};
  EXPECT_THROW(append_row(batch, Fickle{2}), UsageError);
  EXPECT_THROW(append_row(batch, Fickle{0}), UsageError);
}

TEST(AppendRow, ATimeThatNanosecondsDoNotHoldIsAnError) {
  using namespace std::chrono;
  ColumnBatch batch{columns_of<sys_days>()};
  EXPECT_THROW(append_row(batch, sys_days{year{1000} / 1 / 1}), Error);
  EXPECT_THROW(append_row(batch, sys_days{year{2300} / 1 / 1}), Error);
  ColumnBatch kept{columns_of<sys_days>()};
  append_row(kept, sys_days{year{2261} / 1 / 1});
  std::int64_t nanoseconds = 0;
  std::memcpy(&nanoseconds, kept.columns[0].values.data(), sizeof nanoseconds);
  EXPECT_EQ(nanoseconds, 9'183'110'400'000'000'000);
}

}  // namespace
}  // namespace crema
