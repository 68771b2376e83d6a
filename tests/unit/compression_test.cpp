#include "io/compression.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "compressed.hpp"
#include "crema/csv.hpp"
#include "crema/errors.hpp"
#include "io/csv_partitioner.hpp"
#include "io/line_cutter.hpp"
#include "io/text_reader.hpp"
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
    io::TextReader reader{path};
    std::string text(1 << 22, '?');
    text.resize(reader.read(offset, text.data(), text.size()));
    return text;
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
  EXPECT_EQ(of(testing::gzip("text")), io::Compression::gzip);
  EXPECT_EQ(of(testing::zstd("text")), io::Compression::zstd);
  for (const char* text : {"", "a", "\x1F", "a,b\n", "\x28\xB5\x2F"}) EXPECT_EQ(of(text), io::Compression::none);
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

TEST_F(CompressionTest, ItIsReadInOrderFromPlacesThatAreKeptAndFromThoseThatAreNot) {
  const std::string text = random_text(3'000'000);
  for (const std::string& bytes : {testing::gzip(text), testing::zstd(text), text}) {
    io::TextReader reader{folder_.write("text", bytes)};
    EXPECT_EQ(reader.is_compressed(), bytes != text);
    std::mt19937 random{3};
    std::uint64_t from = 0;
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t place = random() % 5 == 0 ? random() % (text.size() + 10) : from + random() % 50'000;
      std::string part(random() % 100'000, '?');
      part.resize(reader.read(place, part.data(), part.size()));
      ASSERT_EQ(part, place < text.size() ? text.substr(place, part.size()) : "");
      if (place + part.size() == text.size()) {
        EXPECT_EQ(reader.size(), text.size());
        from = random() % text.size();
      } else if (random() % 2 == 0) {
        from = place + part.size() / 2;
        reader.forget_before(from);
      }
    }
    char behind = '?';
    EXPECT_EQ(reader.read(text.size() + 1000, &behind, 1), 0U);
    EXPECT_EQ(reader.size(), text.size());
    EXPECT_EQ(reader.bytes(text.size() - 5, 5).size(), 5U);
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

TEST_F(CompressionTest, LinesOfPackedTextAreCutWhereThoseOfTheTextAre) {
  std::mt19937 random{8};
  for (int i = 0; i < 100; ++i) {
    std::string text;
    for (std::uint64_t left = random() % 50; left > 0; --left) text += std::string(random() % 20, 'x') + "\r\n";
    if (random() % 2 == 0) text += "no end";
    const std::uint64_t size = 1 + random() % 40;
    io::LineCutter plain{{.path = folder_.write("plain", text)}, size};
    io::LineCutter packed{{.path = folder_.write("packed", testing::zstd(text))}, size};
    std::uint64_t line = 1;
    while (const auto block = plain.next()) {
      const auto same = packed.next();
      ASSERT_TRUE(same);
      ASSERT_EQ(std::pair(block->offset, block->size), std::pair(same->offset, same->size));
      ASSERT_EQ(same->first_line, line);
      ASSERT_EQ(io::first_line_of(*block), line);
      const std::string_view cut{reinterpret_cast<const char*>(same->text.data()), same->text.size()};
      ASSERT_EQ(cut, text.substr(block->offset, block->size));
      line += static_cast<std::uint64_t>(std::ranges::count(cut, '\n'));
    }
    ASSERT_FALSE(packed.next());
  }
}

using CompressedCsv = CompressionTest;

TEST_F(CompressedCsv, IsCutIntoBlocksByWhoUnpacksItAndPlacesInItAreThoseOfItsText) {
  const std::string text = "\n# menu\nprice,drink\n5,Latte\n\"x\",\"say \"\"\n\"\"\"\n3,\"Mocha\n4,Tea\n";
  CsvOptions options{.comment = '#', .on_bad_record = BadRecordPolicy::collect};
  for (auto* compress : {&testing::gzip, &testing::zstd}) {
    const std::string file = folder_.write("orders.csv.packed", compress(text));
    for (const auto& [size, count] : {std::pair{1U, 4U}, {8U, 4U}, {9U, 3U}, {1000U, 2U}}) {
      csv::Partitioner partitioner{file, csv::field_names<Order>(), size, options};
      const auto whole = partitioner.next();
      ASSERT_TRUE(whole);
      EXPECT_TRUE(whole->uncut);
      EXPECT_FALSE(partitioner.next());
      std::vector<Order> rows;
      std::vector<BadRecord> bad;
      std::size_t blocks = 0;
      ::testing::internal::CaptureStderr();
      for (csv::Cutter cutter{*whole, partitioner.block_size()}; const auto block = cutter.next(); ++blocks) {
        std::ranges::move(csv::read_rows<Order>(*block), std::back_inserter(rows));
        std::ranges::move(csv::read_bad_records<Order>(*block), std::back_inserter(bad));
      }
      (void)::testing::internal::GetCapturedStderr();
      EXPECT_EQ(blocks, count) << size;
      EXPECT_THAT(rows, ElementsAre(Order{"Latte", 5}, Order{"Tea", 4}));
      ASSERT_EQ(bad.size(), 2U);
      EXPECT_EQ(bad[0].line, 5U);
      EXPECT_EQ(bad[0].text, "\"x\",\"say \"\"\n\"\"\"");
      EXPECT_EQ(bad[1].line, 7U);
      EXPECT_EQ(bad[1].text, "3,\"Mocha");
    }
  }
}

TEST_F(CompressedCsv, IsCutWhereItsTextIsCut) {
  std::mt19937 random{8};
  const std::string_view pieces[] = {"a", "1", ",", "\n", "\r\n", "\"", "\"\"", "\"a\nb\"", "#", ",\"x\"\n", "3,4\n"};
  for (int i = 0; i < 300; ++i) {
    std::string text = "drink,price\n";
    for (std::uint64_t left = random() % 200; left > 0; --left) text += pieces[random() % std::size(pieces)];
    const CsvOptions options{.comment = '#', .on_bad_record = BadRecordPolicy::skip};
    const std::uint64_t size = 1 + random() % 40;
    const std::string plain = folder_.write("plain.csv", text);
    const std::string packed = folder_.write("packed.csv.gz", testing::gzip(text));
    csv::Cutter expected{*csv::Partitioner{packed, csv::field_names<Order>(), size, options}.next(), size};
    csv::Partitioner found{plain, csv::field_names<Order>(), size, options};
    while (const auto block = found.next()) {
      const auto same = expected.next();
      ASSERT_TRUE(same) << text;
      ASSERT_EQ(std::tuple(block->offset, block->size, block->first_line),
                std::tuple(same->offset, same->size, same->first_line))
          << text;
      const std::string_view cut{reinterpret_cast<const char*>(same->text.data()), same->text.size()};
      ASSERT_EQ(cut, text.substr(block->offset, block->size));
    }
    ASSERT_FALSE(expected.next());
  }
}

TEST_F(CompressedCsv, AQuoteThatIsNeverClosedIsFoundHoweverMuchComesBehindIt) {
  std::string text = "drink,price\nTea,1\nMocha,\"2\n";
  constexpr std::size_t kept = 3 << 20;
  const std::size_t rows = 10'000'000 / 8;
  for (std::size_t row = 0; row < rows; ++row) text += "Latte,5\n";
  const std::string file = folder_.write("open.csv.zst", testing::zstd(text));
  csv::Partitioner partitioner{file, csv::field_names<Order>(), 1 << 20, {.on_bad_record = BadRecordPolicy::skip}};
  csv::Cutter cutter{*partitioner.next(), partitioner.block_size(), {}, kept};
  std::uint64_t end = std::string_view{"drink,price\n"}.size();
  std::uint64_t line = 2;
  std::size_t blocks = 0;
  for (; const auto block = cutter.next(); ++blocks) {
    ASSERT_EQ(block->offset, end);
    ASSERT_EQ(block->first_line, line);
    const std::string_view cut{reinterpret_cast<const char*>(block->text.data()), block->text.size()};
    ASSERT_TRUE(cut == std::string_view{text}.substr(block->offset, block->size));
    if (blocks == 0) {
      EXPECT_EQ(cut, "Tea,1\nMocha,\"2\n");
    }
    end += block->size;
    line += static_cast<std::uint64_t>(std::ranges::count(cut, '\n'));
  }
  EXPECT_EQ(end, text.size());
  EXPECT_GT(blocks, 8U);
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
  double latitudes = 0;
  std::size_t bytes = 0, rows = 0, blocks = 0;
  for (csv::Cutter cutter{*partitioner.next(), partitioner.block_size()}; const auto block = cutter.next(); ++blocks) {
    for (const Airport& row : csv::read_rows<Airport>(*block)) {
      ++rows;
      latitudes += row.latitude;
      bytes += row.name.size();
    }
  }
  EXPECT_GT(blocks, 1U);
  EXPECT_EQ(fmt::format("{} {:.6f} {}\n", rows, latitudes, bytes),
            testing::python("import pandas\n"
                            "t = pandas.read_csv(\"" +
                            file +
                            "\", keep_default_na=False)\n"
                            "print(len(t), \"%.6f\" % t.latitude.sum(), sum(len(n.encode()) for n in t.name))"));
}

}  // namespace
}  // namespace crema
