#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "crema/csv.hpp"
#include "crema/errors.hpp"
#include "io/csv_partitioner.hpp"
#include "local_driver.hpp"
#include "temporary_folder.hpp"

namespace crema {

static void PrintTo(const BadRecord& bad, std::ostream* stream) {
  *stream << bad.file << ':' << bad.line << " \"" << bad.column << "\" {" << bad.text << "} " << bad.reason;
}

namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

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

constexpr const char* no_number = "expected a number (at most 1.79769e+308), found ";

struct Silence {
  Silence() { ::testing::internal::CaptureStderr(); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() { (void)::testing::internal::GetCapturedStderr(); }
};

class CsvOptionsTest : public ::testing::Test {
 protected:
  template <class T = Order>
  std::vector<T> read(const std::string& file, const CsvOptions& options, std::uint64_t block_size = 0) {
    csv::Partitioner partitioner{file, csv::field_names<T>(), block_size, options};
    std::vector<T> rows;
    bad_.clear();
    const Silence silence;
    while (const std::optional<csv::Block> block = partitioner.next()) {
      std::ranges::move(csv::read_rows<T>(*block), std::back_inserter(rows));
      std::ranges::move(csv::read_bad_records<T>(*block), std::back_inserter(bad_));
    }
    return rows;
  }
  std::string message_of(std::string_view text, const CsvOptions& options) {
    try {
      read(folder_.write("orders.csv", text), options);
    } catch (const DataError& error) {
      const std::string message = error.what();
      return message.substr(message.rfind("/orders.csv") + 1);
    }
    return "no error";
  }

