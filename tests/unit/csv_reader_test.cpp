#include "crema/csv_reader.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>

#include "crema/errors.hpp"
#include "io/csv_partitioner.hpp"
#include "python.hpp"
#include "temporary_folder.hpp"

namespace crema::csv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class T>
std::vector<T> read(const std::string& pattern, std::uint64_t block_size = 0) {
  Partitioner partitioner{pattern, field_names<T>(), block_size};
  std::vector<T> rows;
  while (const std::optional<Block> block = partitioner.next()) {
    std::ranges::move(read_rows<T>(*block), std::back_inserter(rows));
  }
  return rows;
}

struct Order {
  std::string drink;
  double price = 0;

  friend bool operator==(const Order&, const Order&) = default;
  friend void PrintTo(const Order& order, std::ostream* stream) { *stream << order.drink << '/' << order.price; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price);
  }
};

struct Position {
  double x = 0;
  double y = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(x) & BOOST_SERIALIZATION_NVP(y);
  }
};

struct Sale {
  double cost = 0;
  std::optional<int> table;
  std::optional<std::string> note;
  bool paid = false;
  Position position;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& boost::serialization::make_nvp("Cost Total $", cost);
    archive& BOOST_SERIALIZATION_NVP(table) & BOOST_SERIALIZATION_NVP(note) & BOOST_SERIALIZATION_NVP(paid);
    archive& BOOST_SERIALIZATION_NVP(position);
  }
};

class Csv : public ::testing::Test {
 protected:
  template <class T = Order>
  std::string message_of(std::string_view text) const {
    try {
      read<T>(folder_.write("orders.csv", text));
    } catch (const DataError& error) {
      const std::string message = error.what();
      return message.substr(message.rfind("/orders.csv") + 1);
    }
    return "no error";
  }

  testing::TemporaryFolder folder_;
};

TEST_F(Csv, ColumnsMatchFieldsByName) {
  const std::string file = folder_.write("orders.csv", "id,price,drink\n1,4.50,Cappuccino\n2, 5 ,Latte\n");
  EXPECT_THAT(read<Order>(file), ElementsAre(Order{"Cappuccino", 4.5}, Order{"Latte", 5}));
}

TEST_F(Csv, NamesMayHoldSpacesAndDotsAndOptionalCellsMayBeEmpty) {
  const std::string file = folder_.write("sales.csv",
                                         "position.x,position.y,paid,note,table,Cost Total $\n"
                                         "1,2,true,,,4.5\n3,4,0,to go, 7 ,5\n5,6,1,\"\", ,6\n");
  const std::vector<Sale> sales = read<Sale>(file);
  ASSERT_EQ(sales.size(), 3U);
  EXPECT_EQ(sales[0].cost, 4.5);
  EXPECT_EQ(sales[0].table, std::nullopt);
  EXPECT_EQ(sales[0].note, std::nullopt);
  EXPECT_TRUE(sales[0].paid);
  EXPECT_EQ(sales[0].position.y, 2);
  EXPECT_EQ(sales[1].table, 7);
  EXPECT_EQ(sales[1].note, "to go");
  EXPECT_FALSE(sales[1].paid);
  EXPECT_EQ(sales[2].table, std::nullopt);
  EXPECT_EQ(sales[2].note, std::nullopt);
}

TEST_F(Csv, AScalarIsTheColumnValue) {
  EXPECT_THAT(read<double>(folder_.write("values.csv", "key,value\na,1.5\nb,2\n")), ElementsAre(1.5, 2.0));
  EXPECT_THAT(read<bool>(folder_.write("flags.csv", "value\n1\nfalse\n")), ElementsAre(true, false));
}

