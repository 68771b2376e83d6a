#include "io/csv_partitioner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "crema/errors.hpp"
#include "temporary_folder.hpp"

namespace crema::csv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CsvPartitioner : public ::testing::Test {
 protected:
  /// The text of every block.
  static std::vector<std::string> blocks(const std::string& pattern, std::uint64_t block_size,
                                         const std::vector<std::string>& fields = {}) {
    Partitioner partitioner{pattern, fields, block_size};
    std::vector<std::string> texts;
    while (const std::optional<Block> block = partitioner.next()) {
      std::string text(block->size, '\0');
      io::File{block->path}.read(block->offset, text.data(), text.size());
      texts.push_back(text);
    }
    return texts;
  }

  static std::string message_of(const std::string& pattern, const std::vector<std::string>& fields = {}) {
    try {
      blocks(pattern, 0, fields);
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }

  testing::TemporaryFolder folder_;
};

TEST_F(CsvPartitioner, CutsWhereARecordEnds) {
  const std::string file = folder_.write("orders.csv", "a,b\n1,2\n33,44\n5,6");
  EXPECT_THAT(blocks(file, 1), ElementsAre("1,2\n", "33,44\n", "5,6"));
  EXPECT_THAT(blocks(file, 4), ElementsAre("1,2\n", "33,44\n", "5,6"));
  EXPECT_THAT(blocks(file, 5), ElementsAre("1,2\n33,44\n", "5,6"));
  EXPECT_THAT(blocks(file, 1000), ElementsAre("1,2\n33,44\n5,6"));
}

TEST_F(CsvPartitioner, LineFeedsInQuotesCutNothing) {
  const std::string file = folder_.write("quotes.csv", "a,b\n\"1\n2\",x\n\"say \"\"\n\"\"\",\"\"\n5\"\n6,\"\n\"\n");
  EXPECT_THAT(blocks(file, 1), ElementsAre("\"1\n2\",x\n", "\"say \"\"\n\"\"\",\"\"\n", "5\"\n", "6,\"\n\"\n"));
}

TEST_F(CsvPartitioner, BlocksTellWhereTheyBegin) {
  const std::string file = folder_.write("lines.csv", "\xEF\xBB\xBF\n a ,\"b\"\r\n\"1\n1\",2\r\n3,4\r\n");
  Partitioner partitioner{file, {}, 1};
  for (const auto& [offset, size, line] : {std::tuple{13U, 9U, 3U}, {22U, 5U, 5U}}) {
    const std::optional<Block> block = partitioner.next();
    ASSERT_TRUE(block);
    EXPECT_EQ(std::tuple(block->path, block->offset, block->size), std::tuple(file, offset, size));
    EXPECT_EQ(block->first_line, line);
    EXPECT_THAT(block->header, ElementsAre("a", "b"));
    EXPECT_EQ(block->options, CsvOptions{});
    EXPECT_TRUE(block->text.empty() && !block->uncut);
  }
  EXPECT_FALSE(partitioner.next());
  EXPECT_FALSE(partitioner.next());
}

TEST_F(CsvPartitioner, BlockSizesComeFromTheFilesAlone) {
  EXPECT_EQ(io::block_size_for(0), 64U << 10);
  EXPECT_EQ(io::block_size_for(64U << 20), 1U << 20);
  EXPECT_EQ(io::block_size_for(1ULL << 40), 8U << 20);
  // Files that are many are blocks enough: what is cut is all of them together.
  std::string file = "a\n";
  for (int i = 0; i < 50'000; ++i) file += "1\n";
  for (int i = 0; i < 100; ++i) (void)folder_.write("many" + std::to_string(i) + ".csv", file);
  EXPECT_EQ(blocks((folder_.path() / "many*.csv").string(), 0, std::vector<std::string>{"a"}).size(), 100U);
}

TEST_F(CsvPartitioner, RecordsMaySpanTheChunksItReads) {
  std::mt19937 random{1};
  std::string text = "a,b\n";
  std::vector<std::string> records;
  while (text.size() < 5'000'000) {
    std::string record = std::to_string(random()) + ",\"";
    record.append(random() % 300'000, "x\n,"[random() % 3]).append("\"\"\"\r\n");
    text += record;
    records.push_back(record);
  }
  EXPECT_EQ(blocks(folder_.write("large.csv", text), 1), records);
}

TEST_F(CsvPartitioner, SeveralFilesComeInTheOrderOfTheirNames) {
  (void)folder_.write("b.csv", "a,b\n3,4\n");
  (void)folder_.write("a.csv", "b,a\n1,2\n");
  (void)folder_.write("B.csv", "a\n");
  (void)folder_.write("c.txt", "no CSV");
  Partitioner partitioner{folder_.path() / "*.csv", std::vector<std::string>{"a"}};
  const std::optional<Block> first = partitioner.next();
  EXPECT_EQ(first->path, folder_.path() / "a.csv");
  EXPECT_THAT(first->header, ElementsAre("b", "a"));
  EXPECT_EQ(partitioner.next()->path, folder_.path() / "b.csv");
  EXPECT_FALSE(partitioner.next());
}

TEST_F(CsvPartitioner, AFileStartsAnewWhateverTheOneBeforeItEndsWith) {
  (void)folder_.write("1.csv", "a\n1");
  const std::string second = folder_.write("2.csv", "a\n\"2\n2\"\n\"open\n");
  Partitioner partitioner{folder_.path() / "*.csv", {}, 1};
  EXPECT_EQ(partitioner.next()->size, 1U);
  EXPECT_EQ(partitioner.next()->size, 6U);
  EXPECT_THROW((void)partitioner.next(), DataError);
  EXPECT_EQ(message_of(folder_.path() / "*.csv"),
            second + ":4: expected a closing quote for the one that opens here, found the end of the file");
}

TEST_F(CsvPartitioner, ANameWithPatternCharactersIsANameFirst) {
  const std::string file = folder_.write("run[1].csv", "a\n1\n");
  EXPECT_THAT(blocks(file, 0), ElementsAre("1\n"));
}

TEST_F(CsvPartitioner, RowsThereAreNone) {
  EXPECT_THAT(blocks(folder_.write("header.csv", "a,b"), 0), ElementsAre());
  EXPECT_THAT(blocks(folder_.write("header_line.csv", "a,b\r\n"), 0), ElementsAre());
}

TEST_F(CsvPartitioner, MissingFilesAreErrorsThatSayWhereItLooked) {
  EXPECT_EQ(message_of("no/such.csv"),
            "no/such.csv: expected a file, found none of that name (paths start at the current folder, " +
                std::filesystem::current_path().string() + ")");
  EXPECT_THAT(message_of(folder_.path() / "*.csv"),
              HasSubstr("/*.csv: expected a file that this pattern matches, found none (paths start at"));
}

TEST_F(CsvPartitioner, FoldersAndPipesAreNoFiles) {
  EXPECT_EQ(message_of(folder_.path()), folder_.path().string() +
                                            ": expected a file, found a folder (for the files in it name a pattern, "
                                            "as in folder/*)");
  const std::string pipe = folder_.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(message_of(pipe), HasSubstr("found a pipe or a device (store its contents in a file)"));
}

TEST_F(CsvPartitioner, UnreadableFilesAreErrors) {
  const std::string file = folder_.write("secret.csv", "a\n1\n");
  const std::string closed = folder_.path() / "closed";
  std::filesystem::create_directory(closed);
  ::chmod(file.c_str(), 0);
  ::chmod(closed.c_str(), 0);
  const bool root = ::geteuid() == 0;
  ::chmod(folder_.path().c_str(), 0755);
  if (root) {  // which reads everything: be nobody for a moment
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const std::string single = message_of(file);
  const std::string pattern = message_of(folder_.path() / "cl*" / "*.csv");
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_EQ(single, file + ": expected a file that can be read, found Permission denied");
  EXPECT_THAT(pattern, HasSubstr("expected folders that can be listed for this pattern, found Permission denied"));
}

TEST_F(CsvPartitioner, EmptyFilesAreErrors) {
  for (const char* text : {"", "\xEF\xBB\xBF", "\n\r\n\n"}) {
    const std::string file = folder_.write("empty.csv", text);
    EXPECT_EQ(message_of(file), file + ": expected a header line with the names of the columns, found an empty file");
  }
}

TEST_F(CsvPartitioner, MissingColumnsAreErrorsBeforeAnyBlock) {
  (void)folder_.write("1.csv", "drink,price\nLatte,5\n");
  const std::string second = folder_.write("2.csv", "\ndrink,cost\nLatte,5\n");
  try {
    const Partitioner partitioner{folder_.path() / "*.csv", std::vector<std::string>{"drink", "price"}};
    FAIL() << "a file without the column was accepted";
  } catch (const DataError& error) {
    EXPECT_EQ(error.what(), second +
                                ":2: column \"price\": expected this column in the header, "
                                "found the columns \"drink\", \"cost\"");
    EXPECT_EQ(error.file(), second);
    EXPECT_EQ(error.line(), 2U);
    EXPECT_EQ(error.column(), "price");
  }
}

TEST_F(CsvPartitioner, AColumnThatIsThereTwiceIsAnErrorOnlyIfItIsWanted) {
  const std::string file = folder_.write("twice.csv", "a,b,b\n1,2,3\n");
  EXPECT_EQ(message_of(file, {"a"}), "no error");
  EXPECT_EQ(message_of(file, {"a", "b"}), file +
                                              ":1: column \"b\": expected this column once in the header (which of "
                                              "them is meant?), found the columns \"a\", \"b\", \"b\"");
}

TEST_F(CsvPartitioner, AQuoteThatIsNeverClosedIsToldByTheLineOnWhichItOpens) {
  const std::string file = folder_.write("open.csv", "a,b\n1,\"2\n\"\n3,\"4\n5,6\n");
  EXPECT_EQ(message_of(file),
            file + ":4: expected a closing quote for the one that opens here, found the end of the file");
  const std::string header = folder_.write("open_header.csv", "\na,\"b\n1,2\n");
  EXPECT_EQ(message_of(header),
            header + ":2: expected a closing quote for the one that opens here, found the end of the file");
  std::string lines = "a\n";
  for (int i = 0; i < 399'990; ++i) lines += "12345\n";
  const std::string far = folder_.write("far.csv", lines + "\"x\n" + lines);
  EXPECT_THAT(message_of(far), HasSubstr("far.csv:399992: expected a closing quote"));
}

TEST_F(CsvPartitioner, AHeaderHasALimit) {
  const std::string file = folder_.write("binary.csv", std::string(2 << 20, 'x'));
  EXPECT_EQ(message_of(file), file +
                                  ":1: expected a header line within the first 1048576 bytes, found none (is a quote "
                                  "left open, or is this no CSV file?)");
}

TEST_F(CsvPartitioner, AFileThatBecomesShorterIsAnError) {
  const std::string file = folder_.write("shrinks.csv", "a\n1\n2\n3\n");
  Partitioner partitioner{file, {}, 1};
  (void)folder_.write("shrinks.csv", "a\n1\n");
  try {
    (void)partitioner.next();
    FAIL() << "a shorter file was accepted";
  } catch (const DataError& error) {
    EXPECT_EQ(error.what(), file +
                                ": expected 8 bytes or more, as when the job started, found 4 bytes (do not change "
                                "input files while a job runs)");
  }
}

}  // namespace
}  // namespace crema::csv