  testing::TemporaryFolder folder_;
  std::vector<BadRecord> bad_;  // of the last read
};

TEST_F(CsvOptionsTest, DelimiterQuoteAndCommentMayBeOthers) {
  const std::string file = folder_.write("orders.csv",
                                         "# it's \"new; and\nprice;drink\n#;'\n5;'Flat; ''White'''\n\n"
                                         "'4';\"Latte\n3;Mo'cha #1\n#'\n 2;'two\n#lines'\n# end");
  const CsvOptions options{.delimiter = ';', .quote = '\'', .comment = '#'};
  for (std::uint64_t size = 1; size < 90; ++size) {
    EXPECT_THAT(read(file, options, size), ElementsAre(Order{"Flat; 'White'", 5}, Order{"\"Latte", 4},
                                                       Order{"Mo'cha #1", 3}, Order{"two\n#lines", 2}))
        << "block size " << size;
  }
}

TEST_F(CsvOptionsTest, WithoutAQuoteEveryLineIsARecord) {
  const std::string file = folder_.write("tabs.csv", "drink\tprice\n\"Latte\t5\n\"\t\"\"\n");
  EXPECT_THAT(read(file, {.delimiter = '\t', .quote = '\0', .na_values = {"\"\""}}, 1),
              ElementsAre(Order{"\"Latte", 5}, Order{"\"", std::nullopt}));
}

/// The scanner jumps from quote to quote: it must know of the comments between them.
TEST_F(CsvOptionsTest, CutsNeverChangeWhatRandomTextWithCommentsMeans) {
  std::mt19937 random{7};
  int accepted = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string text = "value\n";
    for (auto length = random() % 14; length > 0; --length) text += "a,\"\"\n#\n"[random() % 7];
    const std::string file = folder_.write("random.csv", text);
    const CsvOptions options{.comment = '#', .on_bad_record = BadRecordPolicy::collect};
    const std::vector<std::string> rows = read<std::string>(file, options, 1000);
    const std::vector<BadRecord> bad = bad_;
    accepted += bad.empty() ? 1 : 0;
    for (std::uint64_t size = 1; size < 5; ++size) {
      EXPECT_EQ(read<std::string>(file, options, size), rows) << text << "block size " << size;
      EXPECT_EQ(bad_, bad) << text << "block size " << size;
    }
    if (bad.empty()) {
      EXPECT_EQ(read<std::string>(file, {.comment = '#'}, 2), rows);
    } else {
      EXPECT_THROW(read<std::string>(file, {.comment = '#'}, 2), DataError);
    }
  }
  EXPECT_GT(accepted, 100) << "too few of the texts were CSV at all";
}

TEST_F(CsvOptionsTest, NaValuesCountAsEmpty) {
  const std::string file = folder_.write("orders.csv", "drink,price\nNA,NA\nNAN, - \n-,\"NA\"\n");
  EXPECT_THAT(read(file, {.na_values = {"NA", "-"}}),
              ElementsAre(Order{"", std::nullopt}, Order{"NAN", std::nullopt}, Order{"", std::nullopt}));
  const std::string numbers = folder_.write("numbers.csv", "value\n1\nNA\n");
  try {
    read<int>(numbers, {.na_values = {"NA"}});
    FAIL() << "an empty cell was accepted";
  } catch (const DataError& error) {
    EXPECT_EQ(error.found(),
              "\"NA\", which counts as an empty cell (where cells may be empty, make the field a std::optional)");
    EXPECT_EQ(error.line(), 3U);
  }
}

TEST_F(CsvOptionsTest, ABadRecordCostsItselfAlone) {
  const std::string file = folder_.write("orders.csv",
                                         "drink,price\nLatte,5\nMocha,five\r\n\nEspresso\n\"Flat\"White,\"\n4\",\"x\"\n"
                                         "Tea,\"1\"\n\"say \"\"hi\"\"\",free\nAmericano,3\n");
  for (std::uint64_t size = 1; size < 130; size += 3) {
    EXPECT_THAT(read(file, {.on_bad_record = BadRecordPolicy::collect}, size),
                ElementsAre(Order{"Latte", 5}, Order{"Tea", 1}, Order{"Americano", 3}))
        << "block size " << size;
    EXPECT_THAT(
        bad_,
        ElementsAre(BadRecord{file, 3, "price", "Mocha,five", no_number + std::string{"\"five\""}},
                    BadRecord{file, 5, "", "Espresso", "expected 2 cells, as the header has, found 1"},
                    BadRecord{file, 6, "drink", "\"Flat\"White,\"\n4\",\"x\"",
                              "expected a comma or the end of the line behind a closing quote, found \"White,\"\" (a "
                              "quote inside a quoted cell is written twice)"},
                    BadRecord{file, 9, "price", "\"say \"\"hi\"\"\",free", no_number + std::string{"\"free\""}}))
        << "block size " << size;
  }
}

TEST_F(CsvOptionsTest, ACommentCannotBeginBehindAClosingQuote) {
  const std::string file = folder_.write("orders.csv", "drink,price\n\"Flat\"#,\"4\n\",5\nTea,1\n");
  EXPECT_THAT(read(file, {.comment = '#', .on_bad_record = BadRecordPolicy::collect}), ElementsAre(Order{"Tea", 1}));
  ASSERT_EQ(bad_.size(), 1U);
  EXPECT_EQ(bad_[0].text, "\"Flat\"#,\"4\n\",5");
}

TEST_F(CsvOptionsTest, AQuoteThatIsNeverClosedCostsTheLineOnWhichItOpens) {
  const std::string file =
      folder_.write("orders.csv", "drink,price\nLatte,5\n\"x\ny\",\"3\nMocha,4\n5\"\" Tea,1\nEspresso,3");
  for (std::uint64_t size = 1; size < 70; size += 3) {
    EXPECT_THAT(read(file, {.on_bad_record = BadRecordPolicy::collect}, size),
                ElementsAre(Order{"Latte", 5}, Order{"Mocha", 4}, Order{"5\"\" Tea", 1}, Order{"Espresso", 3}))
        << "block size " << size;
    EXPECT_THAT(bad_, ElementsAre(BadRecord{
                          file, 4, "price", "\"x\ny\",\"3",
                          "expected a closing quote for the one that opens here, found the end of the file"}));
  }
  EXPECT_EQ(message_of("drink,price\nLatte,5\n\"x\ny\",\"3\nMocha,4\n", {}),
            "orders.csv:4: expected a closing quote for the one that opens here, found the end of the file");
  std::string lines = "value\n";
  for (int i = 0; i < 399'990; ++i) lines += "12345\n";
  EXPECT_EQ(
      read<int>(folder_.write("far.csv", lines + "\"x\n" + lines.substr(6)), {.on_bad_record = BadRecordPolicy::skip})
          .size(),
      2U * 399'990U);
  EXPECT_EQ(bad_.size(), 1U);
}

TEST_F(CsvOptionsTest, OtherDelimitersAreNamedInErrors) {
  EXPECT_EQ(message_of("drink;price\n\"Flat\" White;5\n", {.delimiter = ';'}),
            "orders.csv:2: column \"drink\": expected \";\" or the end of the line behind a closing quote, found "
            "\" White;5\" (a quote inside a quoted cell is written twice)");
}

TEST_F(CsvOptionsTest, WhatAWholeFileLacksIsAFailureWhateverThePolicy) {
  EXPECT_THAT(message_of("drink,cost\nLatte,5\n", {.on_bad_record = BadRecordPolicy::skip}),
              HasSubstr("column \"price\": expected this column in the header"));
}

TEST_F(CsvOptionsTest, OptionsThatContradictEachOtherAreRefusedAtOnce) {
  const auto refused = [](const CsvOptions& options) -> std::string {
    try {
      (void)read_csv<Order>("orders.csv", options);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "taken";
  };
  EXPECT_EQ(refused({.delimiter = '"'}),
            "reading CSV files as CsvOptions say: delimiter, quote and comment must be three different characters");
  EXPECT_THAT(refused({.quote = '#', .comment = '#'}), HasSubstr("three different characters"));
  EXPECT_THAT(refused({.delimiter = '#', .comment = '#'}), HasSubstr("three different characters"));
  EXPECT_THAT(refused({.delimiter = '\n'}), HasSubstr("cannot be the end of a line"));
  EXPECT_THAT(refused({.delimiter = '\0'}), HasSubstr("need a delimiter"));
  EXPECT_THAT(refused({.delimiter = '\xA7'}), HasSubstr("must be ASCII characters"));
  EXPECT_EQ(refused({.quote = '\0', .comment = '\0'}), "taken");
}

class CsvPolicies : public CsvOptionsTest {
 protected:
  void drive(const std::function<void()>& driver) { EXPECT_EQ(driver_.run(driver), ""); }
  testing::LocalDriver driver_;
};

TEST_F(CsvPolicies, SkippedRecordsAreCountedOnStderrAndCollectedOnesAreADatasetToo) {
  const std::string file = folder_.write("orders.csv", "drink,price\nLatte,5\nMocha,five\nTea\nEspresso,3\n");
  drive([&] {
    std::string told;  // at once, or after some blocks where tests before this one have had their share
    while (told.find("in a block") == std::string::npos) {
      ::testing::internal::CaptureStderr();
      EXPECT_EQ(read_csv<Order>(file, {.on_bad_record = BadRecordPolicy::skip}).count(), 2U);
      told = ::testing::internal::GetCapturedStderr();
    }
    EXPECT_THAT(told, StartsWith("warning: " + file +
                                 ": 2 of 4 records in a block could not be read and are left out; the first: " + file +
                                 ":3: column \"price\": " + no_number + "\"five\""));
    const DatasetStats stats = read_csv<Order>(file, {.on_bad_record = BadRecordPolicy::skip}).stats();
    EXPECT_EQ(stats.operators.at(0).left_out, 2U);
    EXPECT_THAT(stats.text(), HasSubstr("left out"));
    const auto orders = read_csv<Order>(file, {.on_bad_record = BadRecordPolicy::collect});
    const auto dear = orders.filter([](const Order& order) { return order.price > 4; });
    EXPECT_EQ(dear.count(), 1U);
    ::testing::internal::CaptureStderr();
    const std::vector<BadRecord> bad = dear.bad_records().take_all();
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    ASSERT_EQ(bad.size(), 2U);
    EXPECT_EQ(bad[1].text, "Tea");
    EXPECT_EQ(orders.bad_records().filter([](const BadRecord& record) { return record.line == 3; }).count(), 1U);
    EXPECT_THAT(driver_.labels().back(), HasSubstr("Order>.bad_records.filter<"));
    EXPECT_THROW((void)read_csv<Order>(file).count(), DataError);
  });
}

TEST_F(CsvPolicies, OneProcessWarnsABoundedNumberOfTimes) {
  const std::string file = folder_.write("orders.csv", "drink,price\nMocha,five\n");
  drive([&] {
    ::testing::internal::CaptureStderr();
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(read_csv<Order>(file, {.on_bad_record = BadRecordPolicy::skip}).count(), 0U);
    }
    const std::string told = ::testing::internal::GetCapturedStderr();
    const auto lines = [&](std::string_view which) {
      std::size_t count = 0;
      for (std::size_t at = told.find(which); at != std::string::npos; at = told.find(which, at + 1)) ++count;
      return count;
    };
    // A thousand blocks and datasets pass at most these of the 16th, 32nd, … and of the 128th, 256th, …
    EXPECT_LE(lines(" records in a block could not be read"), 10U + 7U);
    EXPECT_LE(lines(" records in all could not be read"), 100U + 4U);
    EXPECT_LE(std::ranges::count(told, '\n'), 17 + 104);
    // Where tests before this one have had their share, that may be nothing.
    EXPECT_THAT(told, AnyOf(IsEmpty(), HasSubstr(" with such records here; not all are told)\n"),
                            HasSubstr(" datasets that were read here; not all are told)\n")));
  });
}

TEST_F(CsvPolicies, BadRecordsThatNobodyCollectsAreAUsageError) {
  const auto message = [](const auto& dataset) -> std::string {
    try {
      (void)dataset.bad_records();
    } catch (const UsageError& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(
      message(range(3)),
      "asking range for its bad records: they are not collected; read the files with .on_bad_record = "
      "crema::BadRecordPolicy::collect, and ask the dataset that was read, or one that was only mapped or filtered "
      "since");
  const auto collected = read_csv<Order>("orders.csv", {.on_bad_record = BadRecordPolicy::collect});
  EXPECT_EQ(message(collected), "none");
  EXPECT_THAT(message(collected.limit(1)), HasSubstr("ask the dataset that was read"));
  EXPECT_THAT(message(read_csv<Order>("orders.csv", {.on_bad_record = BadRecordPolicy::skip})), HasSubstr("read_csv<"));
}

TEST_F(CsvPolicies, SeveralFilesAndPatternsAreReadInTheOrderGiven) {
  const std::string first = folder_.write("b.csv", "value\n1\n");
  (void)folder_.write("c1.csv", "value\n2\n");
  (void)folder_.write("c0.csv", "value\n3\n");
  const std::string pattern = folder_.path() / "c*.csv";
  drive([&] {
    EXPECT_THAT(read_csv<int>({pattern, first}).take_all(), ElementsAre(3, 2, 1));
    EXPECT_THAT(read_csv<int>(std::vector<std::string>{first, pattern}).take_all(), ElementsAre(1, 3, 2));
    EXPECT_THAT(read_csv<int>(folder_.path() / "b.csv").take_all(), ElementsAre(1));
    EXPECT_THAT(read_csv<int>(std::vector<std::string>{}).take_all(), IsEmpty());
    EXPECT_THROW((void)read_csv<int>({first, "no/such.csv"}).count(), DataError);
  });
}

}  // namespace
}  // namespace crema