TEST_F(Csv, EveryBlockSizeGivesTheSameRows) {
  const std::vector<std::string> texts{
      "drink,price\r\nLatte,5\r\n\"Flat, White\",4.75\r\n\r\n\"a \"\"b\"\"\",1\r\n\"two\nlines\",2\r\n",
      "\xEF\xBB\xBF\"drink\",\"price\"\n\"\r\n\",\"1\"\n\"\"\"\",2\n5\" pipe,3\nx\ry,4\n\n\n,5",
      "price,drink\n1,\n2,\"\"\n3,\"\n\n\n\"\n4,é\n5,\"\"\"\"\"\"\n6, \"no quote\" \n",
  };
  const std::vector<std::vector<Order>> expected{
      {{"Latte", 5}, {"Flat, White", 4.75}, {"a \"b\"", 1}, {"two\nlines", 2}},
      {{"\r\n", 1}, {"\"", 2}, {"5\" pipe", 3}, {"x\ry", 4}, {"", 5}},
      {{"", 1}, {"", 2}, {"\n\n\n", 3}, {"é", 4}, {"\"\"", 5}, {" \"no quote\" ", 6}},
  };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string file = folder_.write("tricky.csv", texts[i]);
    for (std::uint64_t size = 1; size <= texts[i].size() + 1; ++size) {
      EXPECT_EQ(read<Order>(file, size), expected[i]) << "text " << i << ", block size " << size;
    }
  }
}

/// The whole file in one block, or an error: what every other way of cutting must give too.
TEST_F(Csv, CutsNeverChangeWhatRandomTextMeans) {
  std::mt19937 random{7};
  int accepted = 0;
  for (int round = 0; round < 600; ++round) {
    std::string text = "value\n";
    for (auto length = random() % 12; length > 0; --length) text += "a,\"\"\n\r"[random() % 6];
    const std::string file = folder_.write("random.csv", text);
    std::vector<std::string> rows;
    bool fails = false;
    try {
      rows = read<std::string>(file, 1000);
      ++accepted;
    } catch (const DataError&) {
      fails = true;
    }
    for (std::uint64_t size = 1; size < 5; ++size) {
      if (fails) {
        EXPECT_THROW(read<std::string>(file, size), DataError) << text;
      } else {
        EXPECT_EQ(read<std::string>(file, size), rows) << text << "block size " << size;
      }
    }
  }
  EXPECT_GT(accepted, 60) << "too few of the texts were CSV at all";
}

TEST_F(Csv, CellsThatAreNoNumbersAreToldByFileLineAndColumn) {
  EXPECT_EQ(message_of("drink,price\nLatte,5\n\"two\nlines\",4.5O\n"),
            "orders.csv:4: column \"price\": expected a number (at most 1.79769e+308), found \"4.5O\"");
  EXPECT_EQ(message_of("drink,price\n\"two\nlines\",4\n\"\"\"\n\",5\n\nLatte,free\n"),
            "orders.csv:7: column \"price\": expected a number (at most 1.79769e+308), found \"free\"");
  EXPECT_EQ(message_of("drink,price\n\"\"\"\n\",free\n"),
            "orders.csv:3: column \"price\": expected a number (at most 1.79769e+308), found \"free\"");
  EXPECT_EQ(message_of("drink,price\nLatte,1e999\n"),
            "orders.csv:2: column \"price\": expected a number (at most 1.79769e+308), found \"1e999\"");
  EXPECT_EQ(message_of<Sale>("position.x,position.y,paid,note,table,Cost Total $\n1,2,yes,,,4\n"),
            "orders.csv:2: column \"paid\": expected true, false, 1 or 0, found \"yes\"");
  EXPECT_EQ(message_of<Sale>("position.x,position.y,paid,note,table,Cost Total $\n1,2,1,,3000000000,4\n"),
            "orders.csv:2: column \"table\": expected an integer from -2147483648 to 2147483647, found \"3000000000\"");
  EXPECT_EQ(message_of("drink,price\n\"a \"\"\n\"\" b\",\"\nx\"\n"),
            "orders.csv:3: column \"price\": expected a number (at most 1.79769e+308), found \"\\nx\"");
}

