// Lists of records in Parquet files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crema/parquet.hpp"
#include "loopback_cluster.hpp"
#include "parquet_fixture.hpp"

namespace crema {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Stop {
  std::string name;
  std::optional<std::int16_t> minutes;

  friend bool operator==(const Stop&, const Stop&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(minutes);
  }
};

struct Leg {
  double km = 0;
  Position from;
  std::vector<Stop> stops;
  std::vector<bool> marks;

  friend bool operator==(const Leg&, const Leg&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(km) & BOOST_SERIALIZATION_NVP(from) & BOOST_SERIALIZATION_NVP(stops);
    archive& BOOST_SERIALIZATION_NVP(marks);
  }
};

struct Plan {
  std::vector<std::vector<Stop>> ways;

  friend bool operator==(const Plan&, const Plan&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(ways);
  }
};

struct Trip {
  std::int32_t number = 0;
  std::vector<Leg> legs;
  Plan plan;
  std::optional<std::vector<Position>> seen;
  std::string mode;

  friend bool operator==(const Trip&, const Trip&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(number) & BOOST_SERIALIZATION_NVP(legs) & BOOST_SERIALIZATION_NVP(plan);
    archive& BOOST_SERIALIZATION_NVP(seen) & BOOST_SERIALIZATION_NVP(mode);
  }
};

Trip trip(int number) {
  Trip made{.number = number, .legs = {}, .plan = {}, .seen = {}, .mode = "m" + std::to_string(number % 3)};
  for (int i = 0; i < number % 4; ++i) {
    Leg& leg = made.legs.emplace_back();
    leg.km = number + i * 0.5;
    leg.from = {.x = static_cast<float>(i), .floor = i % 2 == 0 ? std::optional{number} : std::nullopt};
    for (int stop = 0; stop < (number + i) % 3; ++stop)
      leg.stops.push_back({.name = "s" + std::to_string(stop), .minutes = static_cast<std::int16_t>(number % 100)});
    leg.marks.assign(static_cast<std::size_t>(i), number % 2 == 0);
  }
  if (number % 5 != 0) made.plan.ways = {{}, {{.name = std::to_string(number), .minutes = {}}}};
  if (number % 7 != 0) made.seen.emplace(static_cast<std::size_t>(number % 2), Position{.x = 1.5F, .floor = {}});
  return made;
}

TEST_F(Parquet, ListsOfRecordsAreVectorsOfThem) {
  std::vector<Trip> trips;
  for (int i = 0; i < 4; ++i) trips.push_back(trip(i));
  const std::vector<std::vector<Stop>> stops{{}, {{"a", 1}, {"", {}}}};
  const std::string out = (folder_.path() / "out").string();
  LoopbackCluster job{2};
  EXPECT_EQ(job.run_all([&] {
    from_items(trips).repartition(2).write_parquet(out);
    EXPECT_THAT(read_parquet<Trip>(out + "/*.parquet").take_all(), ElementsAreArray(trips));
    from_items(stops).repartition(1).write_parquet(out + "2");
    EXPECT_THAT(read_parquet<std::vector<Stop>>(out + "2/*.parquet").take_all(), ElementsAreArray(stops));
  }),
            0)
      << job.sink.end.error;
  EXPECT_EQ(pyarrow("t = pq.read_table(\"" + out +
                    "\")\nfor c in t.schema: print(c)\nfor r in t.to_pylist()[::3]: print(list(r.values()))"),
            R"(pyarrow.Field<number: int32 not null>
pyarrow.Field<legs: list<element: struct<km: double not null, from: struct<x: float not null, floor: int32> not null, stops: list<element: struct<name: string not null, minutes: int16> not null> not null, marks: list<element: bool not null> not null> not null> not null>
pyarrow.Field<plan: struct<ways: list<element: list<element: struct<name: string not null, minutes: int16> not null> not null> not null> not null>
pyarrow.Field<seen: list<element: struct<x: float not null, floor: int32> not null>>
pyarrow.Field<mode: string not null>
[0, [], {'ways': []}, None, 'm0']
[3, [{'km': 3.0, 'from': {'x': 0.0, 'floor': 3}, 'stops': [], 'marks': []}, {'km': 3.5, 'from': {'x': 1.0, 'floor': None}, 'stops': [{'name': 's0', 'minutes': 3}], 'marks': [False]}, {'km': 4.0, 'from': {'x': 2.0, 'floor': 3}, 'stops': [{'name': 's0', 'minutes': 3}, {'name': 's1', 'minutes': 3}], 'marks': [False, False]}], {'ways': [[], [{'name': '3', 'minutes': None}]]}, [{'x': 1.5, 'floor': None}], 'm0']
)");
}

/// What trip() makes, as pyarrow writes it: in other lists and an order of its own, with more members.
constexpr const char* trips_table = R"py(
def trip(n):
    stop = lambda s: {"minutes": n % 100, "more": [s], "name": f"s{s}"}
    leg = lambda i: {"marks": [n % 2 == 0] * i, "stops": [stop(s) for s in range((n + i) % 3)], "km": n + i * 0.5,
                     "from": {"floor": n if i % 2 == 0 else None, "x": i}}
    return {"mode": f"m{n % 3}", "seen": [{"x": 1.5, "y": 2}] * (n % 2) if n % 7 else None,
            "plan": {"ways": [[], [{"name": str(n)}]] if n % 5 else []}, "legs": [leg(i) for i in range(n % 4)],
            "number": n, "legs[].km": "no"}
stop = pa.struct([("minutes", pa.int64()), ("more", pa.list_(pa.int8())), ("name", pa.large_string())])
leg = pa.struct([("marks", pa.large_list(pa.bool_())), ("stops", pa.list_(stop)), ("km", pa.float64()),
                 ("from", pa.struct([("floor", pa.uint32()), ("x", pa.int8())]))])
schema = pa.schema([("mode", pa.string()), ("seen", pa.list_(pa.struct([("x", pa.float32()), ("y", pa.int8()), ("floor", pa.null())]))),
                    ("plan", pa.struct([("ways", pa.list_(pa.large_list(stop)))])), ("legs", pa.large_list(leg)), ("number", pa.int32()),
                    ("legs[].km", pa.string())])
)py";

