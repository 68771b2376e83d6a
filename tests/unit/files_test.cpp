#include "crema/files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compressed.hpp"
#include "crema/errors.hpp"
#include "local_driver.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class Files : public ::testing::Test {
 protected:
  void drive(const std::function<void()>& driver) { EXPECT_EQ(driver_.run(driver), ""); }

  testing::LocalDriver driver_;
  testing::TemporaryFolder folder_;
};

std::string text_of(const BinaryFile& file) {
  return {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()};
}

TEST_F(Files, LinesEndWithLfOrCrlfAndTheLastNeedNot) {
  const std::string file = folder_.write("a.txt", "\xEF\xBB\xBFone\r\n\ntwo \r three\n\r\n\xEF\xBB\xBF last\r");
  drive([&] {
    EXPECT_THAT(read_text(file).take_all(), ElementsAre("one", "", "two \r three", "", "\xEF\xBB\xBF last"));
    EXPECT_THAT(driver_.labels(), ElementsAre("read_text"));
    EXPECT_THAT(read_text(folder_.write("end.txt", "a\n")).take_all(), ElementsAre("a"));
    EXPECT_THAT(read_text(folder_.write("blank.txt", "\n\n")).take_all(), ElementsAre("", ""));
    EXPECT_THAT(read_text(folder_.write("none.txt", "")).take_all(), IsEmpty());
  });
}

TEST_F(Files, LargeTextsAreCutIntoBlocksAtLines) {
  std::string text;
  std::vector<std::string> lines;
  while (text.size() < 1'000'000) {
    lines.push_back(std::to_string(lines.size()) + std::string(lines.size() % 300, 'x'));
    if (lines.size() % 1000 == 0) lines.back().append(200'000, 'y');
    text += lines.back() + (lines.size() % 2 == 0 ? "\n" : "\r\n");
  }
  const std::string file = folder_.write("large.txt", text);
  drive([&] { EXPECT_EQ(read_text(file).take_all(), lines); });
  EXPECT_GT(driver_.labels().size(), 5U);
}

TEST_F(Files, SeveralTextsCompressedOnesAmongThemComeInTheOrderGiven) {
  const std::string last = folder_.write("z.log", "5");
  (void)folder_.write("b.txt.gz", testing::gzip("3\n4\r\n"));
  (void)folder_.write("a.txt.zst", testing::zstd("1\n2"));
  drive([&] {
    EXPECT_THAT(read_text({folder_.path() / "*.txt.*", last}).take_all(), ElementsAre("1", "2", "3", "4", "5"));
  });
  const std::string cut = folder_.write("cut.gz", testing::gzip("text").substr(0, 12));
  EXPECT_THAT(driver_.run([&] { (void)read_text(cut).count(); }),
              StartsWith(cut + ": expected compressed data that is whole, found the end of the file"));
}

TEST_F(Files, BinaryFilesAreRowsAndSmallOnesShareABlock) {
  for (char character = 0; character < 26; ++character) {
    const std::string name{static_cast<char>('a' + character)};
    (void)folder_.write(name + ".bin", std::string(static_cast<std::size_t>(character) * 10'000, character));
  }
  (void)folder_.write("packed.bin", testing::gzip("as it is"));
  drive([&] {
    const std::vector<BinaryFile> files = read_binary(folder_.path() / "*.bin").take_all();
    ASSERT_EQ(files.size(), 27U);
    EXPECT_THAT(files[0].bytes, IsEmpty());
    EXPECT_THAT(files[3].path, EndsWith("/d.bin"));
    EXPECT_EQ(text_of(files[3]), std::string(30'000, '\3'));
    EXPECT_EQ(text_of(files[16]), testing::gzip("as it is"));
    EXPECT_EQ(files[26].bytes.size(), 250'000U);
  });
  EXPECT_GT(driver_.labels().size(), 15U) << "too few blocks to share out";
  EXPECT_LT(driver_.labels().size(), 27U) << "small files have blocks of their own";
}

TEST_F(Files, ManyEmptyFilesAreSharedOutToo) {
  for (int i = 0; i < 1500; ++i) (void)folder_.write(std::to_string(i), "");
  drive([&] {
    EXPECT_EQ(read_binary(folder_.path() / "*").count(), 1500U);
    EXPECT_THAT(driver_.labels(), IsEmpty()) << "files were read to be counted";
    EXPECT_EQ(driver_.inputs().size(), 1500U) << "a resume counts the same ones";
    EXPECT_EQ(read_binary(folder_.path() / "*").filter([](const BinaryFile&) { return true; }).count(), 1500U);
  });
  EXPECT_EQ(driver_.labels().size(), 2U);
}

TEST_F(Files, WhatCannotBeReadIsADataError) {
  const std::string folder = folder_.path();
  EXPECT_THAT(
      driver_.run([&] { (void)read_text(folder + "/none").count(); }),
      AllOf(StartsWith(folder + "/none: expected a file, found none of that name"), HasSubstr("current folder")));
  EXPECT_THAT(driver_.run([&] { (void)read_binary(folder).count(); }),
              StartsWith(folder + ": expected a file, found a folder"));
  EXPECT_THAT(driver_.run([&] { (void)read_binary(folder + "/*.bin").count(); }),
              StartsWith(folder + "/*.bin: expected a file that this pattern matches, found none"));
  EXPECT_EQ(driver_.labels().size(), 0U);
  const std::string file = folder_.write("shrinks.bin", "0123456789");
  EXPECT_THAT(driver_.run([&] {
    auto rows = read_binary(file).rows();
    (void)folder_.write("shrinks.bin", "01");
    (void)rows.begin();
  }),
              StartsWith(file + ": expected 10 bytes or more, as when the job started, found 2 bytes"));
}

}  // namespace
}  // namespace crema
