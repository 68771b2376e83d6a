#include "crema/hdf5.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

#include "crema/results.hpp"
#include "local_driver.hpp"
#include "loopback_cluster.hpp"
#include "python.hpp"
#include "record/run_file.hpp"
#include "small_disk.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

enum class Size : std::int8_t { small = 1, large = 2 };

struct Position {
  float x = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(x);
  }
};

struct Sale {
  std::string drink;
  std::int32_t cups = 0;
  std::optional<double> price;
  bool paid = false;
  Size size{};
  Position position;
  std::optional<std::uint16_t> table;

  friend void PrintTo(const Sale& sale, std::ostream* stream) { *stream << sale.text(); }
  [[nodiscard]] std::string text() const {
    return fmt::format("{} {} {} {} {} {} {}", drink, cups, price.value_or(-1), paid, static_cast<int>(size),
                       position.x, table.value_or(9999));
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(cups) & BOOST_SERIALIZATION_NVP(price);
    archive& BOOST_SERIALIZATION_NVP(paid) & BOOST_SERIALIZATION_NVP(size) & BOOST_SERIALIZATION_NVP(position);
    archive& BOOST_SERIALIZATION_NVP(table);
  }
};

constexpr const char* columns =
    "drink = [\"Latte\", \"Café\", \"\"]\n"
    "size = h5py.enum_dtype({\"SMALL\": 1, \"LARGE\": 2}, basetype=\"i1\")\n"
    "names = [\"position.x\", \"more\", \"size\", \"paid\", \"cups\", \"price\", \"table\", \"drink\"]\n"
    "types = [\"<f4\", \"<i8\", size, bool, \">i2\", \"<f4\", \"u1\"]\n"
    "values = [[0.5, 1.5, 2.5], [7, 8, 9], [1, 2, 1], [True, False, True], [-3, 300, 5], [4.5, float(\"nan\"), 0], [1, "
    "2, 255]]\n";

class Hdf5 : public ::testing::Test {
 protected:
  /// Makes a file with h5py; `script` has it as `f`.
  std::string make(const std::string& script) const {
    const std::string file = folder_.path() / "file.h5";
    EXPECT_EQ(
        testing::python("import h5py, numpy\nf = h5py.File(\"" + file + "\", \"w\")\n" + script + "\nf.close()\n"), "");
    return file;
  }
  template <class T>
  std::string message_of(const std::string& file, const std::string& table) {
    testing::LocalDriver driver;
    const std::string message = driver.run([&] { (void)read_hdf5<T>(file, table).count(); });
    EXPECT_TRUE(message.empty() || driver.labels().empty());
    return message.substr(std::min(message.size(), file.size()));
  }

  testing::LocalDriver driver_;
  testing::TemporaryFolder folder_;
};

TEST_F(Hdf5, CompoundsAndGroupsOfColumnsAreRows) {
  const std::string file = make(
      columns + std::string{"types.append(h5py.string_dtype())\n"
                            "rows = numpy.zeros(3, dtype=list(zip(names, types)))\n"
                            "for n, v in zip(names, values + [drink]): rows[n] = v\n"
                            "f[\"all/compound\"] = rows\n"
                            "types[-1] = \"S8\"\n"
                            "fixed = numpy.zeros(3, dtype=list(zip(names, types)))\n"
                            "for n, v in zip(names, values): fixed[n] = v\n"
                            "types[-1] = h5py.string_dtype()\n"
                            "fixed[\"drink\"] = [d.encode() for d in drink]\n"
                            "f[\"fixed\"] = fixed\n"
                            "g = f.create_group(\"group\")\n"
                            "for n, t, v in zip(names, types, values + [drink]): g.create_dataset(n, data=v, dtype=t)\n"
                            "g[\"table_valid\"] = numpy.array([True, False, True])\n"});
  EXPECT_EQ(driver_.run([&] {
    const auto text = [](const Sale& sale) { return sale.text(); };
    for (const char* table : {"all/compound", "/fixed"}) {
      EXPECT_THAT(read_hdf5<Sale>(file, table).map(text).take_all(),
                  ElementsAre("Latte -3 4.5 true 1 0.5 1", "Café 300 -1 false 2 1.5 2", " 5 0 true 1 2.5 255"));
    }
    EXPECT_THAT(read_hdf5<Sale>(file, "group").map(text).take_all(),
                ElementsAre("Latte -3 4.5 true 1 0.5 1", "Café 300 -1 false 2 1.5 9999", " 5 0 true 1 2.5 255"));
    EXPECT_THAT(driver_.labels().front(), HasSubstr("read_hdf5<crema::(anonymous namespace)::Sale>.map<"));
  }),
            "");
}

struct Inner {
  std::string name;
  std::int32_t count = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(count);
  }
};

struct Outer {
  std::int64_t id = 0;
  Inner inner;
  Position position;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(id) & BOOST_SERIALIZATION_NVP(inner) & BOOST_SERIALIZATION_NVP(position);
  }
};

