#include "crema/parquet.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "loopback_cluster.hpp"
#include "parquet_fixture.hpp"

namespace crema {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::system_clock;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

enum class Size : std::int8_t { small = -1, large = 2 };

struct Sale {
  std::string drink;
  std::int32_t cups = 0;
  std::optional<double> price;
  bool paid = false;
  Size size{};
  Position position;
  std::optional<std::uint16_t> table;
  std::vector<std::string> tags;
  std::vector<std::optional<std::int64_t>> counts;
  std::optional<std::vector<bool>> flags;
  system_clock::time_point when;
  std::optional<sys_days> day;
  std::chrono::milliseconds took{};

  friend bool operator==(const Sale&, const Sale&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(cups) & BOOST_SERIALIZATION_NVP(price);
    archive& BOOST_SERIALIZATION_NVP(paid) & BOOST_SERIALIZATION_NVP(size) & BOOST_SERIALIZATION_NVP(position);
    archive& BOOST_SERIALIZATION_NVP(table) & BOOST_SERIALIZATION_NVP(tags) & BOOST_SERIALIZATION_NVP(counts);
    archive& BOOST_SERIALIZATION_NVP(flags) & BOOST_SERIALIZATION_NVP(when) & BOOST_SERIALIZATION_NVP(day);
    archive& BOOST_SERIALIZATION_NVP(took);
  }
};

std::vector<Sale> sales() {
  std::vector<Sale> rows(3);
  rows[0] = {.drink = "Latte",
             .cups = -3,
             .price = 4.5,
             .paid = true,
             .size = Size::large,
             .position = {.x = 0.5F, .floor = 7},
             .table = 65535,
             .tags = {"hot", ""},
             .counts = {1, std::nullopt, -3},
             .flags = std::vector<bool>{true, false},
             .when = system_clock::time_point{1'700'000'000'123ms},
             .day = sys_days{std::chrono::year{2012} / 2 / 29},
             .took = 1500ms};
  rows[1].drink = "Café ☕";
  rows[1].cups = 70'000;
  rows[1].size = Size::small;
  rows[1].flags.emplace();
  rows[1].took = -1ms;
  rows[2].price = 0;
  rows[2].position.x = 2.5F;
  rows[2].table = 0;
  rows[2].tags = {"x"};
  rows[2].day.emplace();
  return rows;
}

/// The same rows as a table of pyarrow, with more columns than a Sale has, in other types and another order.
constexpr const char* sales_table = R"(
when = pa.array([1700000000123, 0, 0], pa.timestamp("ms", tz="Europe/Paris"))
struct = pa.array([{"y": 1, "x": 0.5, "floor": 7}, {"y": 2, "x": 0, "floor": None}, {"y": 3, "x": 2.5, "floor": None}],
                  pa.struct([("y", pa.int8()), ("x", pa.float16() if half else pa.float32()), ("floor", pa.int64())]))
table = pa.table({"when": when, "more": [[{"a": 1}], None, []], "position": struct,
    "size": pa.array([2, -1, 0], pa.int64()), "paid": [True, False, False],
    "cups": pa.array([-3, 70000, 0], pa.int64()), "price": pa.array([4.5, None, 0], pa.float32()),
    "table": pa.array([65535, None, 0], pa.uint32()), "drink": pa.array(["Latte", "Café ☕", ""]).dictionary_encode(),
    "tags": pa.array([["hot", ""], [], ["x"]], pa.large_list(pa.string())),
    "counts": pa.array([[1, None, -3], [], []], pa.list_(pa.int8())), "flags": [[True, False], [], None],
    "day": pa.array([datetime.date(2012, 2, 29), None, datetime.date(1970, 1, 1)], pa.date32()),
    "took": pa.array([1500, -1, 0], pa.duration("ms"))})
)";

TEST(ParquetAvailable, OrTheErrorSaysHowToGetIt) {
  if (parquet_available()) {
    EXPECT_NO_THROW(parquet::check_available("read_parquet"));
    return;
  }
  try {
    (void)read_parquet<Sale>("some.parquet");
    FAIL() << "it read without Arrow";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), AllOf(StartsWith("read_parquet<"), HasSubstr("CREMA_ARROW_ROOT")));
  }
  EXPECT_THROW(range(3).write_parquet("nowhere"), UsageError);
}