TEST_F(Csv, AnEmptyCellIsAnErrorThatNamesTheWayOut) {
  EXPECT_EQ(
      message_of("drink,price\nLatte, \n"),
      "orders.csv:2: column \"price\": expected a number (at most 1.79769e+308), found an empty cell (where cells "
      "may be empty, make the field a std::optional)");
}

TEST_F(Csv, RowsWithTooFewOrTooManyCellsAreErrors) {
  EXPECT_EQ(message_of("drink,price\nLatte,5\n\nMocha\n"),
            "orders.csv:4: expected 2 cells, as the header has, found 1");
  EXPECT_EQ(message_of("drink,price\nLatte,5,\n"), "orders.csv:2: expected 2 cells, as the header has, found 3");
}

TEST_F(Csv, TextBehindAClosingQuoteIsAnError) {
  EXPECT_EQ(message_of("drink,price\n\"Flat\" White,5\n"),
            "orders.csv:2: column \"drink\": expected a comma or the end of the line behind a closing quote, found "
            "\" White,5\" (a quote inside a quoted cell is written twice)");
}

TEST_F(Csv, TextIsUtf8) {
  EXPECT_EQ(message_of("drink,price\nCaf\xC3\xA9,4\nCaf\xE9,5\n"),
            "orders.csv:3: column \"drink\": expected text in UTF-8 (convert the file, as iconv does), found "
            "\"Caf\\xe9\"");
  EXPECT_EQ(message_of<Sale>("position.x,position.y,paid,note,table,Cost Total $\n1,2,1,\xE9,3,4\n"),
            "orders.csv:2: column \"note\": expected text in UTF-8 (convert the file, as iconv does), found \"\\xe9\"");
  // What nobody reads may be anything.
  const std::string file = folder_.write("others.csv", "note,drink,price\nCaf\xE9,\xE2\x98\x95,4\n");
  EXPECT_THAT(read<Order>(file), ElementsAre(Order{"☕", 4}));
}

TEST_F(Csv, LongCellsAreShortenedInMessagesBetweenCharacters) {
  std::string cell;
  for (int i = 0; i < 40; ++i) cell += "é";
  const std::string message = message_of("drink,price\nLatte,x" + cell + "\n");
  EXPECT_THAT(message, ::testing::EndsWith("found \"x" + cell.substr(0, 58) + "…\""));
}

TEST_F(Csv, ABlockWhoseFileHasChangedIsAnErrorToo) {
  const std::string file = folder_.write("orders.csv", "drink,price\n\"Latte,5\n");
  const Block block{.path = file, .offset = 12, .size = 9, .first_line = 2, .header = {"drink", "price"}};
  try {
    read_rows<Order>(block);
    FAIL() << "an open quote was accepted";
  } catch (const DataError& error) {
    EXPECT_EQ(error.what(), file +
                                ":2: column \"drink\": expected a closing quote for the one that opens here, found the "
                                "end of the file");
  }
}

struct Weather {
  std::string location;
  std::chrono::sys_days date;
  double precipitation = 0;
  float temp_max = 0;
  std::string weather;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(location) & BOOST_SERIALIZATION_NVP(date);
    archive& BOOST_SERIALIZATION_NVP(precipitation) & BOOST_SERIALIZATION_NVP(temp_max);
    archive& BOOST_SERIALIZATION_NVP(weather);
  }
};