TEST_F(Hdf5, CompoundsInsideOfCompoundsAreNestedRecords) {
  const std::string file = make(
      "inner = numpy.dtype([(\"more\", \"f8\"), (\"count\", \"i2\"), (\"name\", h5py.string_dtype())])\n"
      "rows = numpy.zeros(2, dtype=[(\"inner\", inner), (\"position.x\", \"f4\"), (\"position\", [(\"y\", \"f4\")]),\n"
      "                             (\"id\", \"i8\")])\n"
      "rows[\"id\"] = [1, -2]\nrows[\"position.x\"] = [0.5, 1.5]\nrows[\"inner\"][\"count\"] = [300, 4]\n"
      "rows[\"inner\"][\"name\"] = [\"one\", \"two\"]\nf[\"rows\"] = rows\n");
  EXPECT_EQ(driver_.run([&] {
    const auto text = [](const Outer& row) {
      return fmt::format("{} {} {} {}", row.id, row.inner.name, row.inner.count, row.position.x);
    };
    EXPECT_THAT(read_hdf5<Outer>(file, "rows").map(text).take_all(), ElementsAre("1 one 300 0.5", "-2 two 4 1.5"));
  }),
            "");
  make("f[\"rows\"] = numpy.zeros(1, dtype=[(\"id\", \"i8\"), (\"inner\", [(\"name\", \"S2\")])])");
  EXPECT_THAT(message_of<Outer>(file, "rows"),
              StartsWith(": column \"rows/inner.count\": expected this field in the compounds, found none"));
}

struct Particle {
  std::int64_t id = 0;
  std::array<double, 3> position{};
  std::array<std::array<std::int32_t, 2>, 2> cells{};

  friend bool operator==(const Particle&, const Particle&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(id) & BOOST_SERIALIZATION_NVP(position) & BOOST_SERIALIZATION_NVP(cells);
  }
};

struct Track {
  Particle particle;
  std::array<float, 2> value{};

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(particle) & BOOST_SERIALIZATION_NVP(value);
  }
};

struct OneArray {
  std::array<float, 2> value{};

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(value);
  }
};

TEST_F(Hdf5, ArraysInCompoundsAndColumnsAreFieldsThatAreArrays) {
  const std::string file = make(
      "sizes = h5py.enum_dtype({\"A\": 1, \"B\": -5}, basetype=\">i4\")\n"
      "particle = numpy.dtype([(\"cells\", \"i2\", (2, 2)), (\"id\", \"u4\"), (\"position\", \">f4\", (3,))])\n"
      "rows = numpy.zeros(2, dtype=particle)\n"
      "rows[\"id\"] = [7, 8]\nrows[\"position\"] = [[1, 2.5, -3], [4, 5, 6]]\n"
      "rows[\"cells\"] = [[[1, 2], [3, 4]], [[-5, 6], [7, 8]]]\nf[\"rows\"] = rows\n"
      "tracks = numpy.zeros(2, dtype=[(\"particle\", particle), (\"value\", \"f4\", 2)])\n"
      "tracks[\"particle\"] = rows\ntracks[\"value\"] = [[0.5, 1], [2, 3]]\nf[\"tracks\"] = tracks\n"
      "for n in particle.names: f[\"columns/\" + n] = rows[n]\n"
      "t = f.create_dataset(\"of_arrays\", (2,), dtype=numpy.dtype((\"<f4\", (2,))))\nt[:] = tracks[\"value\"]\n"
      "pairs = h5py.h5t.array_create(h5py.h5t.array_create(h5py.h5t.NATIVE_INT16, (2,)), (2,))\n"
      "nested = h5py.h5d.create(f.id, b\"nested\", pairs, h5py.h5s.create_simple((2,)))\n"
      "nested.write(h5py.h5s.ALL, h5py.h5s.ALL, rows[\"cells\"].copy(), mtype=pairs)\n"
      "f[\"grid\"] = tracks[\"value\"]\n"
      "enums = numpy.zeros(1, dtype=[(\"id\", \"i8\"), (\"position\", \"f8\", (3,)), (\"cells\", sizes, (2, 2))])\n"
      "enums[\"cells\"] = [[[1, -5], [-5, 1]]]\nf[\"enums\"] = enums\n");
  const std::vector<Particle> particles{{.id = 7, .position = {1, 2.5, -3}, .cells = {{{1, 2}, {3, 4}}}},
                                        {.id = 8, .position = {4, 5, 6}, .cells = {{{-5, 6}, {7, 8}}}}};
  using Pair = std::array<float, 2>;
  using Square = std::array<std::array<std::int32_t, 2>, 2>;
  EXPECT_EQ(driver_.run([&] {
    EXPECT_EQ(read_hdf5<Particle>(file, "rows").take_all(), particles);
    EXPECT_EQ(read_hdf5<Particle>(file, "columns").take_all(), particles);
    EXPECT_EQ(read_hdf5<Particle>(file, "enums").take_all().at(0).cells, (Square{{{1, -5}, {-5, 1}}}));
    const auto tracks = read_hdf5<Track>(file, "tracks").take_all();
    ASSERT_EQ(tracks.size(), 2U);
    EXPECT_EQ(tracks[1].particle, particles[1]);
    EXPECT_EQ(tracks[1].value, (Pair{2, 3}));
    for (const char* name : {"of_arrays", "grid"}) {
      EXPECT_THAT(read_hdf5<Pair>(file, name).take_all(), ElementsAre(Pair{0.5, 1}, Pair{2, 3}));
      EXPECT_EQ(read_hdf5<OneArray>(file, name).take_all().at(1).value, (Pair{2, 3}));
    }
    EXPECT_THAT(read_hdf5<std::vector<double>>(file, "of_arrays").take_all(),
                ElementsAre(ElementsAre(0.5, 1), ElementsAre(2, 3)));
    EXPECT_EQ(read_hdf5<Square>(file, "nested").take_all().at(1), particles[1].cells);
    const auto shown = read_hdf5<Particle>(file, "rows");
    std::ostringstream table;
    shown.show(1, table);
    EXPECT_THAT(table.str(), HasSubstr("[1, 2.5, -3]"));
    const auto schema = shown.schema();
    EXPECT_EQ(schema.at(1).type, ColumnType::float64);
    EXPECT_THAT(schema.at(2).shape, ElementsAre(2, 2));
  }),
            "");
}

