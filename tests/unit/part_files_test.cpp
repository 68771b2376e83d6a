// Datasets written as folders of part files, and read again.

#include "crema/part_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "crema/csv.hpp"
#include "crema/files.hpp"
#include "crema/json.hpp"
#include "loopback_cluster.hpp"
#include "python.hpp"
#include "small_disk.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

enum class Size : std::int8_t { small = -3, large = 7 };

struct Where {
  double x = 0;
  float y = 0;
  friend bool operator==(const Where&, const Where&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(x) & BOOST_SERIALIZATION_NVP(y);
  }
};

struct Everything {
  std::string text;
  std::optional<std::string> note;
  std::int64_t number = 0;
  std::uint8_t small = 0;
  std::optional<double> maybe;
  bool yes = false;
  Size size = Size::small;
  std::chrono::sys_days day;
  std::chrono::system_clock::time_point time;
  Where where;

  friend bool operator==(const Everything&, const Everything&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(text) & BOOST_SERIALIZATION_NVP(note) & BOOST_SERIALIZATION_NVP(number);
    archive& BOOST_SERIALIZATION_NVP(small) & BOOST_SERIALIZATION_NVP(maybe) & BOOST_SERIALIZATION_NVP(yes);
    archive& BOOST_SERIALIZATION_NVP(size) & BOOST_SERIALIZATION_NVP(day) & BOOST_SERIALIZATION_NVP(time);
    archive& BOOST_SERIALIZATION_NVP(where);
  }
};

std::vector<Everything> rows_of_all_kinds() {
  using namespace std::chrono;
  const std::vector<std::string> texts{"plain",      "",         "comma, inside", "a \"quote\"",
                                       "two\nlines", " blanks ", "naïve café ☕",  "back\\slash\ttab"};
  std::vector<Everything> rows;
  for (int i = 0; i < 500; ++i) {
    rows.push_back({.text = texts[static_cast<std::size_t>(i) % texts.size()],
                    .note = i % 3 == 0 ? std::nullopt : std::optional<std::string>{"note " + std::to_string(i)},
                    .number = i == 7 ? std::numeric_limits<std::int64_t>::min() : i * 1'000'000'007LL,
                    .small = static_cast<std::uint8_t>(i),
                    .maybe = i % 4 == 0 ? std::nullopt : std::optional{i / 3.0},
                    .yes = i % 2 == 0,
                    .size = i % 5 == 0 ? Size::large : Size::small,
                    .day = sys_days{year{1000 + i * 17} / 2 / 28},
                    .time = system_clock::time_point{seconds{i * 86'399LL} + milliseconds{i}},
                    .where = {.x = i * 0.1, .y = static_cast<float>(i) * 1e-20F}});
  }
  return rows;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{folder}) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}
std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
}

class PartFiles : public ::testing::TestWithParam<int> {
 protected:
  void run(const std::function<void()>& driver) {
    LoopbackCluster job{GetParam()};
    EXPECT_EQ(job.run_all(driver), 0) << job.sink.end.error;
  }
  testing::TemporaryFolder folder_;
  const std::string out_ = (folder_.path() / "new" / "out").string();
};
INSTANTIATE_TEST_SUITE_P(Ranks, PartFiles, ::testing::Values(1, 2, 4));

