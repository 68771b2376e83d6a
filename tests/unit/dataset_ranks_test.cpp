#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <random>
#include <set>

#include "compressed.hpp"
#include "crema/actor.hpp"
#include "crema/csv.hpp"
#include "crema/task.hpp"
#include "crema/this_task.hpp"
#include "crema/wait.hpp"
#include "io/csv_partitioner.hpp"
#include "loopback_cluster.hpp"
#include "python.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

struct Weather {
  std::string location;
  std::chrono::sys_days date;
  double precipitation = 0;
  double temp_max = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(location) & BOOST_SERIALIZATION_NVP(date);
    archive& BOOST_SERIALIZATION_NVP(precipitation) & BOOST_SERIALIZATION_NVP(temp_max);
  }
};

struct Airport {
  std::string iata;
  std::string name;
  double latitude = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(iata) & BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(latitude);
  }
};

struct Latitude {
  double latitude = 0;
  std::uint64_t airports = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(latitude) & BOOST_SERIALIZATION_NVP(airports);
  }
};

double identity(double value) { return value; }
bool is_in(const Weather& day, const std::string& location) { return day.location == location; }
std::int64_t tenths(const Weather& day) { return std::llround(day.precipitation * 10); }
std::uint64_t count_days(const std::string& file) { return read_csv<Weather>(file).count(); }

/// Whole jobs on this many ranks.
class DatasetsOnRanks : public ::testing::TestWithParam<int> {
 protected:
  LoopbackCluster cluster_{GetParam()};
  const std::string weather_ = CREMA_TEST_DATA "/weather.csv";
  const std::string airports_ = CREMA_TEST_DATA "/airports.csv";
};

TEST_P(DatasetsOnRanks, AStreamThatIsLeftEarlyCancelsWhatNobodyWillTake) {
  EXPECT_EQ(cluster_.run_all([] {
    std::int64_t rows = 0;
    for (const std::int64_t i : range(10'000'000)
                                    .map([](std::int64_t n) {
                                      if (n > 1'000'000) throw std::runtime_error{"behind what is taken"};
                                      return n;
                                    })
                                    .rows()) {
      if (++rows > 10 || i > 100) break;
    }
    EXPECT_EQ(rows, 11);
  }),
            0)
      << cluster_.sink.end.error;
}

TEST_P(DatasetsOnRanks, CountsAndSumsOfRealFilesArePythons) {
  std::string found;
  EXPECT_EQ(cluster_.run_all([&] {
    const auto days = read_csv<Weather>(weather_);
    const auto airports = read_csv<Airport>(airports_);
    found = fmt::format("{} {} {} {} {:.6f} {}\n", days.count(), days.filter<is_in>("Seattle").count(),
                        days.map<tenths>().sum(), airports.count(), airports.sum<&Airport::latitude>(),
                        airports.sum<[](const Airport& airport) { return airport.name.size(); }>());
  }),
            0);
  EXPECT_EQ(found, testing::python("import csv\n"
                                   "days = list(csv.DictReader(open(\"" +
                                   weather_ +
                                   "\", newline=\"\")))\n"
                                   "airports = list(csv.DictReader(open(\"" +
                                   airports_ +
                                   "\", newline=\"\")))\n"
                                   "print(len(days), sum(d[\"location\"] == \"Seattle\" for d in days),\n"
                                   "  sum(round(float(d[\"precipitation\"]) * 10) for d in days), len(airports),\n"
                                   "  \"%.6f\" % sum(float(a[\"latitude\"]) for a in airports),\n"
                                   "  sum(len(a[\"name\"].encode()) for a in airports))"));
}