TEST_F(Hdf5, ArraysOfOtherSizesInColumnsAreToldBeforeAnyTask) {
  const std::string types =
      "types = {\"id\": (\"i8\", ()), \"position\": (\"f8\", (3,)), \"cells\": (\"i4\", (2, 2))}\n";
  const auto change = [&](const std::string& column, const std::string& to) {
    return make(types + "types[\"" + column + "\"] = " + to +
                "\nf[\"rows\"] = numpy.zeros(2, dtype=[(n, *types[n]) for n in types])\n"
                "for n in types: f[\"columns/\" + n] = f[\"rows\"][n]\n");
  };
  std::string file = change("position", "(\"f8\", (4,))");
  for (const std::string table : {"rows", "columns"})
    EXPECT_EQ(message_of<Particle>(file, table),
              ": column \"" + table + "/position\": expected the shape rows x 3, found rows x 4");
  file = change("cells", "(\"i4\", (4,))");
  EXPECT_EQ(message_of<Particle>(file, "rows"),
            ": column \"rows/cells\": expected the shape rows x 2 x 2, found rows x 4");
  file = change("position", "(\"f8\", ())");
  EXPECT_EQ(message_of<Particle>(file, "columns"),
            ": column \"columns/position\": expected the shape rows x 3, found rows");
  file = change("id", "(\"i8\", (2, 3))");
  EXPECT_EQ(message_of<Particle>(file, "rows"),
            ": column \"rows/id\": expected values that all fit int64, found an array of 2 x 3 of int64");
  EXPECT_EQ(message_of<Particle>(file, "columns"), ": column \"columns/id\": expected one dimension, found 3");
  file = change("cells", "(\"i8\", (2, 2))");
  EXPECT_EQ(message_of<Particle>(file, "rows"),
            ": column \"rows/cells\": expected values that all fit int32, found int64");
  file = change("cells", "(h5py.enum_dtype({\"A\": 1}, basetype=\"i2\"), (2, 2))");
  EXPECT_EQ(message_of<Particle>(file, "columns"),
            ": column \"columns/cells\": expected values that all fit int32, found an enum of 16 bits");
  EXPECT_EQ(message_of<Particle>(make("f[\"rows\"] = numpy.zeros((2, 3), dtype=[(\"id\", \"i8\")])"), "rows"),
            ": column \"rows\": expected one dimension, found 2");
}