TEST_F(Parquet, ListsOfRecordsAreReadFromAnybodysFiles) {
  ASSERT_EQ(pyarrow(std::string{trips_table} +
                    "pq.write_table(pa.Table.from_pylist([trip(n) for n in range(70001)], schema), out, "
                    "row_group_size=70000)"),
            "");
  const std::vector<Trip> rows = all<Trip>(file_);
  ASSERT_EQ(rows.size(), 70'001U);
  for (int i = 0; i < 70'001; ++i) ASSERT_TRUE(rows[static_cast<std::size_t>(i)] == trip(i)) << i;

  ASSERT_EQ(pyarrow(std::string{trips_table} + R"py(
rows = [trip(n) for n in range(6)]
rows[1]["legs"][0]["km"] = None
rows[2]["legs"][1] = None
rows[3]["legs"][2]["stops"][1]["minutes"] = 1 << 20
rows[4]["plan"]["ways"] = [None]
pq.write_table(pa.Table.from_pylist(rows, schema), out)
)py"),
            "");
  EXPECT_EQ(driver_.run([&] {
    const auto readings = read_parquet<Trip>(file_, {.on_bad_record = BadRecordPolicy::collect});
    EXPECT_THAT(readings.take_all(), ElementsAre(trip(0), trip(5)));
    const std::vector<BadRecord> bad = readings.bad_records().take_all();
    ASSERT_EQ(bad.size(), 4U);
    EXPECT_EQ(bad[0].column, "legs[].km");
    EXPECT_EQ(bad[0].reason,
              "expected lists of values that fit float64, found null in row 1 of row group 0, which needs a "
              "std::optional");
    EXPECT_EQ(bad[0].text, R"({"number":1,"legs[].km":[null],"legs[].from.x":[0],"legs[].from.floor":[1],)"
                           R"("legs[].stops[].name":[["s0"]],"legs[].stops[].minutes":[[1]],"legs[].marks":[[]],)"
                           R"("plan.ways[][].name":[[],["1"]],"plan.ways[][].minutes":[[],[null]],"seen[].x":[1.5],)"
                           R"("seen[].floor":[null],"mode":"m1"})");
    EXPECT_EQ(bad[1].column, "legs[].km");  // a record that is null has nothing in it
    EXPECT_EQ(bad[2].column, "legs[].stops[].minutes");
    EXPECT_EQ(bad[2].reason, "expected lists of lists of values that fit int16, found 1048576 in row 3 of row group 0");
    EXPECT_EQ(bad[3].column, "plan.ways[][].name");
  }),
            "");

  make("\"value\": [[{\"name\": \"a\", \"minutes\": 1}], []], \"number\": [1, 2]");
  EXPECT_THAT((all<std::vector<Stop>>(file_)), ElementsAre(ElementsAre(Stop{"a", 1}), IsEmpty()));
  EXPECT_THAT(message_of<std::vector<std::vector<Stop>>>(file_),
              HasSubstr("column \"value[][].name\": expected a column of this name, found \"value\" of type list<"));
  EXPECT_THAT(message_of<std::vector<Position>>(file_),
              HasSubstr("column \"value[].x\": expected a column of this name, found"));
  EXPECT_THAT(message_of<Trip>(file_), HasSubstr("column \"legs[].km\": expected a column of this name"));
  make("\"value\": [[{\"name\": [\"a\"], \"minutes\": 1}]]");
  EXPECT_THAT(message_of<std::vector<Stop>>(file_),
              HasSubstr("column \"value[].name\": expected lists of values that fit text, found list<"));
  make(
      "\"value\": pa.array([[{\"name\": \"a\"}] * 2] * 2, pa.list_(pa.struct([(\"name\", pa.string()), "
      "(\"minutes\", pa.int8())]), 2))");
  const std::vector<std::vector<Stop>> in_pairs(2, {{"a", {}}, {"a", {}}});
  EXPECT_THAT((all<std::vector<Stop>>(file_)), ElementsAreArray(in_pairs));
  make("\"value\": [[{\"name\": \"a\", \"minutes\": 1}], None]");
  EXPECT_THAT(all<std::optional<std::vector<Stop>>>(file_).at(1), std::nullopt);
  EXPECT_THAT(message_of<std::vector<Stop>>(file_, false), HasSubstr("found null in row 1"));
}

struct Journey {
  std::vector<Stop> leg;
  std::vector<Leg> legs;

  friend bool operator==(const Journey&, const Journey&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(leg) & BOOST_SERIALIZATION_NVP(legs);
  }
};

TEST_F(Parquet, ListsWithNothingInThemAreListsOfAnyRecords) {
  make("\"value\": [[], []]");
  EXPECT_THAT((all<std::vector<Stop>>(file_)), ElementsAre(IsEmpty(), IsEmpty()));
  EXPECT_THAT((all<std::vector<std::vector<Stop>>>(file_)), ElementsAre(IsEmpty(), IsEmpty()));
  make("\"value\": [None, None]");
  EXPECT_THAT((all<std::optional<std::vector<Stop>>>(file_)), ElementsAre(std::nullopt, std::nullopt));
  EXPECT_THAT(message_of<std::vector<Stop>>(file_),
              HasSubstr("column \"value[].name\": expected lists of values that fit text, found null"));
  make("\"value\": [[], [None]]");
  EXPECT_THAT(message_of<std::vector<Stop>>(file_, false), HasSubstr("column \"value[].name\": "));
}

TEST_F(Parquet, MembersOfRecordsWhoseListsDifferAreAnError) {
  // Files of one shape: what one has stored of the last member is put into the other.
  const std::string splice = R"py(
stop = pa.struct([("name", pa.string()), ("minutes", pa.int16())])
def write(path, rows, type):
    pq.write_table(pa.table({"value": pa.array(rows, type)}), path, use_dictionary=False, compression="none")
    group = pq.ParquetFile(path).metadata.row_group(0)
    chunk = group.column(group.num_columns - 1)
    return open(path, "rb").read(), chunk.data_page_offset, chunk.total_compressed_size
def splice(rows, other_rows, type):
    here, begin, size = write(out, rows, type)
    there, other_begin, other_size = write(out, other_rows, type)
    assert (begin, size) == (other_begin, other_size) and here[begin:begin + size] != there[begin:begin + size]
    open(out, "wb").write(here[:begin] + there[begin:begin + size] + here[begin + size:])
def stops(lists):
    return [[{"name": "s", "minutes": i} for i in each] for each in lists]
)py";
  ASSERT_EQ(pyarrow(splice + "splice(stops([[1, 2], [3]]), stops([[1], [2, 3]]), pa.list_(stop))"), "");
  EXPECT_THAT(message_of<std::vector<Stop>>(file_, false),
              HasSubstr("column \"value[].minutes\": expected values of row group 0 that can be read, found lists that "
                        "are not those of \"value[].name\""));
  ASSERT_EQ(pyarrow(splice + "splice([stops([[1, 2], [3]])], [stops([[1], [2, 3]])], pa.list_(pa.list_(stop)))"), "");
  EXPECT_THAT(message_of<std::vector<std::vector<Stop>>>(file_, false),
              HasSubstr("column \"value[][].minutes\": expected values of row group 0 that can be read, found lists "
                        "that are not those of \"value[][].name\""));
  // What is in other lists is another matter, whatever these are called.
  const std::vector<Journey> journeys{{.leg = {{"a", 1}}, .legs = std::vector<Leg>(2)},
                                      {.leg = {}, .legs = trip(3).legs}};
  const std::string out = (folder_.path() / "out").string();
  LoopbackCluster job{2};
  EXPECT_EQ(job.run_all([&] {
    from_items(journeys).repartition(1).write_parquet(out);
    EXPECT_THAT(read_parquet<Journey>(out + "/*.parquet").take_all(), ElementsAreArray(journeys));
  }),
            0)
      << job.sink.end.error;
}

struct Nothing {
  template <class Archive>
  void serialize(Archive& /*archive*/, unsigned) {}
};

struct Misnamed {
  int cups = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& boost::serialization::make_nvp("cups[]", cups);
  }
};