TEST_F(Parquet, RowGroupsAreBlocksAndRowsComeAsTheyWereWritten) {
  for (const char* how : {"compression=\"none\"", "compression=\"snappy\"", "compression=\"zstd\"",
                          "compression=\"gzip\", use_dictionary=False", "compression=\"lz4\", version=\"1.0\"",
                          "compression=\"brotli\", data_page_version=\"2.0\", write_page_checksum=True"}) {
    ASSERT_EQ(pyarrow(std::string{"half = "} + (driver_.labels().empty() ? "True" : "False") + sales_table +
                      "pq.write_table(table, out, row_group_size=2, " + how + ")"),
              "");
    const std::size_t before = driver_.labels().size();
    const std::vector<Sale> rows = all<Sale>(file_);
    ASSERT_EQ(rows.size(), 3U) << how;
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_TRUE(rows[i] == sales()[i]) << how << ", row " << i;
    EXPECT_EQ(driver_.labels().size(), before + 2);
  }
  EXPECT_THAT(driver_.labels().front(), HasSubstr("read_parquet<crema::(anonymous namespace)::Sale>"));
}

TEST_F(Parquet, FootersCountWithoutTasks) {
  const std::string file = make("\"value\": list(range(10))", ", row_group_size=3");
  EXPECT_EQ(driver_.run([&] {
    EXPECT_EQ(read_parquet<std::int64_t>({file, file}).count(), 20U);
    EXPECT_EQ(read_parquet<std::int64_t>({file, file}).block_count(), 8U);
    EXPECT_TRUE(driver_.labels().empty());
    EXPECT_EQ(read_parquet<int>(file).filter([](int i) { return i > 5; }).count(), 4U);
    EXPECT_EQ(driver_.labels().size(), 4U);
    EXPECT_EQ(read_parquet<int>(file).stats().operators.back().rows, 10U);
    EXPECT_EQ(driver_.labels().size(), 8U);
  }),
            "");
  make("\"value\": pa.array([], pa.int8())");
  EXPECT_TRUE(all<int>(file_).empty());
}

struct Visit {
  std::string drink;
  std::optional<std::string> guest;
  std::optional<int> cups;
  std::string note;

  friend bool operator==(const Visit&, const Visit&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(guest);
    archive& BOOST_SERIALIZATION_NVP(cups) & BOOST_SERIALIZATION_NVP(note);
  }
};

