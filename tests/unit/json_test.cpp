#include "crema/json.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>

#include "compressed.hpp"
#include "crema/errors.hpp"
#include "io/json_cutter.hpp"
#include "io/line_partitioner.hpp"
#include "local_driver.hpp"
#include "python.hpp"
#include "temporary_folder.hpp"

namespace crema::json {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

enum class Size : std::uint8_t { small = 1, large = 2 };

struct Position {
  double x = 0;
  double y = 0;

  friend bool operator==(const Position&, const Position&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(x) & BOOST_SERIALIZATION_NVP(y);
  }
};

struct Sale {
  std::string drink;
  double price = 0;
  std::int8_t cups = 0;
  std::uint64_t number = 0;
  bool paid = false;
  Size size{};
  std::chrono::sys_seconds at;
  Position position;
  std::optional<float> tip;
  std::vector<std::string> extras;
  std::optional<std::vector<Position>> path;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & boost::serialization::make_nvp("Price $", price);
    archive& BOOST_SERIALIZATION_NVP(cups) & BOOST_SERIALIZATION_NVP(number) & BOOST_SERIALIZATION_NVP(paid);
    archive& BOOST_SERIALIZATION_NVP(size) & BOOST_SERIALIZATION_NVP(at) & BOOST_SERIALIZATION_NVP(position);
    archive& BOOST_SERIALIZATION_NVP(tip) & BOOST_SERIALIZATION_NVP(extras) & BOOST_SERIALIZATION_NVP(path);
  }
};

struct Order {
  std::string drink;
  std::optional<double> price;

  friend bool operator==(const Order&, const Order&) = default;
  friend void PrintTo(const Order& order, std::ostream* stream) {
    *stream << order.drink << '/' << order.price.value_or(-1);
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price);
  }
};

class JsonTest : public ::testing::Test {
 protected:
  /// However a file that is one array is cut, it is read the same: this reads it in several ways.
  template <class T = Order>
  std::vector<T> read(const std::string& file, ReadOptions options = {}, std::uint64_t block_size = 1000) {
    ::testing::internal::CaptureStderr();
    const struct Release {
      ~Release() { (void)::testing::internal::GetCapturedStderr(); }
    } release;
    std::vector<T> rows = read_once<T>(file, options, 1 << 30);
    const std::vector<BadRecord> bad = bad_;
    for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{7}, block_size}) {
      EXPECT_EQ(encoded(read_once<T>(file, options, size)), encoded(rows)) << file << " in blocks of " << size;
      EXPECT_EQ(bad_, bad) << file << " in blocks of " << size;
    }
    return rows;
  }
  template <class T = Order>
  std::vector<T> read_once(const std::string& file, ReadOptions options, std::uint64_t block_size) {
    io::LinePartitioner partitioner{file, is_array, block_size};
    std::vector<T> rows;
    bad_.clear();
    blocks_ = 0;
    const auto take = [&](const Block& block) {
      std::ranges::move(read_rows<T>(block), std::back_inserter(rows));
      std::ranges::move(read_bad_records<T>(block), std::back_inserter(bad_));
      ++blocks_;
    };
    while (const std::optional<TextBlock> block = partitioner.next()) {
      if (!block->uncut) {
        take({.text = *block, .options = options});
        continue;
      }
      Cutter cutter{{.text = *block, .options = options}, block_size};
      while (const std::optional<Block> cut = cutter.next()) take(*cut);
    }
    return rows;
  }
  template <class T>
  static std::string encoded(const std::vector<T>& rows) {
    ByteBuffer out;
    encode(out, rows);
    return {reinterpret_cast<const char*>(out.data()), out.size()};
  }
  template <class T = Order>
  std::string message_of(std::string_view text, const std::string& name = "orders.json") {
    const std::string file = folder_.write(name, text);
    try {
      read<T>(file);
    } catch (const DataError& error) {
      EXPECT_EQ(error.file(), file);
      return std::string{error.what()}.substr(file.size());
    }
    return "no error";
  }

  testing::TemporaryFolder folder_;
  std::vector<BadRecord> bad_;  // of the last read
  int blocks_ = 0;
};

constexpr const char* sale =
    R"({"ignored": {"a": [1, "]}"]}, "at": "2012-01-31T08:15:30Z", "size": 2, "paid": true,
 "number": 18446744073709551615, "cups": -128, "Price $": 5, "drink": "Caf\u00e9 \"x\"\n",
 "position": {"y": 2e1, "x": -1.5}, "tip": null, "extras": ["milk", ""], "path": [{"x": 1, "y": 2}]})";