TEST_F(Csv, RealWeatherIsWhatPythonReads) {
  const std::string file = CREMA_TEST_DATA "/weather.csv";
  double rain = 0;
  std::size_t drizzle = 0;
  std::int64_t days = 0;
  const std::vector<Weather> rows = read<Weather>(file, 1000);
  for (const Weather& row : rows) {
    rain += row.precipitation;
    drizzle += row.weather == "drizzle" && row.location == "Seattle" ? 1 : 0;
    days += row.date.time_since_epoch().count();
  }
  EXPECT_EQ(
      fmt::format("{} {} {} {}\n", rows.size(), rain, drizzle, days),
      testing::python(
          "import csv, datetime\n"
          "rows = list(csv.DictReader(open(\"" +
          file +
          "\", newline=\"\")))\n"
          "epoch = datetime.date(1970, 1, 1)\n"
          "rain = 0.0\n"
          "for r in rows: rain += float(r[\"precipitation\"])\n"
          "print(len(rows), rain, sum(r[\"weather\"] == \"drizzle\" and r[\"location\"] == \"Seattle\" for r in rows),"
          " sum((datetime.date.fromisoformat(r[\"date\"]) - epoch).days for r in rows))"));
}

struct Airport {
  std::string name;
  std::string city;
  double latitude = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(latitude) & BOOST_SERIALIZATION_NVP(city) & BOOST_SERIALIZATION_NVP(name);
  }
};

TEST_F(Csv, RealAirportsAreWhatPythonReads) {
  const std::string file = CREMA_TEST_DATA "/airports.csv";
  double latitudes = 0;
  std::size_t bytes = 0;
  std::size_t commas = 0;
  const std::vector<Airport> rows = read<Airport>(file, 777);
  for (const Airport& row : rows) {
    latitudes += row.latitude;
    bytes += row.name.size() + row.city.size();
    commas += row.name.find(',') != std::string::npos || row.city.find(',') != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(fmt::format("{} {} {} {}\n", rows.size(), latitudes, bytes, commas),
            testing::python("import csv\n"
                            "rows = list(csv.DictReader(open(\"" +
                            file +
                            "\", newline=\"\")))\n"
                            "latitudes = 0.0\n"
                            "for r in rows: latitudes += float(r[\"latitude\"])\n"
                            "print(len(rows), latitudes, sum(len((r[\"name\"] + r[\"city\"]).encode()) for r in rows),"
                            " sum(\",\" in r[\"name\"] or \",\" in r[\"city\"] for r in rows))"));
}

/// Rows written by Python's csv module, in its default and its Excel-free dialect, come back as they were.
TEST_F(Csv, RandomRowsWrittenByPythonComeBack) {
  const std::string file = folder_.path() / "written.csv";
  const std::string numbers = folder_.path() / "plain.txt";
  EXPECT_EQ(
      testing::python(
          "import csv, random\n"
          "random.seed(3)\n"
          "rows = [(\"\".join(random.choice([\"a\", \"b\", \",\", chr(34), chr(10), chr(13) + chr(10), \"é\", \" \"])"
          " for _ in range(random.randrange(9))), random.uniform(-1e9, 1e9)) for _ in range(20000)]\n"
          "with open(\"" +
          file +
          "\", \"w\", newline=\"\") as f:\n"
          "  quoted = csv.writer(f, quoting=csv.QUOTE_ALL)\n"
          "  plain = csv.writer(f, lineterminator=chr(10))\n"
          "  plain.writerow([\"drink\", \"price\"])\n"
          "  for i, row in enumerate(rows): (quoted if i % 3 == 0 else plain).writerow(row)\n"
          "with open(\"" +
          numbers +
          "\", \"w\") as f:\n"
          "  for text, number in rows: print(text.encode().hex(), number, file=f)\n"),
      "");
  const std::vector<Order> rows = read<Order>(file, 5000);
  ASSERT_EQ(rows.size(), 20'000U);
  std::ifstream expected{numbers};
  std::string line;
  for (const Order& row : rows) {
    ASSERT_TRUE(std::getline(expected, line));
    std::string written;
    for (const char character : row.drink) written += fmt::format("{:02x}", static_cast<unsigned char>(character));
    ASSERT_EQ(written + fmt::format(" {}", row.price), line);
  }
}

}  // namespace
}  // namespace crema::csv
