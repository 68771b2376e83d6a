#include "crema/hdf5.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "local_driver.hpp"
#include "loopback_cluster.hpp"
#include "python.hpp"
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
              StartsWith(": column \"nothing\": expected an HDF5 file that can be read, found opening nothing: "));
  const std::string text = folder_.write("text.h5", "no HDF5");
  EXPECT_THAT(message_of<double>(text, "i8"),
              StartsWith(": column \"i8\": expected an HDF5 file that can be read, found opening " + text));
  EXPECT_THAT(message_of<double>("no/such.h5", "i8"), StartsWith(": expected a file, found none of that name"));
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
