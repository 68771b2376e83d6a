#include "io/compression.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "compressed.hpp"
#include "crema/csv.hpp"
#include "crema/errors.hpp"
#include "io/csv_partitioner.hpp"
#include "local_driver.hpp"
#include "python.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CompressionTest : public ::testing::Test {
 protected:
  std::string text_of(const std::string& path, std::uint64_t offset = 0) const {
    const io::Text text = io::read_block(
        {.path = path, .offset = offset, .size = 0, .compression = io::compression_of(io::File{path})}, 0);
    return {text.bytes.get(), text.size};
  }
  std::string message_of(const std::string& bytes) const {
    const std::string path = folder_.write("damaged", bytes);
    try {
      (void)text_of(path);
    } catch (const DataError& error) {
      EXPECT_EQ(error.file(), path);
      return std::string{error.what()}.substr(path.size());
    }
    return "no error";
  }
  static std::string random_text(std::size_t size) {
    std::mt19937 random{5};
    std::string text(size, ' ');
    for (char& character : text) character = static_cast<char>('a' + random() % 20);
    return text;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(CompressionTest, IsSeenByTheFirstBytes) {
  const auto of = [&](std::string_view bytes) { return io::compression_of(io::File{folder_.write("file", bytes)}); };
  EXPECT_EQ(of(testing::gzip("text")), Compression::gzip);
  EXPECT_EQ(of(testing::zstd("text")), Compression::zstd);
  for (const char* text : {"", "a", "\x1F", "a,b\n", "\x28\xB5\x2F"}) EXPECT_EQ(of(text), Compression::none);
}

TEST_F(CompressionTest, TextsOfAnySizeComeBack) {
  for (const std::size_t size : {0, 1, 70'000, 3'000'000}) {
    const std::string text = random_text(size);
    const std::string runs(size, 'x');
    for (auto* compress : {&testing::gzip, &testing::zstd}) {
      EXPECT_EQ(text_of(folder_.write("text", compress(text))), text);
      EXPECT_EQ(text_of(folder_.write("runs", compress(runs))), runs);
      const std::string parts = folder_.write("parts", compress(text) + compress("") + compress("end"));
      EXPECT_EQ(text_of(parts), text + "end");
      EXPECT_EQ(text_of(parts, size + 1), "nd");
      EXPECT_EQ(text_of(parts, size + 3), "");
    }
  }
}

TEST_F(CompressionTest, AHeadIsAsLongAsAskedForOrAsTheText) {
  for (auto* compress : {&testing::gzip, &testing::zstd}) {
    const io::File file{folder_.write("text", compress("0123456789"))};
    for (const auto& [limit, size] : {std::pair{3U, 3U}, {10U, 10U}, {1000U, 10U}}) {
      EXPECT_EQ(io::read_head(file, io::compression_of(file), limit).size, size);
    }
  }
}

TEST_F(CompressionTest, WhatIsCutShortOrDamagedIsAnErrorThatNamesTheFile) {
  for (auto* compress : {&testing::gzip, &testing::zstd}) {
    const std::string whole = compress(random_text(100'000));
    for (std::size_t size = 4; size < whole.size(); size += whole.size() / 50) {
      EXPECT_THAT(message_of(whole.substr(0, size)),
                  StartsWith(": expected compressed data that is whole, found the end of the file (is it whole?)"));
    }
    EXPECT_THAT(message_of(whole.substr(0, whole.size() - 1)), EndsWith(fmt::format("near byte {}", whole.size() - 1)));
    for (std::size_t place = 20; place < whole.size(); place += whole.size() / 50) {
      std::string damaged = whole;
      damaged[place] = static_cast<char>(damaged[place] ^ 4);
      EXPECT_THAT(message_of(damaged), HasSubstr("expected compressed data that is whole, found "));
    }
    EXPECT_THAT(message_of(whole + "garbage"), AnyOf(HasSubstr("incorrect header check"), HasSubstr("Unknown frame")));
  }
}

struct Order {
  std::string drink;
  std::optional<double> price;

  friend bool operator==(const Order&, const Order&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price);
  }
};

struct Airport {
  std::string name;
  double latitude = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(latitude);
  }
};

using CompressedCsv = CompressionTest;

TEST_F(CompressedCsv, IsReadAsOneBlockAndPlacesInItAreThoseOfItsText) {
  const std::string text = "\n# menu\nprice,drink\n5,Latte\n\"x\",\"say \"\"\n\"\"\"\n3,\"Mocha\n4,Tea\n";
  CsvOptions options{.comment = '#', .on_bad_record = BadRecordPolicy::collect};
  for (auto* compress : {&testing::gzip, &testing::zstd}) {
    const std::string file = folder_.write("orders.csv.packed", compress(text));
    csv::Partitioner partitioner{file, csv::field_names<Order>(), 1, options};
    const auto block = partitioner.next();
    ASSERT_TRUE(block);
    EXPECT_FALSE(partitioner.next());
    ::testing::internal::CaptureStderr();
    EXPECT_THAT(csv::read_rows<Order>(*block), ElementsAre(Order{"Latte", 5}, Order{"Tea", 4}));
    (void)::testing::internal::GetCapturedStderr();
    const auto bad = csv::read_bad_records<Order>(*block);
    ASSERT_EQ(bad.size(), 2U);
    EXPECT_EQ(bad[0].line, 5U);
    EXPECT_EQ(bad[0].text, "\"x\",\"say \"\"\n\"\"\"");
    EXPECT_EQ(bad[1].line, 7U);
    EXPECT_EQ(bad[1].text, "3,\"Mocha");
  }
}

TEST_F(CompressedCsv, LongHeadersAndDamagedFilesAreToldBeforeAnyBlock) {
  std::string header = "drink";
  for (int i = 0; i < 20'000; ++i) header += fmt::format(",column{}", i);
  const std::string file = folder_.write("wide.csv.gz", testing::gzip(header + ",price\nLatte"));
  csv::Partitioner partitioner{file, csv::field_names<Order>()};
  EXPECT_EQ(partitioner.next()->header.size(), 20'002U);

  const std::string cut = folder_.write("cut.csv.gz", testing::gzip(header).substr(0, 5000));
  EXPECT_THROW((csv::Partitioner{cut, csv::field_names<Order>()}), DataError);
  EXPECT_THROW((csv::Partitioner{folder_.write("none.csv.gz", testing::gzip("")), {}}), DataError);
}

TEST_F(CompressedCsv, WhatIsCutShortFailsWhateverThePolicy) {
  const std::string whole = testing::gzip("drink,price\n" + random_text(1'000'000));
  const std::string file = folder_.write("cut.csv.gz", whole.substr(0, whole.size() / 2));
  testing::LocalDriver driver;
  EXPECT_THAT(driver.run([&] { (void)read_csv<Order>(file, {.on_bad_record = BadRecordPolicy::skip}).count(); }),
              StartsWith(file + ": expected compressed data that is whole, found the end of the file"));
}

TEST_F(CompressedCsv, RealFilesPackedByPythonAreWhatPythonReads) {
  const std::string file = folder_.path() / "airports.csv.gz";
  EXPECT_EQ(testing::python("import gzip\n"
                            "text = open(\"" CREMA_TEST_DATA "/airports.csv\", \"rb\").read()\n"
                            "gzip.open(\"" +
                            file + "\", \"wb\").write(text)\n"),
            "");
  csv::Partitioner partitioner{file, csv::field_names<Airport>()};
  const auto rows = csv::read_rows<Airport>(*partitioner.next());
  double latitudes = 0;
  std::size_t bytes = 0;
  for (const Airport& row : rows) {
    latitudes += row.latitude;
    bytes += row.name.size();
  }
  EXPECT_EQ(fmt::format("{} {:.6f} {}\n", rows.size(), latitudes, bytes),
            testing::python("import pandas\n"
                            "t = pandas.read_csv(\"" +
                            file +
                            "\", keep_default_na=False)\n"
                            "print(len(t), \"%.6f\" % t.latitude.sum(), sum(len(n.encode()) for n in t.name))"));
}

}  // namespace
}  // namespace crema