TEST_F(Hdf5, ScalarsAreOneColumnAndLargeOnesManyBlocks) {
  const std::string file = make(
      "f.create_dataset(\"numbers\", data=numpy.arange(200000, dtype=\"i4\"), chunks=(3000,), compression=\"gzip\")\n"
      "f[\"texts\"] = [\"a\", \"b\"]\nf[\"flags\"] = numpy.array([True, False])\nf[\"none\"] = numpy.zeros(0)\n");
  EXPECT_EQ(driver_.run([&] {
    const auto numbers = read_hdf5<std::int64_t>(file, "numbers").take_all();
    ASSERT_EQ(numbers.size(), 200'000U);
    for (std::size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(numbers[i], static_cast<std::int64_t>(i));
    EXPECT_EQ(driver_.labels().size(), 12U) << "18,000 rows a block: whole chunks";
    EXPECT_EQ(read_hdf5<double>({file, file}, "numbers").sum(), 2 * 19'999'900'000.0);
    EXPECT_THAT(read_hdf5<std::string>(file, "texts").take_all(), ElementsAre("a", "b"));
    EXPECT_THAT(read_hdf5<bool>(file, "flags").take_all(), ElementsAre(true, false));
    EXPECT_THAT(read_hdf5<double>(file, "none").take_all(), IsEmpty());
  }),
            "");
}

TEST_F(Hdf5, ArraysOfSeveralDimensionsAreRowsOfVectorsOrArrays) {
  const std::string file = make(
      "f[\"two\"] = numpy.arange(6, dtype=\">f4\").reshape(3, 2) / 2\n"
      "f[\"three\"] = numpy.arange(24, dtype=\"i2\").reshape(2, 3, 4)\n"
      "f[\"four\"] = numpy.arange(16, dtype=\"u1\").reshape(2, 2, 2, 2)\n"
      "f[\"none\"] = numpy.zeros((0, 3))\nf[\"narrow\"] = numpy.zeros((2, 0))\n"
      "f[\"flags\"] = numpy.array([[True, False], [False, True]])\n"
      "f.create_dataset(\"sizes\", data=[[1, -2]], dtype=h5py.enum_dtype({\"S\": 1, \"L\": -2}, \">i2\"))\n");
  EXPECT_EQ(driver_.run([&] {
    EXPECT_THAT(read_hdf5<std::vector<double>>(file, "two").take_all(),
                ElementsAre(ElementsAre(0, 0.5), ElementsAre(1, 1.5), ElementsAre(2, 2.5)));
    using Pair = std::array<float, 2>;
    EXPECT_THAT(read_hdf5<Pair>(file, "two").take_all(), ElementsAre(Pair{0, 0.5}, Pair{1, 1.5}, Pair{2, 2.5}));
    using Plane = std::vector<std::vector<std::int32_t>>;
    const auto planes = read_hdf5<Plane>(file, "three").take_all();
    EXPECT_THAT(planes, ElementsAre(Plane{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 10, 11}},
                                    Plane{{12, 13, 14, 15}, {16, 17, 18, 19}, {20, 21, 22, 23}}));
    using Fixed = std::array<std::vector<std::int64_t>, 3>;
    EXPECT_THAT(read_hdf5<Fixed>(file, "three").take_all().at(1),
                ElementsAre(ElementsAre(12, 13, 14, 15), ElementsAre(16, 17, 18, 19), ElementsAre(20, 21, 22, 23)));
    using Cube = std::vector<std::array<std::vector<std::uint8_t>, 2>>;
    EXPECT_EQ(read_hdf5<Cube>(file, "four").take_all().at(1).at(1).at(0), (std::vector<std::uint8_t>{12, 13}));
    EXPECT_THAT(read_hdf5<std::vector<std::int8_t>>(file, "flags").take_all(),
                ElementsAre(ElementsAre(1, 0), ElementsAre(0, 1)));
    EXPECT_THAT(read_hdf5<std::vector<std::int16_t>>(file, "sizes").take_all(), ElementsAre(ElementsAre(1, -2)));
    EXPECT_THAT(read_hdf5<std::vector<double>>(file, "none").take_all(), IsEmpty());
    EXPECT_THAT(read_hdf5<std::vector<double>>(file, "narrow").take_all(), ElementsAre(IsEmpty(), IsEmpty()));
    EXPECT_THAT(driver_.labels().front(), StartsWith("read_hdf5<std::vector<double"));
  }),
            "");
}

TEST_F(Hdf5, ABlockOfAnArrayReadsItsRowsAlone) {
  const std::string file = make(
      "n = numpy.arange(1000 * 500).reshape(1000, 500)\n"
      "f.create_dataset(\"n\", data=n, dtype=\"i4\", chunks=(10, 100), fletcher32=True)\n"
      "f[\"plain\"] = n.astype(\"i4\")\n"
      "place = f[\"n\"].id.get_chunk_info_by_coord((900, 300)).byte_offset\nf.close()\n"
      "b = open(\"" +
      (folder_.path() / "file.h5").string() + "\", \"r+b\")\nb.seek(place + 8)\nb.write(b\"damage\")\nb.close()\n");
  EXPECT_EQ(driver_.run([&] {
    using Row = std::vector<std::int32_t>;
    const auto whole = read_hdf5<Row>(file, "plain");
    EXPECT_EQ(whole.map([](const Row& row) { return row.back(); }).sum(), 500LL * 1000 * 1001 / 2 - 1000);
    EXPECT_EQ(driver_.labels().size(), 32U) << "65,536 bytes a block, 2,000 a row";
    EXPECT_EQ(read_hdf5<Row>(file, "n").take(100).at(99).at(1), 99 * 500 + 1);
  }),
            "");
  testing::LocalDriver driver;
  EXPECT_THAT(driver.run([&] { (void)read_hdf5<std::vector<std::int32_t>>(file, "n").take_all(); }),
              StartsWith(file + ": column \"n\": expected an HDF5 file that can be read, found reading n: "));
  EXPECT_EQ(driver.labels().size(), 25U) << "40 rows a block: whole chunks";
}

TEST_F(Hdf5, HighAndNarrowChunksMakeNoHugeBlocks) {
  const std::string file =
      make("f.create_dataset(\"n\", shape=(20000, 1000), dtype=\"f8\", chunks=(20000, 1), fillvalue=0.5)\n");
  EXPECT_EQ(driver_.run([&] {
    using Row = std::vector<double>;
    EXPECT_EQ(read_hdf5<Row>(file, "n").map([](const Row& row) { return row.back(); }).sum(), 10'000);
  }),
            "");
  EXPECT_GT(driver_.labels().size(), 2U) << "whole chunks would be all of its 160 MB";
}

struct Shift {
  std::chrono::system_clock::time_point start;
  std::chrono::sys_days day;
  std::optional<std::chrono::sys_seconds> end;
  std::chrono::milliseconds pause{};
  std::chrono::duration<double> walk{};

  friend bool operator==(const Shift&, const Shift&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(start) & BOOST_SERIALIZATION_NVP(day) & BOOST_SERIALIZATION_NVP(end);
    archive& BOOST_SERIALIZATION_NVP(pause) & BOOST_SERIALIZATION_NVP(walk);
  }
};

TEST_F(Hdf5, TimesAreNanosecondsWhoseUnitsSaySo) {
  const std::string file = make(
      "g = f.create_group(\"shifts\")\n"
      "for n, v in [(\"start\", [1700000000123456789, -1]), (\"day\", [1700000000123456789, -1]), (\"end\", [0, "
      "86399999999999]), (\"pause\", [1999999, -1]), (\"walk\", [67000000, 0])]:\n"
      "    g[n] = numpy.array(v)\n"
      "    g[n].attrs[\"units\"] = \"nanoseconds\" + (\"\" if n in [\"pause\", \"walk\"] else \" since 1970-01-01\")\n"
      "g[\"end_valid\"] = numpy.array([False, True])\n"
      "g[\"walk\"].attrs[\"units\"] = numpy.bytes_(\"nanoseconds\")\n"
      "f[\"bare\"] = numpy.array([1])\nf[\"days\"] = numpy.array([1])\nf[\"days\"].attrs[\"units\"] = \"days since "
      "1970-01-01\"\nf[\"f8\"] = numpy.array([1.5])\nf[\"f8\"].attrs[\"units\"] = \"nanoseconds\"\n"
      "f[\"compound\"] = numpy.zeros(2, dtype=[(n, \"i8\") for n in g if n != \"end_valid\"])\n");
  EXPECT_EQ(driver_.run([&] {
    using namespace std::chrono_literals;
    using std::chrono::sys_days;
    const auto shifts = read_hdf5<Shift>(file, "shifts").take_all();
    ASSERT_EQ(shifts.size(), 2U);
    EXPECT_TRUE(shifts[0] == (Shift{.start = std::chrono::system_clock::time_point{1'700'000'000'123'456'789ns},
                                    .day = sys_days{std::chrono::year{2023} / 11 / 14},
                                    .end = std::nullopt,
                                    .pause = 1ms,
                                    .walk = std::chrono::duration<double>{0.067}}));
    EXPECT_TRUE(shifts[1] == (Shift{.start = std::chrono::system_clock::time_point{-1ns},
                                    .day = sys_days{std::chrono::year{1969} / 12 / 31},
                                    .end = std::chrono::sys_seconds{86'399s},
                                    .pause = -1ms,
                                    .walk = {}}));
    EXPECT_THAT(read_hdf5<std::chrono::nanoseconds>(file, "shifts/walk").take_all(), ElementsAre(67ms, 0ms));
  }),
            "");
  using Time = std::chrono::system_clock::time_point;
  EXPECT_EQ(message_of<Time>(file, "bare"),
            ": column \"bare/value\": expected units (an attribute) that are \"nanoseconds since 1970-01-01\"; read it "
            "as std::int64_t otherwise, found none");
  EXPECT_THAT(message_of<Time>(file, "days"), HasSubstr("otherwise, found \"days since 1970-01-01\""));
  EXPECT_THAT(message_of<Time>(file, "shifts/walk"), HasSubstr("otherwise, found \"nanoseconds\""));
  EXPECT_EQ(message_of<std::chrono::seconds>(file, "f8"),
            ": column \"f8/value\": expected values that all fit duration, found float64");
  EXPECT_THAT(message_of<Shift>(file, "compound"), HasSubstr("found a compound, whose members have no units"));
}

TEST_F(Hdf5, WhatARunHasStoredIsReadAsItWas) {
  using namespace std::chrono_literals;
  const Shift shift{.start = std::chrono::system_clock::time_point{1'700'000'000'123'456'789ns},
                    .day = std::chrono::sys_days{std::chrono::year{2024} / 2 / 29},
                    .end = std::chrono::sys_seconds{5s},
                    .pause = 90min,
                    .walk = std::chrono::duration<double>{0.25}};
  record::RunFile run{folder_ / "run.h5", {}};
  Results results{run};
  results.table("shifts", std::vector<Shift>{shift, {}});
  results.array("grid", std::vector<double>{1, 2, 3, 4, 5, 6}, {3, 2}, {.units = "K"});
  results.array("cube", std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2});
  results.close();
  const std::string file = run.finish({});
  EXPECT_EQ(driver_.run([&] {
    EXPECT_TRUE(read_hdf5<Shift>(file, "results/shifts").take_all() == std::vector({shift, Shift{}}));
    EXPECT_THAT(read_hdf5<std::vector<double>>(file, "results/grid/values").take_all(),
                ElementsAre(ElementsAre(1, 2), ElementsAre(3, 4), ElementsAre(5, 6)));
    using Square = std::array<std::array<std::int64_t, 2>, 2>;
    EXPECT_THAT(read_hdf5<Square>(file, "results/cube/values").take_all(),
                ElementsAre(Square{{{1, 2}, {3, 4}}}, Square{{{5, 6}, {7, 8}}}));
  }),
            "");
}

TEST_F(Hdf5, ArraysOfOtherShapesAndTypesAreToldBeforeAnyTask) {
  const std::string file = make(
      "f[\"one\"] = numpy.zeros(3)\nf[\"two\"] = numpy.zeros((3, 2))\nf[\"three\"] = numpy.zeros((4, 3, 2))\n"
      "f[\"scalar\"] = 1.0\nf[\"flags\"] = numpy.zeros((2, 2), dtype=bool)\nf[\"texts\"] = [[\"a\"]]\n"
      "f[\"group/x\"] = 1\n");
  EXPECT_EQ(message_of<std::vector<double>>(file, "one"), ": column \"one\": expected the shape rows x any, found 3");
  EXPECT_EQ((message_of<std::array<double, 3>>(file, "two")),
            ": column \"two\": expected the shape rows x 3, found 3 x 2");
  EXPECT_EQ(message_of<std::vector<double>>(file, "three"),
            ": column \"three\": expected the shape rows x any, found 4 x 3 x 2");
  EXPECT_EQ((message_of<std::vector<std::array<double, 4>>>(file, "three")),
            ": column \"three\": expected the shape rows x any x 4, found 4 x 3 x 2");
  EXPECT_EQ(message_of<std::vector<double>>(file, "scalar"),
            ": column \"scalar\": expected the shape rows x any, found one value");
  EXPECT_EQ(message_of<std::vector<float>>(file, "two"),
            ": column \"two\": expected values that all fit float32, found float64");
  EXPECT_EQ(message_of<std::vector<std::int16_t>>(file, "flags"),
            ": column \"flags\": expected values that all fit int16, found an enum of 8 bits");
  EXPECT_EQ(message_of<std::vector<double>>(file, "texts"),
            ": column \"texts\": expected values that all fit float64, found text");
  EXPECT_EQ(message_of<std::vector<double>>(file, "group"),
            ": column \"group\": expected a dataset of numbers, found something else");
  EXPECT_THAT(message_of<std::vector<double>>(file, "nothing"),
              HasSubstr("expected a dataset or a group named \"nothing\", found none"));
}

TEST_F(Hdf5, WhatDoesNotFitIsToldBeforeAnyTask) {
  const std::string file = make(
      "f[\"i8\"] = numpy.zeros(3, dtype=\"i8\")\nf[\"u4\"] = numpy.zeros(3, dtype=\"u4\")\n"
      "f[\"f8\"] = numpy.zeros(3, dtype=\"f8\")\nf[\"square\"] = numpy.zeros((2, 2))\n"
      "f[\"compound\"] = numpy.zeros(2, dtype=[(\"drink\", \"S3\"), (\"cups\", \"i8\")])\n"
      "f[\"group/x\"] = numpy.zeros(2)\nf[\"group/value\"] = numpy.zeros(3)\nf[\"type\"] = numpy.dtype(\"f8\")\n");
  EXPECT_EQ(message_of<std::int32_t>(file, "i8"),
            ": column \"i8/value\": expected values that all fit int32, found int64");
  EXPECT_EQ(message_of<std::int32_t>(file, "u4"),
            ": column \"u4/value\": expected values that all fit int32, found uint32");
  EXPECT_EQ(message_of<std::int64_t>(file, "u4"), "");
  EXPECT_EQ(message_of<std::uint64_t>(file, "i8"),
            ": column \"i8/value\": expected values that all fit uint64, found int64");
  EXPECT_EQ(message_of<double>(file, "i8"), ": column \"i8/value\": expected values that all fit float64, found int64");
  EXPECT_EQ(message_of<float>(file, "f8"),
            ": column \"f8/value\": expected values that all fit float32, found float64");
  EXPECT_EQ(message_of<std::string>(file, "f8"),
            ": column \"f8/value\": expected values that all fit text, found float64");
  EXPECT_EQ(message_of<double>(file, "square"), ": column \"square\": expected one dimension, found 2");
  EXPECT_EQ(message_of<Position>(file, "f8"),
            ": column \"f8\": expected compounds with the fields of the row, or a group of columns, found float64");
  EXPECT_EQ(message_of<Position>(file, "compound"),
            ": column \"compound/x\": expected this field in the compounds, found none");
  EXPECT_EQ(message_of<Sale>(file, "compound"),
            ": column \"compound/cups\": expected values that all fit int32, found int64");
  EXPECT_EQ(message_of<Sale>(file, "group"), ": column \"group/drink\": expected this column in the group, found none");
  EXPECT_EQ(message_of<Position>(file, "type"),
            ": column \"type\": expected a dataset or a group of columns, found something else");
  EXPECT_THAT(message_of<double>(file, "nothing"),
              StartsWith(": expected a dataset or a group named \"nothing\", found none"));
  const std::string text = folder_.write("text.h5", "no HDF5");
  EXPECT_THAT(message_of<double>(text, "i8"),
              StartsWith(": expected an HDF5 file that can be read, found opening " + text));
  EXPECT_THAT(message_of<double>("no/such.h5", "i8"), StartsWith(": expected a file, found none of that name"));
}

struct Cup {
  std::string drink;
  std::int32_t cups = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(cups);
  }
};

TEST_F(Hdf5, APatternReadsItsFilesOneBehindTheOther) {
  const std::string folder = folder_.path().string() + "/";
  (void)make(
      "for day, drinks, cups in [(10, [\"c\"], [3]), (2, [\"d\", \"e\"], [4, 5]), (1, [], []), (0, [\"a\", \"b\"], [1, "
      "2])]:\n"
      "  with h5py.File(f\"" +
      folder +
      "day-{day:03}.h5\", \"w\") as g:\n"
      "    g.create_dataset(\"sales/drink\", data=drinks, dtype=h5py.string_dtype())\n"
      "    g.create_dataset(\"sales/cups\", data=cups, dtype=\"i2\" if day == 2 else \"i4\")\n"
      "    g[\"grid\"] = numpy.full((len(cups), 1 + day), day, dtype=\"i4\")\n");
  EXPECT_EQ(driver_.run([&] {
    const auto text = [](const Cup& cup) { return cup.drink + std::to_string(cup.cups); };
    EXPECT_THAT(read_hdf5<Cup>(folder + "day-*.h5", "sales").map(text).take_all(),
                ElementsAre("a1", "b2", "d4", "e5", "c3"));
    EXPECT_THAT(read_hdf5<Cup>({folder + "day-01?.h5", folder + "day-00[01].h5"}, "sales").map(text).take_all(),
                ElementsAre("c3", "a1", "b2"));
    const auto grid = read_hdf5<std::vector<std::int32_t>>(folder + "day-*.h5", "grid").take_all();
    EXPECT_THAT(grid, ElementsAre(ElementsAre(0), ElementsAre(0), ElementsAre(2, 2, 2), ElementsAre(2, 2, 2),
                                  std::vector(11, 10)));
  }),
            "");
  EXPECT_THAT(message_of<Cup>(folder + "night-*.h5", "sales"),
              StartsWith(": expected a file that this pattern matches, found none"));
}

TEST_F(Hdf5, WhatDoesNotFitInALaterFileNamesThatFile) {
  const std::string folder = folder_.path().string() + "/";
  (void)make(
      "def table(name, second, types, values):\n"
      "  with h5py.File(\"" +
      folder +
      "\" + name + \"-\" + str(1 + second) + \".h5\", \"w\") as g:\n"
      "    g[\"rows\"] = numpy.zeros(2, dtype=types)\n"
      "    for n, v in values.items(): g[\"columns/\" + n] = v\n"
      "    g[\"grid\"] = numpy.zeros((2, 3 + second))\n"
      "    if not second: g[\"once\"] = numpy.zeros(2)\n"
      "drinks = {\"drink\": [\"a\", \"b\"]}\n"
      "for name, types, values in [(\"lacks\", [], {}),\n"
      "                            (\"type\", [(\"cups\", \"i8\")], {\"cups\": numpy.zeros(2, dtype=\"i8\")}),\n"
      "                            (\"length\", [(\"cups\", \"f4\")], {\"cups\": numpy.zeros(3, dtype=\"i4\")})]:\n"
      "  table(name, False, [(\"drink\", \"S3\"), (\"cups\", \"i4\")], drinks | {\"cups\": numpy.zeros(2, "
      "dtype=\"i4\")})\n"
      "  table(name, True, [(\"drink\", \"S3\")] + types, drinks | values)\n"
      "open(\"" +
      folder + "text-2.h5\", \"w\").write(\"no HDF5\")\ntable(\"text\", False, [(\"drink\", \"S3\")], drinks)\n");
  const auto behind_second = [&]<class T>(T, const std::string& name, const std::string& table) {
    testing::LocalDriver driver;
    const std::string message = driver.run([&] { (void)read_hdf5<T>(folder + name + "-*.h5", table).take_all(); });
    EXPECT_TRUE(driver.labels().empty()) << "before any task";
    const std::string file = folder + name + "-2.h5";
    EXPECT_THAT(message, StartsWith(file));
    return message.substr(std::min(message.size(), file.size()));
  };
  EXPECT_EQ(behind_second(Cup{}, "lacks", "columns"),
            ": column \"columns/cups\": expected this column in the group, found none");
  EXPECT_EQ(behind_second(Cup{}, "lacks", "rows"),
            ": column \"rows/cups\": expected this field in the compounds, found none");
  EXPECT_EQ(behind_second(Cup{}, "type", "columns"),
            ": column \"columns/cups\": expected values that all fit int32, found int64");
  EXPECT_EQ(behind_second(Cup{}, "type", "rows"),
            ": column \"rows/cups\": expected values that all fit int32, found int64");
  EXPECT_THAT(behind_second(Cup{}, "length", "columns"), HasSubstr("column \"columns/"));
  EXPECT_EQ(behind_second(Cup{}, "length", "rows"),
            ": column \"rows/cups\": expected values that all fit int32, found float32");
  EXPECT_EQ(behind_second(std::array<double, 3>{}, "type", "grid"),
            ": column \"grid\": expected the shape rows x 3, found 2 x 4");
  EXPECT_THAT(behind_second(double{}, "type", "once"),
              StartsWith(": expected a dataset or a group named \"once\", found none"));
  EXPECT_THAT(behind_second(double{}, "text", "once"), StartsWith(": expected an HDF5 file that can be read, found "));
}

class WrittenHdf5 : public ::testing::TestWithParam<int> {
 protected:
  void run(const std::function<void()>& driver) {
    LoopbackCluster job{GetParam()};
    EXPECT_EQ(job.run_all(driver), 0) << job.sink.end.error;
  }
  static std::vector<Sale> sales(int count) {
    std::vector<Sale> rows;
    for (int i = 0; i < count; ++i) {
      rows.push_back(
          {.drink = i % 3 == 0 ? "Café" : "Mocha " + std::to_string(i),
           .cups = -i,
           .price = i % 4 == 0 ? std::nullopt : std::optional{i / 8.0},
           .paid = i % 2 == 0,
           .size = i % 5 == 0 ? Size::large : Size::small,
           .position = {.x = static_cast<float>(i) / 2},
           .table = i % 7 == 0 ? std::nullopt : std::optional<std::uint16_t>{static_cast<std::uint16_t>(i)}});
    }
    return rows;
  }
  static std::string error_of(const Dataset<Sale>& rows, const std::string& file, const std::string& table = "sales") {
    try {
      rows.write_hdf5(file, table);
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }
  testing::TemporaryFolder folder_;
  const std::string file_ = (folder_.path() / "out.h5").string();
};
INSTANTIATE_TEST_SUITE_P(Ranks, WrittenHdf5, ::testing::Values(1, 3));

TEST_P(WrittenHdf5, ReadsBackAsItWas) {
  run([&] {
    const auto rows = sales(20'000);
    from_items(rows).write_hdf5(file_, "day/sales");
    const auto again = read_hdf5<Sale>(file_, "day/sales").take_all();
    ASSERT_EQ(again.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(again[i].text(), rows[i].text());
    range(5).write_hdf5(file_ + "2", "numbers");
    EXPECT_THAT(read_hdf5<std::int64_t>(file_ + "2", "numbers").take_all(), ElementsAre(0, 1, 2, 3, 4));
    from_items(std::vector<Sale>{}).write_hdf5(file_ + "3", "none");
    EXPECT_EQ(read_hdf5<Sale>(file_ + "3", "none").count(), 0U);
  });
  EXPECT_EQ(
      testing::python("import h5py\nf = h5py.File(\"" + file_ +
                      "\")\nt = f[\"day/sales\"]\n"
                      "print(len(t[\"drink\"]), t[\"drink\"].asstr()[0], t[\"price\"][1], t[\"table_valid\"][7])\n"),
      "20000 Café 0.125 False\n");
}

TEST_P(WrittenHdf5, ArraysLieInFurtherDimensions) {
  const auto particle = [](std::int64_t i) {
    const auto number = static_cast<std::int32_t>(i);
    return Particle{.id = i,
                    .position = {number / 8.0, -1.0 * number, 0.5},
                    .cells = {{{number, number + 1}, {number + 2, number + 3}}}};
  };
  run([&] {
    range(20'000).map(particle).write_hdf5(file_, "particles");
    const auto again = read_hdf5<Particle>(file_, "particles").take_all();
    ASSERT_EQ(again.size(), 20'000U);
    for (std::size_t i = 0; i < again.size(); ++i) ASSERT_EQ(again[i], particle(static_cast<std::int64_t>(i)));
    using Wide = std::array<double, 20'000>;
    range(3)
        .map([](std::int64_t i) {
          auto wide = std::make_unique<Wide>();
          wide->fill(static_cast<double>(i));
          return *wide;
        })
        .write_hdf5(file_ + "2", "wide");
    for (const char* name : {"wide", "wide/value"})
      EXPECT_EQ(read_hdf5<Wide>(file_ + "2", name).take_all().at(2).back(), 2);
  });
  EXPECT_EQ(testing::python("import h5py\nf = h5py.File(\"" + file_ +
                            "\")\nt = f[\"particles\"]\n"
                            "for n in [\"id\", \"position\", \"cells\"]:\n"
                            "    print(t[n].shape, t[n].chunks, t[n].dtype, [d[0].name for d in t[n].dims])\n"
                            "print(t[\"position\"][9], t[\"cells\"][9].tolist())\n"
                            "print(h5py.File(\"" +
                            file_ + "2\")[\"wide/value\"].chunks)\n"),
            "(20000,) (8192,) int64 ['/particles/row']\n"
            "(20000, 3) (2048, 3) float64 ['/particles/row', '/particles/position_1']\n"
            "(20000, 2, 2) (2048, 2, 2) int32 ['/particles/row', '/particles/cells_1', '/particles/cells_2']\n"
            "[ 1.125 -9.     0.5  ] [[9, 10], [11, 12]]\n"
            "(1, 20000)\n");
}

TEST_P(WrittenHdf5, NothingIsOverwrittenOrHalfThere) {
  run([&] {
    const auto rows = from_items(sales(3000));
    EXPECT_EQ(error_of(rows, file_), "");
    EXPECT_THAT(error_of(rows, file_), HasSubstr("it exists already and is never overwritten; choose another name"));
    EXPECT_THAT(error_of(rows, (folder_.path() / "no" / "out.h5").string()), HasSubstr("does not exist"));
    EXPECT_THAT(error_of(rows, file_ + "2", "/"), HasSubstr("it must have a name"));
    EXPECT_THAT(error_of(rows.map([](Sale sale) {
                  if (sale.cups == -2999) throw std::runtime_error{"out of milk"};
                  return sale;
                }),
                         file_ + "2"),
                HasSubstr("out of milk"));
  });
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{folder_.path()})
    names.push_back(entry.path().filename().string());
  EXPECT_THAT(names, ElementsAre("out.h5"));
}

TEST_P(WrittenHdf5, AFullDiskIsAnError) {
  const testing::SmallDisk disk;  // 2 MiB
  if (!disk.unavailable().empty()) GTEST_SKIP() << "mounting a small tmpfs needs root: " << disk.unavailable();
  run([&] {
    const std::string file = (disk.folder().path() / "out.h5").string();
    const auto rows = range(400'000).map([](std::int64_t i) {
      return Sale{.drink = std::to_string(i * 7919), .price = {}, .position = {}, .table = {}};
    });
    EXPECT_THAT(error_of(rows, file), ::testing::AllOf(HasSubstr("out.h5"), HasSubstr("No space left on device")));
    EXPECT_TRUE(std::filesystem::is_empty(disk.folder().path()));
  });
}

}  // namespace
}  // namespace crema