TEST_P(PartFiles, CsvReadsBackAsItWasWritten) {
  run([&] {
    const auto rows = rows_of_all_kinds();
    from_items(rows).write_csv(out_);
    const auto again = read_csv<Everything>(out_ + "/part-*.csv").take_all();
    ASSERT_EQ(again.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_TRUE(again[i] == rows[i]) << i;
    from_items(std::vector<std::string>{"a", "", "c"}).write_csv(out_ + "2");
    EXPECT_THAT(read_csv<std::string>(out_ + "2/part-*.csv").take_all(), ElementsAre("a", "", "c"));
  });
  EXPECT_EQ(names_in(out_).size(), 251U);  // two rows a block, and what says that it is whole
  EXPECT_EQ(names_in(out_).front(), "_SUCCESS");
}

TEST_P(PartFiles, JsonReadsBackAsItWasWritten) {
  run([&] {
    const auto rows = rows_of_all_kinds();
    from_items(rows).repartition(3).write_json(out_);
    const auto again = read_json<Everything>(out_ + "/part-*.jsonl").take_all();
    ASSERT_EQ(again.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_TRUE(again[i] == rows[i]) << i;
  });
  EXPECT_THAT(names_in(out_), ElementsAre("_SUCCESS", "part-000000.jsonl", "part-000001.jsonl", "part-000002.jsonl"));
  EXPECT_THAT(text_of(fs::path{out_} / "part-000000.jsonl"),
              HasSubstr("{\"text\":\"comma, inside\",\"note\":\"note 2\",\"number\":2000000014,\"small\":2,\"maybe\":"
                        "0.6666666666666666,\"yes\":true,\"size\":-3,\"day\":\"1034-02-28\",\"time\":"
                        "\"1970-01-02T23:59:58.002\",\"where\":{\"x\":0.2,\"y\":2e-20}}\n"));
}

TEST_P(PartFiles, VectorsAndTheLargestNumbersReadBack) {
  run([&] {
    const std::vector<std::vector<float>> rows{{}, {1.5F, std::numeric_limits<float>::max()}, {-2}};
    from_items(rows).repartition(3).write_json(out_);
    EXPECT_EQ(read_json<std::vector<float>>(out_ + "/part-*.jsonl").take_all(), rows);
  });
}

TEST(PartFilesOfOneJob, OtherProgramsReadThem) {
  testing::TemporaryFolder folder;
  const std::string out = (folder.path() / "out").string();
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([&] {
    from_items(rows_of_all_kinds()).write_csv(out + "/csv");
    from_items(rows_of_all_kinds()).write_json(out + "/json");
  }),
            0);
  const std::string program =
      "import glob, pandas\n"
      "csv = pandas.concat(pandas.read_csv(f, keep_default_na=False, na_values={\"maybe\": [\"\"]}) for f in\n"
      "                    sorted(glob.glob(\"" +
      out +
      "/csv/part-*.csv\")))\n"
      "json = pandas.concat(pandas.read_json(f, lines=True, convert_dates=False) for f in\n"
      "                     sorted(glob.glob(\"" +
      out +
      "/json/part-*.jsonl\")))\n"
      "print(len(csv), (csv.text.values == json.text.values).all(), csv.number.sum() == json.number.sum(),\n"
      "      repr(csv[\"where.x\"].sum()) == repr(json[\"where\"].map(lambda w: w[\"x\"]).sum()), "
      "csv.maybe.isna().sum(),\n"
      "      json.maybe.isna().sum(), ascii(csv.text.values[4]))\n";
  EXPECT_EQ(testing::python(program), "500 True True True 125 125 'two\\nlines'\n");
}

TEST_P(PartFiles, BlocksWithoutRowsBecomeNoFiles) {
  run([&] {
    range(1000).filter([](std::int64_t i) { return i >= 500 && i < 503; }).write_csv(out_);
    range(0).write_json(out_ + "2");
    EXPECT_EQ(read_json<std::int64_t>(out_ + "2/part-*.jsonl").count(), 0U);
    from_items(rows_of_all_kinds()).filter([](const Everything&) { return false; }).write_csv(out_ + "3");
    EXPECT_THAT(read_csv<Everything>(out_ + "3/part-*.csv").take_all(), IsEmpty());
  });
  EXPECT_THAT(names_in(out_), ElementsAre("_SUCCESS", "part-000125.csv"));
  EXPECT_EQ(text_of(fs::path{out_} / "part-000125.csv"), "value\n500\n501\n502\n");
  EXPECT_THAT(text_of(fs::path{out_} / "_SUCCESS"), HasSubstr("part-000125.csv,3,18,"));
  // Without any, who reads the folder finds a dataset without rows.
  EXPECT_THAT(names_in(out_ + "2"), ElementsAre("_SUCCESS", "part-000000.jsonl"));
  EXPECT_THAT(text_of(fs::path{out_ + "2"} / "_SUCCESS"), HasSubstr("name,rows,bytes,xxh3\npart-000000.jsonl,0,0,"));
  EXPECT_THAT(text_of(fs::path{out_ + "3"} / "part-000000.csv"), StartsWith("text,note,number,"));
}

template <class T>
std::string refusal(const Dataset<T>& rows, const std::string& folder) {
  try {
    rows.write_csv(folder);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST_P(PartFiles, WhatIsThereIsNeverOverwritten) {
  run([&] {
    const auto rows = range(10).repartition(1);
    EXPECT_EQ(refusal(rows, out_), "");
    EXPECT_THAT(refusal(rows, out_), HasSubstr("it holds a finished one already"));
    fs::create_directories(out_ + "2");
    std::ofstream{out_ + "2/notes.txt"} << "mine";
    EXPECT_THAT(refusal(rows, out_ + "2"), HasSubstr("it holds \"notes.txt\", which is not of crema"));
    std::ofstream{out_ + "3"} << "a file";
    EXPECT_THAT(refusal(rows, out_ + "3"), HasSubstr("out3\": it, or what it lies in, is there and is not a folder"));
    EXPECT_THAT(refusal(rows, out_ + "3/inside"),
                HasSubstr("3/inside\": it, or what it lies in, is there and is not a folder"));
    EXPECT_THAT(refusal(rows, "/proc/out"), HasSubstr("/proc/out\": it cannot be made: "));
    EXPECT_THROW(rows.write_csv(out_ + "3"), UsageError);
    fs::create_directories(out_ + "5");
    std::ofstream{out_ + "5/.run.h5.host-1.partial"} << "a run file that is being written";
    EXPECT_THAT(refusal(rows, out_ + "5"), HasSubstr("it holds \".run.h5.host-1.partial\", which is not of crema"));
    // Parts of a run that did not end give way.
    fs::create_directories(out_ + "4");
    std::ofstream{out_ + "4/_UNFINISHED"} << "";
    std::ofstream{out_ + "4/part-000077.csv"} << "value\n1\n";
    std::ofstream{out_ + "4/._SUCCESS.host-1.partial"} << "name";
    EXPECT_EQ(refusal(rows, out_ + "4"), "");
    EXPECT_THAT(names_in(out_ + "4"), ElementsAre("_SUCCESS", "part-000000.csv"));
  });
  EXPECT_EQ(text_of(out_ + "2/notes.txt"), "mine");
  EXPECT_EQ(text_of(out_ + "5/.run.h5.host-1.partial"), "a run file that is being written");
}

TEST_P(PartFiles, WhatIsNoUtf8IsNotWritten) {
  run([&] {
    const auto texts = from_items(std::vector<std::string>{"caf\xE9"});
    EXPECT_THAT(refusal(texts, out_), HasSubstr("writing the text \"caf\\xe9\" as CSV: it is no UTF-8"));
    // What was collected because of that is text.
    std::ofstream{folder_.path() / "latin.csv"} << "value\ncaf\xE9\n";
    const auto read = read_csv<std::string>(folder_.path() / "latin.csv", {.on_bad_record = BadRecordPolicy::collect});
    read.bad_records().write_csv(out_ + "2");
    const auto bad = read_csv<BadRecord>(out_ + "2/*").take_all();
    ASSERT_EQ(bad.size(), 1U);
    EXPECT_EQ(bad[0].text, "caf\\xe9");
  });
}

TEST_P(PartFiles, APatternMatchesNoMarker) {
  run([&] {
    range(100).write_csv(out_);
    EXPECT_EQ(read_csv<std::int64_t>(out_ + "/*").sum(), 4950);
    EXPECT_EQ(read_text(out_ + "/*").count(), 200U);  // 100 blocks, each with a header
    EXPECT_GT(read_text(out_ + "/_SUCCESS").count(), 100U);
    try {
      static_cast<void>(read_text(out_ + "/_*").count());
      ADD_FAILURE();
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("expected a file that this pattern matches, found none"));
    }
    fs::create_directories(out_ + "2");
    std::ofstream{out_ + "2/_UNFINISHED"} << "begun\n";
    try {
      static_cast<void>(read_text(out_ + "2/*").count());
      ADD_FAILURE();
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("_UNFINISHED is there"));
    }
  });
}

std::int64_t fail_at_700(std::int64_t row) {
  if (row == 700) throw std::runtime_error{"no 700"};
  return row;
}

TEST_P(PartFiles, AFailureLeavesNothingThatLooksWhole) {
  run([&] {
    EXPECT_THAT(refusal(range(1000).map<fail_at_700>(), out_), HasSubstr("no 700"));
    EXPECT_TRUE(fs::exists(out_ + "/_UNFINISHED"));
    EXPECT_FALSE(fs::exists(out_ + "/_SUCCESS"));
    EXPECT_FALSE(fs::exists(out_ + "/part-000175.csv"));
    EXPECT_TRUE(fs::exists(out_ + "/part-000000.csv"));
    try {
      static_cast<void>(read_csv<std::int64_t>(out_ + "/part-*.csv").count());
      ADD_FAILURE() << "what is there was taken for all there is";
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("_UNFINISHED is there"));
    }
    EXPECT_GT(read_csv<std::int64_t>(out_ + "/part-000000.csv").count(), 0U);
    for (const std::string& name : names_in(out_)) EXPECT_FALSE(name.ends_with(".partial")) << name;
  });
}