TEST_F(Parquet, LargeRowGroupsAreDecodedPieceByPiece) {
  // More than is decoded at a time, and dictionaries that differ from one such piece to the next.
  constexpr std::size_t count = 150'001;
  ASSERT_EQ(pyarrow(R"py(
n = range(150001)
table = pa.table({"drink": [f"drink {i // 50000 * 10 + i % 7}" for i in n],
                  "guest": [None if i % 5 == 0 else "" if i % 5 == 1 else f"guest {i % 11}" for i in n],
                  "cups": pa.array([None if i % 3 == 0 else i % 8 for i in n]).dictionary_encode(),
                  "note": [f"note {i}" for i in n]})
pq.write_table(table, out, row_group_size=140001, use_dictionary=["drink", "guest", "cups"])
)py"),
            "");
  const std::vector<Visit> rows = all<Visit>(file_);
  ASSERT_EQ(rows.size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    const Visit expected{.drink = "drink " + std::to_string(i / 50'000 * 10 + i % 7),
                         .guest = i % 5 == 0   ? std::nullopt
                                  : i % 5 == 1 ? std::optional{std::string{}}
                                               : std::optional{"guest " + std::to_string(i % 11)},
                         .cups = i % 3 == 0 ? std::nullopt : std::optional{static_cast<int>(i % 8)},
                         .note = "note " + std::to_string(i)};
    ASSERT_TRUE(rows[i] == expected) << i;
  }
}

TEST_F(Parquet, NumbersOfOtherTypesAreTakenWhereTheyFit) {
  make("\"value\": pa.array([0, 255], pa.uint64())");
  EXPECT_THAT(all<std::uint8_t>(file_), ElementsAre(0, 255));
  EXPECT_THAT(all<double>(file_), ElementsAre(0.0, 255.0));
  EXPECT_EQ(message_of<std::int8_t>(file_, false),
            ": column \"value\": expected values that fit int8, found 255 in row 1 of row group 0");
  make("\"value\": pa.array([1, 2, 3, -1], pa.int16())", ", row_group_size=2");
  EXPECT_EQ(message_of<std::uint64_t>(file_, false),
            ": column \"value\": expected values that fit uint64, found -1 in row 1 of row group 1");
  make("\"value\": pa.array([1 << 53, (1 << 53) + 1])");
  EXPECT_EQ(message_of<double>(file_, false),
            ": column \"value\": expected values that fit float64, found 9007199254740993 in row 1 of row group 0");
  make("\"value\": pa.array([b\"caf\\xc3\\xa9\", b\"\"], pa.binary())");
  EXPECT_THAT(all<std::string>(file_), ElementsAre("café", ""));
  make("\"value\": pa.array([7, None, 7, 9]).dictionary_encode()");
  EXPECT_THAT(all<std::optional<int>>(file_), ElementsAre(7, std::nullopt, 7, 9));
  make("\"value\": pa.nulls(2)");
  EXPECT_THAT(all<std::optional<std::string>>(file_), ElementsAre(std::nullopt, std::nullopt));
}

TEST_F(Parquet, TimesOfAnyUnitAreRoundedDown) {
  using Seconds = std::chrono::sys_seconds;
  for (const char* unit : {"s", "ms", "us", "ns"}) {
    make(
        "\"value\": pa.array([datetime.datetime(1969, 12, 31, 23, 59, 58), datetime.datetime(2026, 1, 1)], "
        "pa.timestamp(\"" +
        std::string{unit} + "\"))");
    EXPECT_THAT(all<Seconds>(file_), ElementsAre(Seconds{-2s}, Seconds{1'767'225'600s})) << unit;
    EXPECT_THAT(all<sys_days>(file_).front(), sys_days{} - std::chrono::days{1}) << unit;
  }
  for (const char* unit : {"s", "ms", "us", "ns"}) {
    make("\"value\": pa.array([-1, 1], pa.timestamp(\"" + std::string{unit} + "\"))");
    EXPECT_THAT(all<Seconds>(file_), ElementsAre(Seconds{-1s}, Seconds{unit == std::string{"s"} ? 1s : 0s})) << unit;
  }
  make("\"value\": pa.array([datetime.date(1000, 1, 1)], pa.date64())");
  EXPECT_THAT(all<sys_days>(file_), ElementsAre(sys_days{std::chrono::year{1000} / 1 / 1}));
  EXPECT_EQ(message_of<system_clock::time_point>(file_, false),
            ": column \"value\": expected values that fit time, found -354285 of date32[day] in row 0 of row group 0");
  make("\"value\": pa.array([datetime.time(8, 15, 30)], pa.time32(\"s\"))");
  EXPECT_THAT(all<std::chrono::milliseconds>(file_), ElementsAre(29'730'000ms));
}

TEST_F(Parquet, NullNeedsAnOptional) {
  make("\"value\": [1, None]");
  EXPECT_EQ(message_of<int>(file_, false),
            ": column \"value\": expected values that fit int32, found null in row 1 of row group 0, which needs a "
            "std::optional");
  ASSERT_EQ(pyarrow("half = False\n" + std::string{sales_table} +
                    "table = table.set_column(table.schema.get_field_index(\"tags\"), \"tags\", pa.array([[\"a\"], [], "
                    "None]))\npq.write_table(table, out)"),
            "");
  EXPECT_THAT(message_of<Sale>(file_, false),
              HasSubstr("column \"tags\": expected lists of values that fit text, found "
                        "null in row 2"));
  ASSERT_EQ(pyarrow("half = False\n" + std::string{sales_table} +
                    "table = table.set_column(table.schema.get_field_index(\"tags\"), \"tags\", pa.array([[\"a\"], [], "
                    "[\"b\", None]]))\npq.write_table(table, out)"),
            "");
  EXPECT_THAT(message_of<Sale>(file_, false),
              HasSubstr("column \"tags\": expected lists of values that fit text, found "
                        "null in row 2"));
}

TEST_F(Parquet, ColumnsThatDoNotFitAreToldBeforeAnyTask) {
  make("\"other\": [1]");
  EXPECT_EQ(message_of<int>(file_), ": column \"value\": expected a column of this name, found the columns \"other\"");
  EXPECT_EQ(message_of<Position>(file_), ": column \"x\": expected a column of this name, found the columns \"other\"");
  make("\"value\": [1.5]");
  EXPECT_EQ(message_of<int>(file_), ": column \"value\": expected values that fit int32, found double");
  EXPECT_EQ(message_of<float>(file_), ": column \"value\": expected values that fit float32, found double");
  EXPECT_EQ(message_of<bool>(file_), ": column \"value\": expected values that fit bool, found double");
  EXPECT_EQ(message_of<std::string>(file_), ": column \"value\": expected values that fit text, found double");
  EXPECT_EQ(message_of<sys_days>(file_), ": column \"value\": expected values that fit time, found double");
  make("\"value\": [decimal.Decimal(\"1.50\")]");
  EXPECT_EQ(message_of<double>(file_), ": column \"value\": expected values that fit float64, found decimal128(3, 2)");
  make("\"value\": [[1]]");
  EXPECT_THAT(message_of<int>(file_), StartsWith(": column \"value\": expected values that fit int32, found list<"));
  EXPECT_EQ(
      pyarrow("pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], [\"value\", \"value\"]), out)"), "");
  EXPECT_EQ(message_of<int>(file_), ": column \"value\": expected one column of this name, found several");
  ASSERT_EQ(pyarrow("half = False\n" + std::string{sales_table} + "pq.write_table(table.drop([\"counts\"]), out)"), "");
  EXPECT_THAT(message_of<Sale>(file_), AllOf(StartsWith(": column \"counts\": expected a column of this name, "
                                                        "found the columns \"when\", \"more\", "),
                                             HasSubstr(", \"drink\", \"tags\"")));
}

TEST_F(Parquet, EveryFileOfAPatternIsChecked) {
  make("\"value\": [1]");
  fs::rename(file_, folder_.path() / "a.parquet");
  make("\"value\": [\"one\"]");
  EXPECT_EQ(message_of<int>(folder_.path() / "*.parquet"),
            ": column \"value\": expected values that fit int32, found string");
  make("\"x\": [1]");
  EXPECT_EQ(message_of<int>(folder_.path() / "*.parquet"),
            ": column \"value\": expected a column of this name, found the columns \"x\"");
}

TEST_F(Parquet, DamagedFilesAreErrorsThatNameThem) {
  make("\"value\": list(range(20000))", ", row_group_size=10000, compression=\"none\", write_page_checksum=True");
  const std::uintmax_t size = fs::file_size(file_);
  std::string content(size, '\0');
  std::ifstream{file_, std::ios::binary}.read(content.data(), static_cast<std::streamsize>(size));
  const auto rewrite = [&](const std::string& bytes) { std::ofstream{file_, std::ios::binary} << bytes; };

  rewrite(content.substr(0, size / 2));
  EXPECT_THAT(message_of<int>(file_), StartsWith(": expected a whole Parquet file that can be read, found "));
  rewrite("");
  EXPECT_THAT(message_of<int>(file_), StartsWith(": expected a whole Parquet file that can be read, found "));
  rewrite("PAR1 and no more than text");
  EXPECT_THAT(message_of<int>(file_), StartsWith(": expected a whole Parquet file that can be read, found "));
  rewrite(content.substr(0, 4) + content.substr(size / 2));
  EXPECT_THAT(message_of<int>(file_),
              AllOf(StartsWith(": column \"value\": expected its values of row group 1 to end "),
                    EndsWith("something is cut out of the file")));
  std::string damaged = content;
  damaged[size / 4] = static_cast<char>(damaged[size / 4] ^ 1);
  rewrite(damaged);
  EXPECT_THAT(message_of<int>(file_, false),
              StartsWith(": column \"value\": expected values of row group 0 that can be read, found "));
  fs::remove(file_);
  EXPECT_THAT(message_of<int>(file_), StartsWith(": expected a file, found none of that name"));
}

TEST_F(Parquet, WhatIsWrittenReadsBackHereAndInPython) {
  const std::string out = (folder_.path() / "out").string();
  std::vector<Sale> rows;
  for (int i = 0; i < 200; ++i) {
    rows.push_back(sales()[static_cast<std::size_t>(i) % 3]);
    rows.back().cups = i;
  }
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([&] {
    from_items(rows).repartition(3).write_parquet(out);
    const auto again = read_parquet<Sale>(out + "/part-*.parquet").take_all();
    ASSERT_EQ(again.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_TRUE(again[i] == rows[i]) << i;
    EXPECT_EQ(read_parquet<Sale>(out + "/part-*.parquet").count(), rows.size());
    from_items(rows).filter([](const Sale&) { return false; }).write_parquet(out + "3");
    EXPECT_THAT(read_parquet<Sale>(out + "3/part-*.parquet").take_all(), IsEmpty());
    from_items(std::vector<bool>{true, false}).repartition(1).write_parquet(out + "2");
    EXPECT_THAT(read_parquet<bool>(out + "2/part-000000.parquet").take_all(), ElementsAre(true, false));
  }),
            0)
      << job.sink.end.error;
  EXPECT_TRUE(fs::exists(out + "/_SUCCESS"));
  EXPECT_EQ(
      pyarrow("t = pq.read_table(\"" + out +
              "\")\nfor n, c in zip(t.schema.names, t.schema): print(n, c.type, \"null\" if c.nullable else \"\")\n"
              "print(t.num_rows, pq.ParquetFile(\"" +
              out +
              "/part-000000.parquet\").metadata.row_group(0).column(0).compression)\n"
              "t = t.slice(0, 3)\nfor n in [\"when\", \"day\", \"took\"]: t = "
              "t.set_column(t.schema.names.index(n), n, t[n].cast(pa.int64()))\n"
              "for r in t.to_pylist(): print(ascii(list(r.values())))"),
      R"(drink string 
cups int32 
price double null
paid bool 
size int8 
position struct<x: float not null, floor: int32> 
table uint16 null
tags list<element: string not null> 
counts list<element: int64> 
flags list<element: bool not null> null
when timestamp[ns, tz=UTC] 
day timestamp[ns, tz=UTC] null
took duration[ns] 
200 ZSTD
['Latte', 0, 4.5, True, 2, {'x': 0.5, 'floor': 7}, 65535, ['hot', ''], [1, None, -3], [True, False], 1700000000123000000, 1330473600000000000, 1500000000]
['Caf\xe9 \u2615', 1, None, False, -1, {'x': 0.0, 'floor': None}, None, [], [], [], 0, None, -1000000]
['', 2, 0.0, False, 0, {'x': 2.5, 'floor': None}, 0, ['x'], [], None, 0, 0, 0]
)");
}

struct Grid {
  std::vector<std::vector<int>> cells;
  std::optional<std::vector<std::optional<std::vector<std::optional<std::string>>>>> names;

  friend bool operator==(const Grid&, const Grid&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(cells) & BOOST_SERIALIZATION_NVP(names);
  }
};

TEST_F(Parquet, ListsOfListsAreVectorsOfVectors) {
  const std::string out = (folder_.path() / "out").string();
  std::vector<Grid> grids(4);
  grids[0] = {.cells = {{1, 2}, {}, {3}}, .names = {{{{"a", std::nullopt}}, std::nullopt, {{"", "b"}}}}};
  grids[1].names.emplace();
  grids[2] = {.cells = {{}, {-4}}, .names = {{std::vector<std::optional<std::string>>{}}}};
  const std::vector<std::vector<std::vector<double>>> cubes{{}, {{0.5}, {}, {1, 2}}, {{}}};
  LoopbackCluster job{2};
  EXPECT_EQ(job.run_all([&] {
    from_items(grids).repartition(2).write_parquet(out);
    EXPECT_THAT(read_parquet<Grid>(out + "/*.parquet").take_all(), ElementsAreArray(grids));
    from_items(cubes).repartition(1).write_parquet(out + "2");
    EXPECT_THAT(read_parquet<std::vector<std::vector<double>>>(out + "2/*.parquet").take_all(),
                ElementsAreArray(cubes));
  }),
            0)
      << job.sink.end.error;
  EXPECT_EQ(pyarrow("t = pq.read_table(\"" + out +
                    "\")\nfor c in t.schema: print(c.type, c.nullable)\nfor r in t.to_pylist(): print(r)"),
            R"(list<element: list<element: int32 not null> not null> False
list<element: list<element: string>> True
{'cells': [[1, 2], [], [3]], 'names': [['a', None], None, ['', 'b']]}
{'cells': [], 'names': []}
{'cells': [[], [-4]], 'names': [[]]}
{'cells': [], 'names': None}
)");
  // More than is decoded at a time.
  ASSERT_EQ(pyarrow(R"py(
n = range(20001)
cells = pa.array([[[i] * (i % 3)] * (i % 4) for i in n], pa.large_list(pa.list_(pa.int16())))
names = pa.array([None if i % 5 == 0 else [["n"] * (i % 2), None] for i in n], pa.list_(pa.list_(pa.string())))
pq.write_table(pa.table({"cells": cells, "names": names}), out, row_group_size=15000)
)py"),
            "");
  const std::vector<Grid> rows = all<Grid>(file_);
  ASSERT_EQ(rows.size(), 20'001U);
  for (int i = 0; i < 20'001; ++i) {
    Grid expected;
    expected.cells.assign(static_cast<std::size_t>(i % 4), std::vector<int>(static_cast<std::size_t>(i % 3), i));
    if (i % 5 != 0)
      expected.names = {{std::vector<std::optional<std::string>>(static_cast<std::size_t>(i % 2), "n"), std::nullopt}};
    ASSERT_TRUE(rows[static_cast<std::size_t>(i)] == expected) << i;
  }
  make("\"value\": [[[1, 2], [3]], [[4, None]], [None]]");
  EXPECT_THAT(message_of<std::vector<std::vector<int>>>(file_, false),
              HasSubstr("expected lists of lists of values that fit int32, found null in row 1 of row group 0"));
  EXPECT_THAT(message_of<std::vector<std::vector<std::optional<int>>>>(file_, false), HasSubstr("found null in row 2"));
  EXPECT_EQ(driver_.run([&] {
    EXPECT_THAT(
        (read_parquet<std::vector<std::vector<int>>>(file_, {.on_bad_record = BadRecordPolicy::skip}).take_all()),
        ElementsAre(std::vector<std::vector<int>>{{1, 2}, {3}}));
  }),
            "");
  EXPECT_THAT(message_of<std::vector<int>>(file_), HasSubstr("found list<"));
  EXPECT_THAT(message_of<std::vector<std::vector<std::vector<int>>>>(file_), HasSubstr("found list<"));
  make("\"value\": [[], [None], []]");
  EXPECT_THAT((all<std::vector<std::optional<int>>>(file_)),
              ElementsAre(IsEmpty(), ElementsAre(std::nullopt), IsEmpty()));
  EXPECT_THAT(message_of<std::vector<int>>(file_, false), HasSubstr("found null in row 1"));
  EXPECT_THAT(message_of<std::vector<std::vector<int>>>(file_, false), HasSubstr("found null in row 1"));
  make("\"value\": [[], []]");
  EXPECT_THAT((all<std::vector<std::vector<int>>>(file_)), ElementsAre(IsEmpty(), IsEmpty()));
}

struct Reading {
  std::int8_t level = 0;
  std::vector<int> marks;
  std::string name;

  friend bool operator==(const Reading&, const Reading&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(level) & BOOST_SERIALIZATION_NVP(marks) & BOOST_SERIALIZATION_NVP(name);
  }
};

struct Mixed {
  std::int8_t value = 0;
  std::string name;
  sys_days day;
  std::vector<std::optional<std::vector<double>>> lists;
  std::optional<bool> x;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(value) & BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(day);
    archive& BOOST_SERIALIZATION_NVP(lists) & BOOST_SERIALIZATION_NVP(x);
  }
};

TEST_F(Parquet, ABadValueCostsItsRowAlone) {
  ASSERT_EQ(pyarrow(R"py(
n = range(20001)
level = [None if i == 9000 else 200 if i in (3, 15001) else i % 100 for i in n]
marks = [[1, None, None] if i == 9000 else None if i == 20000 else [i, 1 << 40] if i == 8191 else [i] * (i % 3) for i in n]
quote = chr(34)
name = [None if i == 3 else f"say {quote}{i % 7}{quote}" for i in n]
pq.write_table(pa.table({"level": level, "marks": marks, "name": name}), out, row_group_size=15000)
)py"),
            "");
  const std::vector<std::size_t> bad{3, 8191, 9000, 15'001, 20'000};
  EXPECT_THAT(message_of<Reading>(file_, false),
              HasSubstr("column \"level\": expected values that fit int8, found 200 in row 3 of row group 0"));
  EXPECT_EQ(driver_.run([&] {
    const Dataset<Reading> readings = read_parquet<Reading>(file_, {.on_bad_record = BadRecordPolicy::collect});
    const std::vector<Reading> rows = readings.take_all();
    ASSERT_EQ(rows.size(), 20'001 - bad.size());
    for (std::size_t i = 0, next = 0; i < 20'001; ++i) {
      if (std::ranges::find(bad, i) != bad.end()) continue;
      const Reading expected{.level = static_cast<std::int8_t>(i % 100),
                             .marks = std::vector<int>(i % 3, static_cast<int>(i)),
                             .name = "say \"" + std::to_string(i % 7) + "\""};
      ASSERT_TRUE(rows[next++] == expected) << i;
    }
    EXPECT_EQ(readings.count(), rows.size());
    EXPECT_EQ(readings.stats().operators.at(0).left_out, bad.size());
    EXPECT_EQ(read_parquet<Reading>(file_, {.on_bad_record = BadRecordPolicy::skip}).count(), rows.size());

    const std::vector<BadRecord> records = readings.bad_records().take_all();
    ASSERT_EQ(records.size(), bad.size());
    for (std::size_t i = 0; i < bad.size(); ++i) {
      EXPECT_EQ(records[i].file, file_);
      EXPECT_EQ(records[i].line, bad[i] + 1);
    }
    EXPECT_EQ(records[0].column, "level");
    EXPECT_EQ(records[0].text, R"({"level":200,"marks":[],"name":null})");
    EXPECT_EQ(records[0].reason, "expected values that fit int8, found 200 in row 3 of row group 0");
    EXPECT_EQ(records[1].column, "marks");
    EXPECT_EQ(records[1].text, R"({"level":91,"marks":[8191,1099511627776],"name":"say \"1\""})");
    EXPECT_EQ(records[2].column, "level");
    EXPECT_EQ(records[2].text, R"({"level":null,"marks":[1,null,null],"name":"say \"5\""})");
    EXPECT_EQ(records[3].reason, "expected values that fit int8, found 200 in row 1 of row group 1");
    EXPECT_EQ(records[4].column, "marks");
    EXPECT_EQ(records[4].reason,
              "expected lists of values that fit int32, found null in row 5000 of row group 1, which needs a "
              "std::optional");
  }),
            "");
  make(
      "\"value\": [1, 300], \"more\": [1, 1], \"name\": pa.array([b\"\", b\"a\\xff\"]), \"x\": [None, True], "
      "\"day\": [datetime.date(2026, 1, 2)] * 2, \"lists\": [[], [[1.5], None, [float(chr(110) + chr(97) + "
      "chr(110))]]]");
  EXPECT_EQ(driver_.run([&] {
    EXPECT_EQ(
        read_parquet<Mixed>(file_, {.on_bad_record = BadRecordPolicy::collect}).bad_records().take_all().at(0).text,
        R"({"value":300,"name":"61ff","day":"2026-01-02","lists":[[1.5],null,[null]],"x":true})");
  }),
            "");
  make("\"value\": pa.array([7, 300, None, 300, 9]).dictionary_encode()");
  EXPECT_THAT(message_of<std::optional<std::int8_t>>(file_, false), HasSubstr("found 300 in row 1 of row group 0"));
  EXPECT_EQ(driver_.run([&] {
    EXPECT_THAT(read_parquet<std::optional<std::int8_t>>(file_, {.on_bad_record = BadRecordPolicy::skip}).take_all(),
                ElementsAre(7, std::nullopt, 9));
  }),
            "");
}

struct Odd {
  std::vector<std::string> texts;
  std::vector<sys_days> days;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(texts) & BOOST_SERIALIZATION_NVP(days);
  }
};

std::string refusal(const Odd& row) {
  try {
    (void)parquet::Format::text(std::vector<Odd>{{.texts = {"a", "b"}, .days = {sys_days{}}}, row});
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST_F(Parquet, WhatNoFileCanHoldIsAnErrorThatNamesTheColumn) {
  EXPECT_EQ(refusal({}), "");
  EXPECT_THAT(refusal({.texts = {"caf\xE9"}, .days = {}}),
              AllOf(StartsWith("writing column \"texts\" to a Parquet file: "), HasSubstr("text must be UTF-8")));
  EXPECT_THAT(
      refusal({.texts = {}, .days = {sys_days{std::chrono::year{1000} / 1 / 1}}}),
      StartsWith("writing column \"days\" to a Parquet file: -354285 times 86400/1 s in row 1 of the block is beyond"));
}

}  // namespace
}  // namespace crema
