#include "crema/results.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <list>
#include <optional>

#include "crema/errors.hpp"
#include "hdf5_reader.hpp"
#include "record/run_file.hpp"
#include "temporary_folder.hpp"

namespace {

struct Sale {
  std::string drink;
  double price = 0;
  std::optional<int> table;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price) & BOOST_SERIALIZATION_NVP(table);
  }
};

}  // namespace

namespace crema {

// Stand-ins: what Results needs of futures and datasets, without a run behind them. No other test of this program may
// have such futures: there would be two classes of one name.
template <>
class Future<Sale> {
 public:
  explicit Future(std::optional<Sale> sale) : sale_{std::move(sale)} {}
  Sale get() const {
    if (!sale_) throw Error{"the barista is ill"};
    return *sale_;
  }
  static void prefetch(std::span<const Future>) {}

 private:
  std::optional<Sale> sale_;
};

template <>
class Future<std::vector<float>> {
 public:
  explicit Future(std::vector<float> values) : values_{std::move(values)} {}
  std::vector<float> get() const { return values_; }

 private:
  std::vector<float> values_;
};

template <>
class Dataset<Sale> {
 public:
  explicit Dataset(std::vector<Sale> sales) : sales_{std::move(sales)} {}
  std::vector<Sale> rows() const { return sales_; }

 private:
  std::vector<Sale> sales_;
};

namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const std::vector<Sale> sales{{"Mocha", 5.5, 3}, {"Café", 3.25, {}}};

class ResultsTest : public ::testing::Test {
 protected:
  /// Ends the run; the file as it is on disk.
  const Hdf5Reader& file() {
    if (!reader_) {
      results.close();
      reader_.emplace(run_file_.finish({}));
    }
    return *reader_;
  }
  void expect_usage_error(const std::function<void()>& call, const std::vector<std::string>& texts) {
    try {
      call();
      ADD_FAILURE() << "no UsageError";
    } catch (const UsageError& error) {
      for (const std::string& text : texts) EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }
  void expect_sales(const std::string& table) {
    EXPECT_THAT(file().texts(table + "/drink"), ElementsAre("Mocha", "Café"));
    EXPECT_THAT(file().numbers<double>(table + "/price"), ElementsAre(5.5, 3.25));
    EXPECT_THAT(file().numbers<std::int32_t>(table + "/table"), ElementsAre(3, 0));
    EXPECT_THAT(file().numbers<std::int8_t>(table + "/table_valid"), ElementsAre(1, 0));
  }

 private:
  testing::TemporaryFolder folder_;
  record::RunFile run_file_{folder_ / "run.h5", {}};
  std::optional<Hdf5Reader> reader_;

 public:
  Results results{run_file_};
};

enum class Size : std::uint8_t { small = 1, large = 2 };

struct NamedAsTheDimension {
  int row = 4;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(row);
  }
};

struct Fickle {
  int fields = 2;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    for (int i = 0; i < fields; ++i) ar& boost::serialization::make_nvp(i == 0 ? "a" : "b", fields);
  }
};

struct ClashingColumns {
  std::optional<int> count;
  int other = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(count) & boost::serialization::make_nvp("count_valid", other);
  }
};