TEST_F(JsonTest, FieldsOfEveryKindAreFoundByName) {
  const std::vector<Sale> sales = read<Sale>(folder_.write("sale.json", "[" + std::string{sale} + "]"));
  ASSERT_EQ(sales.size(), 1U);
  EXPECT_EQ(sales[0].drink, "Café \"x\"\n");
  EXPECT_EQ(sales[0].price, 5);
  EXPECT_EQ(sales[0].cups, -128);
  EXPECT_EQ(sales[0].number, std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(sales[0].paid);
  EXPECT_EQ(sales[0].size, Size::large);
  EXPECT_EQ(sales[0].at.time_since_epoch().count(), 1'327'997'730);
  EXPECT_EQ(sales[0].position, (Position{-1.5, 20}));
  EXPECT_EQ(sales[0].tip, std::nullopt);
  EXPECT_THAT(sales[0].extras, ElementsAre("milk", ""));
  EXPECT_THAT(sales[0].path.value(), ElementsAre(Position{1, 2}));
}

TEST_F(JsonTest, NestedRecordsMayBeDottedNamesAndOptionalMembersMissing) {
  const std::string file =
      folder_.write("p.json", R"({"drink":"a","Price $":1,"cups":1,"number":0,"paid":false,"size":1,)"
                              R"("at":"2012-01-31","position.x":3,"position":{"y":4},"extras":[]})");
  const std::vector<Sale> sales = read<Sale>(file);
  ASSERT_EQ(sales.size(), 1U);
  EXPECT_EQ(sales[0].position, (Position{3, 4}));
  EXPECT_EQ(sales[0].path, std::nullopt);
  EXPECT_THAT(sales[0].extras, IsEmpty());
}

TEST_F(JsonTest, RecordsThatAreNoObjectsAreValues) {
  EXPECT_THAT(read<double>(folder_.write("n.json", "1\n{\"value\": 2.5}\n\n 3 \r\n")), ElementsAre(1, 2.5, 3));
  EXPECT_THAT(read<std::string>(folder_.write("t.json", "[\"a\", \"],\", \"\\\"\"]")), ElementsAre("a", "],", "\""));
  EXPECT_THAT(read<std::optional<bool>>(folder_.write("b.json", "true\nnull\n")), ElementsAre(true, std::nullopt));
  EXPECT_THAT(read<std::vector<int>>(folder_.write("v.json", "[[1, 2], []]")),
              ElementsAre(ElementsAre(1, 2), IsEmpty()));
}

TEST_F(JsonTest, LinesAndArraysAreCutIntoBlocks) {
  const std::string lines = "\xEF\xBB\xBF{\"drink\":\"a\"}\r\n\n{\"drink\":\"b\",\"price\":1}\n \n{\"drink\":\"c\"}";
  for (std::uint64_t size = 1; size < 70; ++size) {
    EXPECT_THAT(read(folder_.write("lines.json", lines), {}, size),
                ElementsAre(Order{"a", {}}, Order{"b", 1}, Order{"c", {}}))
        << "block size " << size;
  }
  EXPECT_EQ(blocks_, 1);
  (void)read(folder_.path() / "lines.json", {}, 1);
  EXPECT_EQ(blocks_, 5);
  EXPECT_THAT(read(folder_.write("array.json", "[\n{\"drink\":\"a\"},\n{\"drink\":\"b\"}]\n"), {}, 1),
              ElementsAre(Order{"a", {}}, Order{"b", {}}));
  EXPECT_EQ(blocks_, 2);
  (void)read(folder_.path() / "array.json");
  EXPECT_EQ(blocks_, 1);
  for (const char* none : {"[]", "[ \n ]\n", "\n", ""}) {
    EXPECT_THAT(read(folder_.write("none.json", std::string{none} + "\n")), IsEmpty());
  }
}

TEST_F(JsonTest, WhatAFieldCannotHoldIsToldByFileLineAndField) {
  const std::string good = "{\"drink\":\"Latte\",\"price\":5}\n";
  EXPECT_EQ(message_of(good + "\n{\"drink\":\"Latte\",\"price\":\"5\"}\n"),
            ":3: column \"price\": expected a number (at most 1.79769e+308), found \"5\"");
  EXPECT_EQ(
      message_of(good + "{\"price\":5}"),
      ":2: column \"drink\": expected text, found nothing of that name (where it may be missing, make the field a "
      "std::optional)");
  EXPECT_EQ(message_of("{\"drink\":null}"),
            ":1: column \"drink\": expected text, found null (where it may be null, make the field a std::optional)");
  EXPECT_EQ(message_of("[{\"drink\":\n\"a\"},\n\n [1, 2]]"), ":4: expected an object, found [1,2]");
  EXPECT_EQ(message_of<std::uint8_t>("255\n256\n"), ":2: expected an integer from 0 to 255, found 256");
  EXPECT_EQ(message_of<std::int64_t>("9223372036854775808"),
            ":1: expected an integer from -9223372036854775808 to 9223372036854775807, found 9223372036854775808");
  EXPECT_EQ(message_of<std::uint64_t>("-1"), ":1: expected an integer from 0 to 18446744073709551615, found -1");
  EXPECT_EQ(message_of<int>("5.0"), ":1: expected an integer from -2147483648 to 2147483647, found 5.0");
  EXPECT_EQ(message_of<float>("{\"value\": 1e39}"),
            ":1: column \"value\": expected a number (at most 3.40282e+38), found 1e+39");
  EXPECT_EQ(message_of<bool>("1"), ":1: expected true or false, found 1");
  EXPECT_EQ(message_of<Size>("256"), ":1: expected an integer from 0 to 255, found 256");
  EXPECT_EQ(message_of<std::chrono::sys_days>("\"31.1.2012\""),
            ":1: expected a date or time like 2012-01-31 or 2012-01-31T08:15:30, found \"31.1.2012\"");
  EXPECT_EQ(message_of<std::vector<int>>("[[1], [2, true]]"),
            ":1: column \"[1]\": expected an integer from -2147483648 to 2147483647, found true");
  EXPECT_EQ(message_of<std::vector<int>>("7"), ":1: expected an array, found 7");
  std::string bad{sale};
  bad.replace(bad.find("\"y\": 2}"), 7, "\"z\": 2}");
  EXPECT_THAT(message_of<Sale>("[" + bad + "]"), HasSubstr(":1: column \"path[0].y\": expected a number (at most"));
  bad = sale;
  bad.replace(bad.find("\"y\": 2e1"), 8, "\"y\": []");
  EXPECT_THAT(message_of<Sale>("[" + bad + "]"), HasSubstr("column \"position.y\": expected a number (at most"));
}

TEST_F(JsonTest, BrokenJsonIsToldByItsLine) {
  EXPECT_THAT(
      message_of("{\"drink\":\"a\"}\n{\"drink\":\"b\"\n"),
      ::testing::StartsWith(":2: expected one whole JSON value on each line, or an array as the whole file, found "
                            "\"{\"drink\":\"b\"\" ("));
  EXPECT_THAT(message_of("{\n  \"drink\": \"b\"\n}\n"), HasSubstr(":1: expected one whole JSON value on each line"));
  EXPECT_THAT(message_of("[{\"drink\":\"a\"},\n,{\"drink\":\"b\"}]"),
              HasSubstr(":2: expected a JSON value as an element of the array, found a comma too many"));
  EXPECT_THAT(message_of("[{\"drink\":\"a\"},]"), HasSubstr(":1: expected a JSON value as an element of the array"));
  EXPECT_EQ(message_of("[{\"drink\":\"a\"},\n{\"drink\":\"b\"}\n"),
            ":3: expected a ] behind the last element of the array, found the end of the file");
  EXPECT_THAT(
      message_of("[{\"drink\":\"a\"}}]"),
      ::testing::StartsWith(":1: expected a JSON value as an element of the array, found \"{\"drink\":\"a\"}}\" ("));
  EXPECT_THAT(message_of(std::string{"{\"drink\":\"a\0\x1b\"}", 15}), HasSubstr(R"(found "{"drink":"a\x00\x1b"}" ()"));
  EXPECT_EQ(message_of("[\n{\"drink\":\"a\"}]\n]"),
            ":3: expected nothing behind the array that is the file, found \"]\"");
  // As the parser says it, of which later versions know more.
  EXPECT_THAT(message_of<int>("123456789012345678901234567890"),
              ::testing::MatchesRegex(".*\\(.*[Pp]arsing a number\\)|.*\\(BIGINT_ERROR.*\\)"));
  EXPECT_THAT(message_of<std::string>("\"\xFF\""), HasSubstr("UTF-8"));
}

TEST_F(JsonTest, LinesAreCountedFromTheBeginningOfTheFile) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "{\"drink\":\"Latte\"}\n\n";
  const std::string file = folder_.write("long.json", text + "{}\n" + text + "{}");
  EXPECT_EQ(read(file, {.on_bad_record = BadRecordPolicy::collect}, 100'000).size(), 200'000U);
  EXPECT_GT(blocks_, 30);
  ASSERT_EQ(bad_.size(), 2U);
  EXPECT_EQ(bad_[0].line, 200'001U);
  EXPECT_EQ(bad_[1].line, 400'002U);
}

TEST_F(JsonTest, ABadRecordCostsItselfAlone) {
  const ReadOptions options{.on_bad_record = BadRecordPolicy::collect};
  const std::string records[] = {R"({"drink":"a"})", R"({"drink":1})", R"({"drink":"b","price":})", R"({"drink":"c"})",
                                 "7"};
  std::string lines;
  std::string array = "[";
  for (const std::string& record : records) {
    lines += record + " \n";
    array += (array.size() > 1 ? "\n, " : "") + record;
  }
  for (const std::string& text : {lines, array + "]"}) {
    const std::string file = folder_.write("orders.json", text);
    EXPECT_THAT(read(file, options, 1), ElementsAre(Order{"a", {}}, Order{"c", {}}));
    ASSERT_EQ(bad_.size(), 3U);
    EXPECT_EQ(bad_[0], (BadRecord{file, 2, "drink", records[1], "expected text, found 1"}));
    EXPECT_EQ(bad_[1].text, records[2]);
    EXPECT_EQ(bad_[1].line, 3U);
    EXPECT_EQ(bad_[2], (BadRecord{file, 5, "", "7", "expected an object, found 7"}));
  }
  EXPECT_THAT(read(folder_.write("cut.json", array), options), ElementsAre(Order{"a", {}}, Order{"c", {}}));
  ASSERT_EQ(bad_.size(), 4U);
  EXPECT_EQ(bad_[3], (BadRecord{folder_.write("cut.json", array), 5, "", "",
                                "expected a ] behind the last element of the array, found the end of the file"}));
  EXPECT_THAT(read(folder_.write("more.json", R"([{"drink":"a"}] x)"), options), ElementsAre(Order{"a", {}}));
  EXPECT_EQ(bad_.size(), 1U);
}

TEST_F(JsonTest, AnElementThatDoesNotEndCostsNoNeighbourOnALineOfItsOwn) {
  const ReadOptions options{.on_bad_record = BadRecordPolicy::collect};
  for (const std::string broken :
       {R"({"drink":"b"}})", R"({"drink":"b)", R"({"drink":"b")", R"({"drink":["b"})", R"({"drink":"b",,})"}) {
    for (const std::string end : {",\n", "\n"}) {
      std::string array = "[\n  {\"drink\":\"a\"},\n  " + broken + end;
      for (int i = 0; i < 100; ++i) array += std::string{i == 0 ? "" : ",\n"} + "  {\"drink\":\"c\"}";
      const std::string file = folder_.write("broken.json", array + "\n]\n");
      EXPECT_EQ(read(file, options).size(), 101U) << broken << end;
      ASSERT_EQ(bad_.size(), 1U) << broken << end;
      EXPECT_EQ(bad_[0].line, 3U) << broken << end;
      EXPECT_EQ(bad_[0].text, broken) << end;
    }
  }
  // Many of them: only for the first one is the rest of the file looked through.
  for (const std::string broken : {R"({"drink":"b")", R"({"drink":"b})", R"({"drink":["b"})"}) {
    std::string array = "[\n";
    for (int i = 0; i < 10'000; ++i) array += (i % 100 == 99 ? R"({"drink":"a"})" : broken) + ",\n";
    EXPECT_EQ(read(folder_.write("broken.json", array + "{\"drink\":\"a\"}]"), options).size(), 101U) << broken;
    ASSERT_EQ(bad_.size(), 9'900U) << broken;
    EXPECT_EQ(bad_[1].reason, "expected a comma or ] behind this element of the array, found a line with another one");
    EXPECT_EQ(bad_[1].text, broken);
  }
  // Lines further inside are none of its neighbours.
  const std::string nested =
      folder_.write("nested.json", "[\n{\"drink\":\"a\", \"x\":[\n  {\"drink\":\"b\"}\n],,\n}\n]");
  EXPECT_TRUE(read(nested, options).empty());
  EXPECT_EQ(bad_.size(), 1U);
}

TEST_F(JsonTest, AnElementThatIsTooLongForMemoryIsLeftOutWithWhatFollowsUnlessALineBeginsTheNext) {
  const auto drinks = [&](const std::string& file, std::size_t longest) {
    ArrayCutter cutter{{.text = {.path = file}, .options = {.on_bad_record = BadRecordPolicy::skip}}, 1, longest};
    std::string found;
    bad_.clear();
    ::testing::internal::CaptureStderr();
    while (const auto block = cutter.next()) {
      EXPECT_LE(block->text.size, 2000U);
      for (const Order& order : read_rows<Order>(*block)) found += order.drink.substr(0, 1);
      std::ranges::move(read_bad_records<Order>(*block), std::back_inserter(bad_));
    }
    (void)::testing::internal::GetCapturedStderr();
    return found;
  };
  const std::string lengthy = "{\"drink\":\"" + std::string(1000, 'b') + "\"}";
  const std::string file =
      folder_.write("long.json", "[{\"drink\":\"a\"},\n" + lengthy + ",{\"drink\":\"c\"},\n{\"drink\":\"d\"}]");
  EXPECT_EQ(drinks(file, 1100), "abcd");
  EXPECT_EQ(drinks(file, 300), "a");
  ASSERT_EQ(bad_.size(), 1U);
  EXPECT_EQ(bad_[0].line, 2U);
  EXPECT_EQ(bad_[0].text.substr(0, 20), lengthy.substr(0, 20));
  EXPECT_THAT(
      bad_[0].reason,
      HasSubstr("expected an element of the array that ends within 256 MiB (nothing behind it is read), found \"{"));

  std::string open = "[{\"drink\":\"a\",\n";
  for (int i = 0; i < 100; ++i) open += "{\"drink\":\"b\"},\n";
  const std::string broken = folder_.write("open.json", open + "{\"drink\":\"c\"}]");
  EXPECT_EQ(drinks(broken, 300), std::string(100, 'b') + "c");
  ASSERT_EQ(bad_.size(), 1U);
  EXPECT_EQ(bad_[0].text, "{\"drink\":\"a\"");
}

TEST_F(JsonTest, AnyNumberOfBlanksMayBeBehindAnArray) {
  const ReadOptions options{.on_bad_record = BadRecordPolicy::collect};
  const std::string array = "[{\"drink\":\"a\"}\n]" + std::string(20 << 20, '\n');
  EXPECT_THAT(read(folder_.write("blanks.json", array), options), ElementsAre(Order{"a", {}}));
  EXPECT_TRUE(bad_.empty());
  EXPECT_THAT(read(folder_.write("blanks.json", array + "x"), options), ElementsAre(Order{"a", {}}));
  ASSERT_EQ(bad_.size(), 1U);
  EXPECT_EQ(bad_[0].line, 2U + (20 << 20));
  EXPECT_EQ(bad_[0].text, "x");
}

TEST_F(JsonTest, IsADatasetOfOneOrSeveralFilesCompressedOnesAmongThem) {
  const std::string first = folder_.write("b.jsonl", "{\"drink\":\"a\"}\n{\"drink\":2}\n");
  const std::string second = folder_.write("a.json.gz", testing::gzip("\n[{\"drink\":\"c\"}]"));
  const std::string third = folder_.write("c.jsonl.zst", testing::zstd("{\"drink\":\"d\"}\n{\"drink\":\"e\"}"));
  testing::LocalDriver driver;
  EXPECT_EQ(driver.run([&] {
    const auto orders = read_json<Order>({first, second, third}, {.on_bad_record = BadRecordPolicy::collect});
    ::testing::internal::CaptureStderr();
    EXPECT_THAT(orders.map([](const Order& order) { return order.drink; }).take_all(), ElementsAre("a", "c", "d", "e"));
    (void)::testing::internal::GetCapturedStderr();
    EXPECT_EQ(orders.bad_records().take_all().at(0).text, "{\"drink\":2}");
    EXPECT_THAT(driver.labels().front(), HasSubstr("read_json<crema::json::(anonymous namespace)::Order>.map<"));
    EXPECT_THROW((void)read_json<Order>(first).count(), DataError);
    EXPECT_THROW((void)read_json<Order>("no/such.json").count(), DataError);
  }),
            "");
}

TEST_F(JsonTest, APatternReadsItsFilesAndAnErrorNamesTheOneThatDiffers) {
  struct Second {
    std::string name;
    std::string text;
    std::uint64_t line;
  };
  const std::string drinks = "{\"drink\":\"a\",\"price\":1}\n{\"drink\":\"b\",\"price\":2}\n";
  const std::string other = R"({"drink":"d","price":"4"})";
  for (const Second& second : {Second{"lines-2.json", "{\"drink\":\"c\"}\n" + other + "\n", 2},
                               Second{"array-2.json", "[{\"drink\":\"c\"},\n\n" + other + "]", 3},
                               Second{"gzip-2.json", testing::gzip("{\"drink\":\"c\"}\n\n\n" + other), 4}}) {
    const std::string kind = second.name.substr(0, second.name.find('-'));
    (void)folder_.write(kind + "-1.json", drinks);
    const std::string file = folder_.write(second.name, second.text);
    (void)folder_.write(kind + "-3.json", "[{\"drink\":\"e\"}]");
    testing::LocalDriver driver;
    EXPECT_EQ(driver.run([&] {
      const std::string pattern = folder_.path() / (kind + "-*.json");
      try {
        (void)read_json<Order>(pattern).count();
        ADD_FAILURE() << "a price is a text in " << file;
      } catch (const DataError& error) {
        EXPECT_EQ(error.file(), file);
        EXPECT_EQ(error.line(), second.line);
        EXPECT_EQ(error.what(), fmt::format("{}:{}: column \"price\": expected a number (at most 1.79769e+308), found "
                                            "\"4\"",
                                            file, second.line));
      }
      const auto collected = read_json<Order>(pattern, {.on_bad_record = BadRecordPolicy::collect});
      ::testing::internal::CaptureStderr();
      EXPECT_THAT(collected.take_all(), ElementsAre(Order{"a", 1}, Order{"b", 2}, Order{"c", {}}, Order{"e", {}}));
      EXPECT_THAT(collected.bad_records().take_all(),
                  ElementsAre(BadRecord{file, second.line, "price", other,
                                        "expected a number (at most 1.79769e+308), found \"4\""}));
      (void)::testing::internal::GetCapturedStderr();
    }),
              "");
  }
}

struct Flight {
  std::string origin;
  int delay = 0;
  unsigned distance = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(origin) & BOOST_SERIALIZATION_NVP(delay) & BOOST_SERIALIZATION_NVP(distance);
  }
};

/// An array with line feeds in it, and lines.
TEST_F(JsonTest, WhatPythonWritesIsWhatPythonReads) {
  const std::string array = folder_.path() / "flights.json";
  const std::string lines = folder_.path() / "flights.jsonl";
  const std::string expected = testing::python(
      "import json, random\n"
      "random.seed(3)\n"
      "names = [\"\".join(random.choice([\"a\", \"é\", chr(34), chr(10), chr(92), \"[\", \"}\", \",\", \"😀\", chr(1)]) "
      "for _ in range(random.randrange(9))) for _ in range(20000)]\n"
      "flights = [{\"delay\": random.randrange(-60, 2000), \"distance\": i, \"origin\": n, \"more\": {\"a\": [n]}} "
      "for i, n in enumerate(names)]\n"
      "json.dump(flights, open(\"" +
      array +
      "\", \"w\"), indent=1)\n"
      "open(\"" +
      lines +
      "\", \"w\").writelines(json.dumps(f, ensure_ascii=False) + chr(10) for f in flights)\n"
      "print(len(flights), sum(f[\"delay\"] for f in flights), sum(len(f[\"origin\"].encode()) for f in flights),\n"
      "  sum(f[\"distance\"] * f[\"origin\"].count(chr(92)) for f in flights))\n");
  for (const std::string& file : {array, lines}) {
    std::int64_t delays = 0;
    std::size_t bytes = 0;
    std::size_t marks = 0;
    const std::vector<Flight> flights = read<Flight>(file, {}, 5000);
    for (const Flight& flight : flights) {
      delays += flight.delay;
      bytes += flight.origin.size();
      marks += flight.distance * static_cast<std::size_t>(std::ranges::count(flight.origin, '\\'));
    }
    EXPECT_EQ(fmt::format("{} {} {} {}\n", flights.size(), delays, bytes, marks), expected);
  }
}

}  // namespace
}  // namespace crema::json