TEST(PartFilesOfOneJob, AFullDiskIsAnErrorThatNamesThePart) {
  const testing::SmallDisk disk;  // 2 MiB
  if (!disk.unavailable().empty()) GTEST_SKIP() << "mounting a small tmpfs needs root: " << disk.unavailable();
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([&] {
    const std::string out = (disk.folder().path() / "out").string();
    const auto rows = range(1'000'000);
    EXPECT_THAT(refusal(rows, out), ::testing::AllOf(HasSubstr("part-"), HasSubstr("No space left on device"),
                                                     HasSubstr("make room there and start again")));
    EXPECT_FALSE(fs::exists(out + "/_SUCCESS"));
    for (const std::string& name : names_in(out)) EXPECT_FALSE(name.ends_with(".partial")) << name;
  }),
            0);
}

TEST(TextWriter, TextThatIsNoUtf8IsNoJson) {
  std::string out;
  EXPECT_THROW(detail::append_json_text(out, "caf\xE9"), Error);
  detail::append_json_text(out, std::string_view{"\x01\n\"\\", 4});
  EXPECT_EQ(out, "\"\\u0001\\n\\\"\\\\\"");
  EXPECT_THROW(detail::append_cell(out, std::chrono::sys_seconds::max()), Error);
  EXPECT_THROW(detail::append_cell(out, std::chrono::sys_days{} - std::chrono::days{800'000}), Error);
}

}  // namespace
}  // namespace crema