TEST_F(ResultsTest, ValuesOfEveryKind) {
  results.value("number", 26.25, {.units = "USD", .description = "All sales"});
  results.value("integer", std::int64_t{1} << 40U);
  results.value("flag", true);
  results.value("size", Size::large);
  results.value("literal", "Fresh");
  results.value("text", std::string{"frais, déjà"});
  results.value("when", system_clock::time_point{milliseconds{1500}});
  results.value("duration", milliseconds{250});
  results.value("known", std::optional<double>{1.5});
  results.value("unknown", std::optional<double>{});
  results.value("no count", std::optional<int>{});
  results.value("vector", std::vector<int>{3, 1, 2}, {.units = "1"});
  results.value("flags", std::vector<bool>{true, false});
  results.value("none", std::vector<double>{});

  EXPECT_THAT(file().numbers<double>("results/number"), ElementsAre(26.25));
  EXPECT_TRUE(file().shape("results/number").empty());
  EXPECT_EQ(file().text_attribute("results/number", "units"), "USD");
  EXPECT_EQ(file().text_attribute("results/number", "description"), "All sales");
  EXPECT_THAT(file().numbers<std::int64_t>("results/integer"), ElementsAre(std::int64_t{1} << 40U));
  EXPECT_FALSE(file().has_attribute("results/integer", "units"));
  EXPECT_THAT(file().numbers<std::int8_t>("results/flag"), ElementsAre(1));
  EXPECT_THAT(file().numbers<std::uint8_t>("results/size"), ElementsAre(2));
  EXPECT_THAT(file().texts("results/literal"), ElementsAre("Fresh"));
  EXPECT_THAT(file().texts("results/text"), ElementsAre("frais, déjà"));
  EXPECT_THAT(file().numbers<std::int64_t>("results/when"), ElementsAre(1'500'000'000));
  EXPECT_EQ(file().text_attribute("results/when", "units"), "nanoseconds since 1970-01-01");
  EXPECT_THAT(file().numbers<std::int64_t>("results/duration"), ElementsAre(250'000'000));
  EXPECT_EQ(file().text_attribute("results/duration", "units"), "nanoseconds");
  EXPECT_THAT(file().numbers<double>("results/known"), ElementsAre(1.5));
  EXPECT_FALSE(file().has("results/known_valid"));
  EXPECT_TRUE(std::isnan(file().numbers<double>("results/unknown")[0]));
  EXPECT_THAT(file().numbers<std::int8_t>("results/no count_valid"), ElementsAre(0));
  EXPECT_THAT(file().numbers<std::int32_t>("results/vector"), ElementsAre(3, 1, 2));
  EXPECT_THAT(file().numbers<std::int8_t>("results/flags"), ElementsAre(1, 0));
  EXPECT_THAT(file().shape("results/none"), ElementsAre(0U));
}

TEST_F(ResultsTest, ATableOfRows) {
  results.table("sold today", sales, {.units = {{"price", "USD"}}, .description = "In order"});
  expect_sales("results/sold today");
  EXPECT_EQ(file().text_attribute("results/sold today/price", "units"), "USD");
  EXPECT_EQ(file().text_attribute("results/sold today", "description"), "In order");
  EXPECT_THAT(file().shape("results/sold today/row"), ElementsAre(2U));
}

TEST_F(ResultsTest, ATableOfAnyRangeOfRows) {
  results.table("list", std::list<Sale>{sales.begin(), sales.end()});
  results.table("numbers", std::views::iota(0, 3));
  expect_sales("results/list");
  EXPECT_THAT(file().numbers<std::int32_t>("results/numbers/value"), ElementsAre(0, 1, 2));
}

TEST_F(ResultsTest, ATableOfFuturesInOrder) {
  results.table("drinks", std::vector{Future<Sale>{sales[0]}, Future<Sale>{sales[1]}});
  expect_sales("results/drinks");
}

TEST_F(ResultsTest, AFailedFuturePassesOnAndTheRowsBeforeItStay) {
  EXPECT_THAT(
      [&] {
        results.table("drinks", std::vector{Future<Sale>{sales[0]}, Future<Sale>{std::nullopt}});
      },
      ThrowsMessage<Error>(HasSubstr("the barista is ill")));
  EXPECT_THAT(file().texts("results/drinks/drink"), ElementsAre("Mocha"));
}

TEST_F(ResultsTest, ATableOfADataset) {
  results.table("drinks", Dataset<Sale>{sales});
  expect_sales("results/drinks");
}

TEST_F(ResultsTest, ARowOfAnotherShapeDoesNotShiftTheOthers) {
  {
    Table<Fickle> table = results.table<Fickle>("rows");
    expect_usage_error([&] { table.append(Fickle{1}); }, {"same fields"});
    table.append(Fickle{2});
  }
  EXPECT_THAT(file().numbers<std::int32_t>("results/rows/a"), ElementsAre(2));
  EXPECT_THAT(file().numbers<std::int32_t>("results/rows/b"), ElementsAre(2));
}

TEST_F(ResultsTest, ATableWithoutRowsHasItsColumns) {
  results.table("none", std::vector<Sale>{});
  EXPECT_THAT(file().shape("results/none/price"), ElementsAre(0U));
  EXPECT_THAT(file().shape("results/none/table_valid"), ElementsAre(0U));
}

TEST_F(ResultsTest, ATableOfManyBlocks) {
  constexpr int count = 100'000;
  {
    Table<int> table = results.table<int>("numbers");
    for (int i = 0; i < count; ++i) table.append(i);
  }
  const auto values = file().numbers<std::int32_t>("results/numbers/value");
  ASSERT_EQ(values.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) ASSERT_EQ(values[i], i);
}

TEST_F(ResultsTest, CopiesOfATableAppendToTheSameOne) {
  {
    Table<Sale> table = results.table<Sale>("sales", {.units = {{"price", "USD"}}});
    Table<Sale> copy = table;
    table.append(sales[0]);
    copy.append(sales[1]);
  }
  expect_sales("results/sales");
}

TEST_F(ResultsTest, ATableThatOutlivesTheRunIsWrittenAndRefusesMore) {
  Table<Sale> table = results.table<Sale>("sales");
  for (const Sale& sale : sales) table.append(sale);
  expect_sales("results/sales");
  expect_usage_error([&] { table.append(sales[0]); }, {"sales", "the run is over"});
}

TEST_F(ResultsTest, AColumnMayBeNamedAsTheDimension) {
  results.table("rows", std::vector<NamedAsTheDimension>(2));
  EXPECT_THAT(file().numbers<std::int32_t>("results/rows/row"), ElementsAre(4, 4));
  EXPECT_TRUE(file().has("results/rows/row_"));
}

TEST_F(ResultsTest, AnArrayWithDimensionsAndCoordinates) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  results.array("field", std::span<const float>{values}, {2, 3},
                {.dimensions = {"time", "place"}, .units = "K", .coordinates = {{"time", {0.5, 1.5}}}});
  EXPECT_THAT(file().shape("results/field/values"), ElementsAre(2U, 3U));
  EXPECT_THAT(file().numbers<float>("results/field/values"), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(file().text_attribute("results/field/values", "units"), "K");
  EXPECT_THAT(file().numbers<double>("results/field/time"), ElementsAre(0.5, 1.5));
  EXPECT_TRUE(file().has_attribute("results/field/values", "DIMENSION_LIST"));
  EXPECT_TRUE(file().has_attribute("results/field/place", "REFERENCE_LIST"));
}

TEST_F(ResultsTest, AnArrayInBlocks) {
  Array<float> array = results.array<float>("field", {3, 2});
  array.write(1, Future<std::vector<float>>{{3, 4}});
  array.write({2, 1}, std::vector<float>{6}, {1, 1});
  const auto values = file().numbers<float>("results/field/values");
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_EQ(values[2], 3);
  EXPECT_EQ(values[3], 4);
  EXPECT_TRUE(std::isnan(values[4]));
  EXPECT_EQ(values[5], 6);
}

TEST_F(ResultsTest, AnArrayWithoutElements) {
  results.array("nothing", std::vector<int>{}, {0, 3});
  EXPECT_THAT(file().shape("results/nothing/values"), ElementsAre(0U, 3U));
}

TEST_F(ResultsTest, ANameIsUsedOnce) {
  results.value("drinks", 1);
  expect_usage_error([&] { results.value("drinks", 2); }, {"\"drinks\"", "stored already"});
  expect_usage_error([&] { results.table("drinks", sales); }, {"\"drinks\"", "stored already"});
  expect_usage_error([&] { results.array("drinks", std::vector<int>{1}, {1}); }, {"\"drinks\"", "stored already"});
  EXPECT_THAT(file().numbers<std::int32_t>("results/drinks"), ElementsAre(1));
}

TEST_F(ResultsTest, NamesThatHdf5CannotHold) {
  for (const char* name : {"", ".", "..", "a/b", "/"}) {
    expect_usage_error([&] { results.value(name, 1); }, {"\"" + std::string{name} + "\"", "cannot be a name"});
  }
  results.value("Cost. Total $", 1);
  EXPECT_TRUE(file().has("results/Cost. Total $"));
}

TEST_F(ResultsTest, ColumnsThatClash) {
  expect_usage_error([&] { results.table("rows", std::vector<ClashingColumns>(1)); },
                     {"two columns", "\"count_valid\""});
}

TEST_F(ResultsTest, UnitsOfWhatIsNotThere) {
  expect_usage_error(
      [&] {
        results.table("sales", sales, {.units = {{"cost", "USD"}}});
      },
      {"\"cost\"", "drink", "price"});
  expect_usage_error([&] { results.value("wait", milliseconds{1}, {.units = "s"}); }, {"wait", ".units"});
}

TEST_F(ResultsTest, TextsWithANulByteAreRefusedAndNotCut) {
  expect_usage_error([&] { results.value("text", std::string{"a\0b", 3}); }, {"\"text\"", "NUL"});
  expect_usage_error([&] { results.value("text", std::string{"caf\xE9"}); }, {"\"text\"", "no UTF-8"});
}

TEST_F(ResultsTest, ArraysThatDoNotFit) {
  const std::vector<double> five(5);
  expect_usage_error([&] { results.array("a", five, {2, 3}); }, {"\"a\"", "5 values", "holds 6"});
  expect_usage_error([&] { results.array("a", std::vector<double>{1}, {}); }, {"\"a\"", "value()"});
  expect_usage_error([&] { results.array("a", five, {5}, {.dimensions = {"x", "y"}}); }, {"names 2 dimensions"});
  expect_usage_error([&] { results.array("a", five, {5, 1}, {.dimensions = {"x", "x"}}); }, {"\"x\""});
  expect_usage_error([&] { results.array("a", five, {5}, {.coordinates = {{"x", {1.0}}}}); }, {"\"x\"", "dim_0"});
  expect_usage_error(
      [&] {
        results.array("a", five, {5}, {.coordinates = {{"dim_0", {1.0}}}});
      },
      {"1 numbers", "size is 5"});
  results.array("a", five, {5});
}

TEST_F(ResultsTest, BlocksThatDoNotFit) {
  Array<double> array = results.array<double>("a", {4, 3});
  const std::vector<double> slice(3);
  expect_usage_error([&] { array.write(4, slice); }, {"\"a\"", "4 + 1 > 4"});
  expect_usage_error([&] { array.write(0, std::vector<double>(4)); }, {"holds 3 values", "give the block's shape"});
  expect_usage_error([&] { array.write({0, 1}, slice, {1, 3}); }, {"dimension 1", "1 + 3 > 3"});
  expect_usage_error([&] { array.write({0, 0}, slice, {2, 1}); }, {"3 values", "holds 2"});
  expect_usage_error([&] { array.write({0}, slice, {1, 3}); }, {"each of the 2 dimensions"});
}

}  // namespace
}  // namespace crema