/// Has another field where it is told so.
struct Changing {
  int cups = 0;
  bool more = false;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(cups);
    if (more) archive& BOOST_SERIALIZATION_NVP(more);
  }
};

/// Two fields of one name.
struct Twice {
  std::vector<Stop> first, second;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& boost::serialization::make_nvp("stops", first) & boost::serialization::make_nvp("stops", second);
  }
};

template <class Work>
std::string refusal(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(ParquetColumns, ThatCannotBeAreRefused) {
  EXPECT_THAT(refusal([] { (void)parquet::columns_of<std::vector<Nothing>>(); }),
              HasSubstr("the records in \"value[]\" have no fields"));
  EXPECT_THAT(refusal([] { (void)parquet::columns_of<Misnamed>(); }),
              HasSubstr("a field is named \"cups[]\", where []"));
  EXPECT_THAT(refusal([] { (void)parquet::columns_of<std::vector<Misnamed>>(); }),
              HasSubstr("a field is named \"value[].cups[]\", where []"));
}

TEST(ParquetColumns, OfRowsThatChangeTheirFieldsAreRefused) {
  const Changing more{.cups = 1, .more = true};
  const std::string changed = "its serialize visited other fields than for the first row";
  EXPECT_EQ(refusal([] { (void)parquet::columns_with(std::vector<Changing>(2)); }), "");
  EXPECT_THAT(refusal([&] { (void)parquet::columns_with(std::vector<Changing>{{}, more}); }), HasSubstr(changed));
  EXPECT_THAT(refusal([&] {
                (void)parquet::columns_with(std::vector<std::vector<Changing>>{{{}, more}});
              }),
              HasSubstr(changed));
  std::vector<Changing> rows;
  const auto of_others = parquet::columns_with(std::vector<std::pair<int, int>>(1));
  EXPECT_THAT(refusal([&] { parquet::append_rows(rows, of_others, 0, 1); }), HasSubstr(changed));
}

TEST_F(Parquet, RecordsOfTwoListsOfOneNameAreNotMixed) {
  EXPECT_THAT(refusal([] {
                (void)parquet::Format::text(std::vector<Twice>{{.first = {{}}, .second = {{}, {}, {}}}});
              }),
              HasSubstr("writing column \"stops[].name\" to a Parquet file: "));
}

}  // namespace
}  // namespace crema