TEST_P(DatasetsOnRanks, PackedFilesAreCutByTasksAndReadInTheOrderGiven) {
  const testing::TemporaryFolder folder;
  std::vector<std::string> files;
  std::string expected;
  for (int file = 0; file < 7; ++file) {
    std::string text = "iata,name,latitude\n";
    for (int row = 0; row < 4000; ++row) {
      const std::string name = fmt::format("{:x}", (row + 1) * 7919 * (file + 1) % 104'729);
      text += fmt::format("{}-{},\"{}\n{}\",{}\n", file, row, name, std::string(60, 'x'), row);
      expected += fmt::format("{}-{} ", file, row);
    }
    // Some of them are not packed.
    files.push_back(folder.write(fmt::format("{}.csv", file), file % 3 == 1   ? text
                                                              : file % 3 == 0 ? testing::gzip(text)
                                                                              : testing::zstd(text)));
  }
  std::string found;
  double sum = 0, sorted = 0;
  DatasetStats stats;
  EXPECT_EQ(cluster_.run_all([&] {
    const auto airports = read_csv<Airport>(files);
    for (const Airport& airport : airports.rows()) found += airport.iata + " ";
    sum = airports.limit(5000).sum<&Airport::latitude>();
    for (const auto& group :
         airports.group_by<&Airport::latitude>().aggregate<Latitude>(count()).sort<&Latitude::latitude>().rows())
      sorted += group.latitude * static_cast<double>(group.airports);
    stats = airports.stats();
  }),
            0)
      << cluster_.sink.end.error;
  EXPECT_EQ(found, expected);
  EXPECT_EQ(sum, 3999 * 2000. + 999 * 500.);
  EXPECT_EQ(sorted, 7 * 3999 * 2000.);
  const auto cut = std::ranges::find(stats.operators, "read_csv.cut", &DatasetStats::Operator::name);
  ASSERT_NE(cut, stats.operators.end());
  EXPECT_EQ(cut->blocks, 5U);
  EXPECT_GT(cut->bytes, 5 * 4000 * 70U);
  EXPECT_EQ(cluster_.objects_left, 0U);
}

TEST_P(DatasetsOnRanks, AFewRowsOfAPackedFileNeedItsFirstBlocksAlone) {
  const testing::TemporaryFolder folder;
  std::string text = "iata,name,latitude\n";
  std::mt19937_64 random{5};
  constexpr int rows = 20'000;
  for (int row = 0; row < rows; ++row) text += fmt::format("{:x},{:x},{}\n", random(), random(), row);
  const std::vector<std::string> files{folder.write("1.csv.gz", testing::gzip(text)),
                                       folder.write("2.csv.zst", testing::zstd(text))};
  double few = 0, all = 0;
  DatasetStats of_few, of_all;
  std::uint64_t blocks = 0;
  EXPECT_EQ(cluster_.run_all([&] {
    const auto airports = read_csv<Airport>(files);
    few = airports.limit(10).sum<&Airport::latitude>();
    of_few = airports.limit(10).stats();
    all = airports.sum<&Airport::latitude>();
    of_all = airports.stats();
    blocks = airports.block_count();
  }),
            0)
      << cluster_.sink.end.error;
  EXPECT_EQ(few, 45);
  EXPECT_EQ(all, 2. * (rows - 1) * rows / 2);
  const auto cut = [](const DatasetStats& stats) {
    return *std::ranges::find(stats.operators, "read_csv.cut", &DatasetStats::Operator::name);
  };
  EXPECT_EQ(cut(of_few).blocks, 1U);
  EXPECT_LT(cut(of_few).bytes, text.size() * 3 / 4);
  EXPECT_EQ(cut(of_all).blocks, 4U) << "the first blocks of each, and the rest";
  EXPECT_GT(cut(of_all).bytes, 2 * (text.size() - 100));
  EXPECT_EQ(of_all.operators.back().blocks, blocks);
  EXPECT_GT(blocks, 16U);
  EXPECT_EQ(cluster_.objects_left, 0U);
}

std::atomic<int> doubled{0};

TEST_P(DatasetsOnRanks, AUnionWithAPackedFileDoesNothingBeforeItsTurn) {
  const testing::TemporaryFolder folder;
  std::string text = "value\n";
  for (int row = 0; row < 40'000; ++row) text += fmt::format("{}\n", row % 10);
  const std::string packed = folder.write("packed.csv.gz", testing::gzip(text));
  const std::string open = folder.write("open.csv", text + "\"1\n");
  doubled = 0;
  std::vector<double> few;
  std::size_t before = 0;
  std::string message;
  double sum = 0;
  EXPECT_EQ(cluster_.run_all([&] {
    const auto twice = range(1000).map([](std::int64_t number) {
      ++doubled;
      return static_cast<double>(2 * number);
    });
    few = read_csv<double>(packed).union_with(twice.sort()).limit(3).take_all();
    EXPECT_EQ(doubled, 0);
    try {
      for (const double value : read_csv<double>(open).union_with(read_csv<double>(packed)).rows())
        before += value < 10 ? 1 : 0;
    } catch (const DataError& error) {
      message = error.what();
    }
    for (const auto& group :
         read_csv<double>(packed).union_with(twice).group_by<identity>().aggregate<Latitude>(count()).rows())
      sum += group.latitude * static_cast<double>(group.airports);
  }),
            0)
      << cluster_.sink.end.error;
  EXPECT_EQ(few, (std::vector<double>{0, 1, 2}));
  EXPECT_GT(before, 20'000U);
  EXPECT_THAT(message, ::testing::HasSubstr("open.csv:40002: expected a closing quote"));
  EXPECT_EQ(sum, 40'000 * 4.5 + 999 * 1000);
}

TEST_P(DatasetsOnRanks, RowsKeepTheOrderOfTheFile) {
  std::vector<std::string> codes;
  EXPECT_EQ(cluster_.run_all([&] {
    for (auto& airport : read_csv<Airport>(airports_).rows()) codes.push_back(std::move(airport.iata));
  }),
            0);
  const std::string expected = testing::python(
      "import csv\n"
      "for a in csv.DictReader(open(\"" +
      airports_ +
      "\", newline=\"\")):"
      " print(a[\"iata\"])");
  EXPECT_EQ(fmt::format("{}\n", fmt::join(codes, "\n")), expected);
}

TEST_P(DatasetsOnRanks, ManyBlocksMakeTheSameSumToTheLastBit) {
  const testing::TemporaryFolder folder;
  std::string text = "value\n";
  std::mt19937_64 random{11};
  for (int i = 0; i < 50'000; ++i) text += fmt::format("{}\n", std::ldexp(double(random()), int(random() % 90) - 60));
  const std::string file = folder.write("values.csv", text);
  double expected = 0;
  csv::Partitioner partitioner{file, csv::field_names<double>()};
  while (const auto block = partitioner.next()) {
    double partial = 0;
    for (const double value : csv::read_rows<double>(*block)) partial += value;
    expected += partial;
  }
  double sum = 0;
  EXPECT_EQ(cluster_.run_all([&] { sum = read_csv<double>(file).sum(); }), 0);
  EXPECT_GT(cluster_.sink.rows.size(), 5U) << "too few blocks to show anything";
  EXPECT_EQ(sum, expected);
}

TEST_P(DatasetsOnRanks, ADataErrorThatIsCaughtFailsNothingElse) {
  const testing::TemporaryFolder folder;
  std::string text = "value\n";
  for (int i = 0; i < 100'000; ++i) text += "not a number\n";
  const std::string file = folder.write("values.csv", text);
  std::string message;
  EXPECT_EQ(cluster_.run_all([&] {
    try {
      (void)read_csv<double>(file).take_all();
    } catch (const DataError& error) {
      message = error.what();
    }
  }),
            0)
      << "later blocks failed as well, but the one error was theirs too";
  EXPECT_EQ(message, file + ":2: column \"value\": expected a number (at most 1.79769e+308), found \"not a number\"");
}

TEST_P(DatasetsOnRanks, ADataErrorThatNobodyCatchesEndsTheJobWithTwo) {
  EXPECT_EQ(cluster_.run_all([] { (void)read_csv<double>("no/such.csv").count(); }), 2);
}

TEST_P(DatasetsOnRanks, TasksMayAskDatasetsToo) {
  std::uint64_t days = 0;
  EXPECT_EQ(cluster_.run_all([&] { days = remote<count_days>(weather_).get(); }), 0);
  EXPECT_EQ(days, 2922U);
}

class Counted {
 public:
  void one_more() { ++count_; }
  [[nodiscard]] int count() const { return count_; }

 private:
  int count_ = 0;
};
/// Made of what may come late or from elsewhere: a model of two numbers, and an actor that counts the objects.
class Line {
 public:
  Line(std::vector<double> model, std::string name, Actor<Counted> counted)
      : model_{std::move(model)}, name_{std::move(name)} {
    counted.remote<&Counted::one_more>().get();
  }
  std::string operator()(std::int64_t x) const {
    return fmt::format("{} {}", name_, model_.at(0) + model_.at(1) * static_cast<double>(x));
  }

 private:
  std::vector<double> model_;
  std::string name_;
};
/// Asks for its value itself.
class Late {
 public:
  explicit Late(Future<std::int64_t> offset) : offset_{std::move(offset)} {}
  std::int64_t operator()(std::int64_t x) const { return x + offset_.get(); }

 private:
  Future<std::int64_t> offset_;
};
std::int64_t hundred() { return 100; }
double three() { return 3; }

TEST_P(DatasetsOnRanks, AnObjectIsMadeOfTheValuesOfFuturesAndOfActors) {
  EXPECT_EQ(cluster_.run_all([&] {
    const auto counted = actor<Counted>();
    Dataset<std::string> lines = range(0).map<[](std::int64_t) { return std::string{}; }>();
    {
      const auto model = put(std::vector<double>{1.5, 2});
      lines = range(1000).map_with<Line>(model, put(std::string{"y ="}), counted);
      // The dataset holds what it needs.
    }
    const std::vector<std::string> all = lines.take_all();
    ASSERT_EQ(all.size(), 1000U);
    EXPECT_EQ(all[10], "y = 21.5");
    EXPECT_EQ(all[999], "y = 1999.5");
    const int made = counted.remote<&Counted::count>().get();
    EXPECT_GE(made, 1);
    EXPECT_LE(made, 32) << "for each of the 250 blocks, not once a lane";
    EXPECT_EQ(range(1000).map_with<Late>(remote<hundred>()).sum(), 499'500 + 100'000);
    const std::vector<Future<double>> model{remote<three>(), remote<three>()};
    EXPECT_EQ(range(2).map_with<Line>(model, std::string{"z ="}, counted).take_all().at(1), "z = 6");
  }),
            0)
      << cluster_.sink.end.error;
}

TEST_P(DatasetsOnRanks, WhatIsKnownWithoutIsCountedWithoutATask) {
  EXPECT_EQ(cluster_.run_all([&] {
    EXPECT_EQ(range(1'000'000).count(), 1'000'000U);
    EXPECT_EQ(from_items(std::vector<int>(77)).count(), 77U);
    EXPECT_EQ(range(1000).union_with(range(30)).union_with(range(1)).count(), 1031U);
  }),
            0);
  EXPECT_THAT(cluster_.sink.rows, ::testing::IsEmpty());
}

TEST_P(DatasetsOnRanks, WhatIsKeptIsCountedByItsParts) {
  EXPECT_EQ(cluster_.run_all([&] {
    const auto parts = range(1000).filter([](std::int64_t x) { return x % 3 == 0; }).split(3);
    EXPECT_EQ(parts.at(0).count(), 112U);
    EXPECT_EQ(parts.at(2).count(), 111U);
    EXPECT_EQ(parts.at(2).map<[](std::int64_t x) { return x; }>().count(), 111U);
  }),
            0);
}

TEST_P(DatasetsOnRanks, BlocksRunOnTheWorkers) {
  std::set<RankId> ranks;
  EXPECT_EQ(cluster_.run_all([&] {
    for (const int rank : range(256).map([](std::int64_t) { return this_task().rank().number; }).rows()) {
      ranks.insert(RankId{rank});
    }
  }),
            0);
  EXPECT_EQ(ranks.contains(head_rank), GetParam() == 1);
}

INSTANTIATE_TEST_SUITE_P(Ranks, DatasetsOnRanks, ::testing::Values(1, 2, 3, 5));

}  // namespace
}  // namespace crema
