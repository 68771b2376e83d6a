// Every operation of datasets on several ranks against a plain computation on the same rows.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "crema/actor.hpp"
#include "crema/cluster.hpp"
#include "crema/csv.hpp"
#include "crema/dataset.hpp"
#include "crema/task.hpp"
#include "crema/wait.hpp"
#include "loopback_cluster.hpp"
#include "random_sales.hpp"

namespace crema {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsNan;
using ::testing::Pair;

using testing::Blocks;
using testing::Kind;
using testing::kind_names;
using testing::make_blocks;
using testing::Sale;
using testing::text;

template <class T>
void expect_same(const std::vector<T>& found, const std::vector<T>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(text(found[i]), text(expected[i])) << "row " << i;
}
/// In the order of their bytes.
template <class T>
void expect_same_in_any_order(std::vector<T> found, std::vector<T> expected) {
  const auto before = [](const T& a, const T& b) { return text(a) < text(b); };
  std::sort(found.begin(), found.end(), before);
  std::sort(expected.begin(), expected.end(), before);
  expect_same(found, expected);
}

bool less_or_none_last(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; }

/// With --gtest_random_seed=N the inputs are others.
class Operations : public ::testing::TestWithParam<int> {
 protected:
  /// The driver is given rows, and the dataset of them.
  using Driver = std::function<void(const std::vector<Sale>& sales, const Dataset<Sale>& all)>;

  void run(const Driver& driver) {
    for (std::size_t kind = 0; kind < kind_names.size(); ++kind) run(static_cast<Kind>(kind), driver);
  }
  [[nodiscard]] const Blocks& blocks() const { return blocks_; }

 private:
  void run(Kind kind, const Driver& driver) {
    const auto given = ::testing::GTEST_FLAG(random_seed);
    std::seed_seq seed{given, GetParam(), static_cast<int>(kind)};
    const std::string trace = std::to_string(GetParam()) + " ranks, " + kind_names.at(static_cast<std::size_t>(kind)) +
                              ", --gtest_random_seed=" + std::to_string(given);
    std::mt19937 random{seed};
    blocks_ = make_blocks(kind, random);
    std::vector<Sale> sales;
    for (const auto& block : blocks_) sales.insert(sales.end(), block.begin(), block.end());
    const Dataset<Sale> all = kind == Kind::many_blocks
                                  ? from_items(sales)
                                  : from_items(blocks_).flat_map([](const std::vector<Sale>& block) { return block; });
    LoopbackCluster job{GetParam()};
    const int code = job.run_all([&] {
      SCOPED_TRACE(trace);  // of this thread
      driver(sales, all);
    });
    SCOPED_TRACE(trace);
    EXPECT_EQ(code, 0) << job.sink.end.error;
    EXPECT_EQ(job.objects_left, 0U);
  }

  Blocks blocks_;
};
INSTANTIATE_TEST_SUITE_P(Ranks, Operations, ::testing::Values(1, 2, 3, 5));

std::vector<Sale> repeated(const Sale& sale, int times) {
  return std::vector<Sale>(static_cast<std::size_t>(times), sale);
}
std::vector<double> with_mean(std::span<const Sale> batch, double added) {
  double sum = 0;
  for (const Sale& sale : batch) sum += static_cast<double>(sale.id);
  std::vector<double> rows;
  for (const Sale& sale : batch)
    rows.push_back(static_cast<double>(sale.id) - sum / static_cast<double>(batch.size()) + added);
  return rows;
}
std::int64_t plus(std::int64_t number, const std::vector<std::int64_t>& numbers) {
  return number + std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0});
}
std::vector<std::int64_t> three_numbers(std::int64_t first) { return {first, first + 1, first + 2}; }

TEST_P(Operations, FlatMapPutsContainersBehindEachOther) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    std::vector<Sale> expected;
    for (const Sale& sale : sales)
      for (int i = 0; i < sale.cups.value_or(0); ++i) expected.push_back(sale);
    expect_same(all.flat_map([](const Sale& sale) { return repeated(sale, sale.cups.value_or(0)); }).take_all(),
                expected);
    expect_same(all.flat_map<repeated>(2).filter([](const Sale& sale) { return sale.id % 2 == 0; }).take_all(), [&] {
      std::vector<Sale> twice;
      for (const Sale& sale : sales)
        if (sale.id % 2 == 0) twice.insert(twice.end(), 2, sale);
      return twice;
    }());
  });
}

TEST_P(Operations, BatchesAreMappedBlockByBlock) {
  run([this](const std::vector<Sale>&, const Dataset<Sale>& all) {
    std::vector<double> expected;
    for (const auto& block : blocks()) {
      const std::span rows{block};
      for (std::size_t begin = 0; begin < rows.size(); begin += 7)
        for (const double row : with_mean(rows.subspan(begin, std::min<std::size_t>(7, rows.size() - begin)), 0.5))
          expected.push_back(row);
    }
    expect_same(all.map_batches<with_mean>(7, 0.5).take_all(), expected);
  });
}

TEST_P(Operations, LimitTakesTheFirstRows) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, sales.size() / 2, sales.size(), sales.size() + 5}) {
      const std::vector<Sale> expected(sales.begin(),
                                       sales.begin() + static_cast<std::ptrdiff_t>(std::min(count, sales.size())));
      expect_same(all.limit(count).take_all(), expected);
      expect_same(all.take(count), expected);
      EXPECT_EQ(all.limit(count).count(), expected.size());
    }
  });
}

TEST_P(Operations, AUnionIsOneBehindTheOther) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    std::vector<std::int64_t> expected;
    for (const Sale& sale : sales) expected.push_back(sale.id);
    for (std::int64_t i = 0; i < 40; ++i)
      if (i % 3 == 0) expected.push_back(i);
    const auto both = all.map([](const Sale& sale) { return sale.id; }).union_with(range(40).filter([](std::int64_t i) {
      return i % 3 == 0;
    }));
    EXPECT_EQ(both.take_all(), expected);
    EXPECT_EQ(both.map([](std::int64_t i) { return i + 1; }).sum(),
              std::accumulate(expected.begin(), expected.end(), std::int64_t{0}) + std::int64_t(expected.size()));
  });
}

TEST_P(Operations, ZipPutsRowsSideBySide) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    const auto even = [](const Sale& sale) { return sale.id % 2 == 0; };
    const auto half = all.filter(even);
    const auto numbers = range(static_cast<std::int64_t>((sales.size() + 1) / 2));
    std::vector<std::pair<Sale, std::int64_t>> expected;
    for (const Sale& sale : sales)
      if (even(sale)) expected.emplace_back(sale, sale.id / 2);
    expect_same(half.zip(numbers).take_all(), expected);
    try {
      static_cast<void>(half.zip(range(static_cast<std::int64_t>(sales.size()) + 2)).count());
      ADD_FAILURE() << "they differ in rows";
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr("they must have as many"));
    }
  });
}

TEST_P(Operations, RepartitionSplitAndMaterializeKeepAllRowsInOrder) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    for (const std::uint64_t blocks : {1U, 2U, 7U, 40U}) {
      const auto again = all.repartition(blocks);
      expect_same(again.take_all(), sales);
      std::vector<std::uint64_t> sizes;
      for (const std::int64_t size :
           again
               .map_batches(
                   [](std::span<const Sale> rows) { return std::vector{static_cast<std::int64_t>(rows.size())}; },
                   1'000'000)
               .take_all())
        sizes.push_back(static_cast<std::uint64_t>(size));
      EXPECT_LE(sizes.size(), blocks);
      for (const std::uint64_t size : sizes) EXPECT_LE(size, sales.size() / blocks + 1);
      std::vector<Sale> joined;
      for (const auto& part : all.split(blocks)) {
        EXPECT_LE(part.count(), sales.size() / blocks + 1);
        for (Sale& sale : part.take_all()) joined.push_back(std::move(sale));
      }
      expect_same(joined, sales);
    }
    const auto kept = all.materialize();
    expect_same(kept.take_all(), sales);
    EXPECT_EQ(kept.count(), sales.size());
  });
}

TEST_P(Operations, ShufflesAndSamplesFollowFromTheSeed) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    const auto shuffled = all.random_shuffle(3).take_all();
    expect_same_in_any_order(shuffled, sales);
    expect_same(all.random_shuffle(3).take_all(), shuffled);
    LoopbackCluster alone{1};
    std::vector<Sale> once;
    std::vector<Sale> sampled;
    std::thread{[&] {
      EXPECT_EQ(alone.run_all([&] {
        once = all.random_shuffle(3).take_all();
        sampled = all.sample(0.25, 9).take_all();
      }),
                0);
    }}.join();
    expect_same(shuffled, once);
    const auto sample = all.sample(0.25, 9).take_all();
    expect_same(sample, sampled);
    if (sales.size() > 100) {
      EXPECT_NE(text(shuffled), text(sales));
      EXPECT_NE(text(all.random_shuffle(4).take_all()), text(shuffled));
      EXPECT_NEAR(static_cast<double>(sample.size()), 0.25 * static_cast<double>(sales.size()),
                  4 * std::sqrt(static_cast<double>(sales.size())));
      // Rows of one part of the input go everywhere.
      std::size_t early = 0;
      for (std::size_t i = 0; i < shuffled.size() / 2; ++i)
        if (shuffled[i].id < static_cast<std::int64_t>(sales.size() / 2)) ++early;
      EXPECT_NEAR(static_cast<double>(early), static_cast<double>(sales.size()) / 4,
                  4 * std::sqrt(static_cast<double>(sales.size())));
    }
    const auto [train, test] = all.train_test_split(0.2, 5);
    EXPECT_EQ(test.count(), static_cast<std::uint64_t>(std::llround(0.2 * static_cast<double>(sales.size()))));
    auto both = train.take_all();
    for (Sale& sale : test.take_all()) both.push_back(std::move(sale));
    expect_same_in_any_order(both, sales);
  });
}

TEST_P(Operations, SortsAreStableByEveryKey) {
  run([](std::vector<Sale> sales, const Dataset<Sale>& unsorted) {
    std::stable_sort(sales.begin(), sales.end(),
                     [](const Sale& a, const Sale& b) { return less_or_none_last(a.price, b.price); });
    expect_same(unsorted.sort<&Sale::price>().take_all(), sales);
    std::vector<Sale> by_two = unsorted.take_all();
    std::stable_sort(by_two.begin(), by_two.end(), [](const Sale& a, const Sale& b) {
      if (a.drink != b.drink) return a.drink > b.drink;
      if (!a.cups || !b.cups) return a.cups.has_value() && !b.cups.has_value();
      return *a.cups < *b.cups;
    });
    expect_same(unsorted.sort<descending<&Sale::drink>, &Sale::cups>().take_all(), by_two);
    std::vector<std::int64_t> numbers;
    for (const Sale& sale : sales) numbers.push_back(sale.id * 7919 % 1009);
    const auto items = from_items(numbers);
    std::sort(numbers.begin(), numbers.end());
    EXPECT_EQ(items.sort().take_all(), numbers);
    std::reverse(numbers.begin(), numbers.end());
    EXPECT_EQ(items.sort<descending<>>().take_all(), numbers);
  });
}

bool greater_or_none_last(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a > b; }
bool greater_or_none_last(std::optional<int> a, std::optional<int> b) { return b ? a > b : a.has_value(); }

TEST_P(Operations, SortsPutWhatIsNoValueLastAlsoWhereTheyDescend) {
  run([](std::vector<Sale> sales, const Dataset<Sale>& unsorted) {
    std::vector<Sale> by_cups = sales;
    std::stable_sort(by_cups.begin(), by_cups.end(),
                     [](const Sale& a, const Sale& b) { return greater_or_none_last(a.cups, b.cups); });
    expect_same(unsorted.sort<descending<&Sale::cups>>().take_all(), by_cups);
    std::stable_sort(sales.begin(), sales.end(),
                     [](const Sale& a, const Sale& b) { return greater_or_none_last(a.price, b.price); });
    expect_same(unsorted.sort<descending<&Sale::price>>().take_all(), sales);
    std::stable_sort(sales.begin(), sales.end(),
                     [](const Sale& a, const Sale& b) { return greater_or_none_last(a.cups, b.cups); });
    expect_same(unsorted.sort<descending<&Sale::cups>, descending<&Sale::price>>().take_all(), sales);
  });
}

TEST(DatasetOperations, WhatIsNoValueComesLastInBothOrders) {
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([] {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    const auto numbers = from_items(std::vector<double>{nan, 1, infinity, -nan, -infinity, 2, nan});
    EXPECT_THAT(numbers.sort().take_all(), ElementsAre(-infinity, 1, 2, infinity, IsNan(), IsNan(), IsNan()));
    EXPECT_THAT(numbers.sort<descending<>>().take_all(),
                ElementsAre(infinity, 2, 1, -infinity, IsNan(), IsNan(), IsNan()));
    using Text = std::optional<std::string>;
    const auto texts = from_items(std::vector<Text>{{}, "b", "", {}, "a"});
    EXPECT_THAT(texts.sort().take_all(), ElementsAre("", "a", "b", std::nullopt, std::nullopt));
    EXPECT_THAT(texts.sort<descending<>>().take_all(), ElementsAre("b", "a", "", std::nullopt, std::nullopt));
  }),
            0)
      << job.sink.end.error;
}

TEST(DatasetOperations, AnOptionalThatHoldsNoNumberComesLastInBothOrders) {
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([] {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const auto numbers = from_items(std::vector<std::optional<double>>{nan, 1, std::nullopt, 3, nan, 2});
    EXPECT_THAT(numbers.sort().take(3), ElementsAre(1, 2, 3));
    EXPECT_THAT(numbers.sort<descending<>>().take(3), ElementsAre(3, 2, 1));

    using Pair = std::pair<std::optional<double>, std::int64_t>;
    const std::vector<Pair> ascending{{1, 2}, {3, 1}, {3, 4}, {std::nullopt, 1}, {std::nullopt, 7}};
    const std::vector<Pair> descended{{3, 4}, {3, 1}, {1, 2}, {std::nullopt, 7}, {std::nullopt, 1}};
    const auto pairs =
        from_items(std::vector<Pair>{ascending[3], ascending[0], ascending[4], ascending[2], ascending[1]});
    EXPECT_EQ(pairs.sort().take_all(), ascending);
    EXPECT_EQ(pairs.sort<descending<>>().take_all(), descended);
    using Measured = std::pair<std::int64_t, double>;
    EXPECT_THAT(from_items(std::vector<Measured>{{1, nan}, {1, 5}, {2, nan}, {1, 6}})
                    .sort<descending<>>()
                    .map([](const Measured& both) { return std::isnan(both.second) ? -both.first : both.first; })
                    .take_all(),
                ElementsAre(-2, 1, 1, -1));
  }),
            0)
      << job.sink.end.error;
}

struct DrinkSummary {
  std::string drink;
  std::uint64_t sales = 0;
  double total = 0;
  double least = 0;
  double greatest = 0;
  double mean = 0;
  double deviation = 0;
  double median = 0;
  std::int64_t first = 0;
  std::int64_t cups = 0;
  std::optional<int> most_cups;
  std::string ids;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(sales) & BOOST_SERIALIZATION_NVP(total);
    archive& BOOST_SERIALIZATION_NVP(least) & BOOST_SERIALIZATION_NVP(greatest) & BOOST_SERIALIZATION_NVP(mean);
    archive& BOOST_SERIALIZATION_NVP(deviation) & BOOST_SERIALIZATION_NVP(median) & BOOST_SERIALIZATION_NVP(first);
    archive& BOOST_SERIALIZATION_NVP(cups) & BOOST_SERIALIZATION_NVP(most_cups) & BOOST_SERIALIZATION_NVP(ids);
  }
};

/// An aggregator of a user's own: the ids, in order.
struct Ids {
  std::string separator;

  std::string init() const { return {}; }
  void add(std::string& state, const Sale& sale) const { state += std::to_string(sale.id) + separator; }
  void merge(std::string& state, const std::string& later) const { state += later; }
  std::string finish(const std::string& state) const { return state; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(separator);
  }
};

double price_or_zero(const Sale& sale) { return std::isnan(sale.price) ? 0 : sale.price; }

TEST_P(Operations, GroupsAreSummedUpExactly) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    std::map<std::string, std::vector<Sale>> groups;
    for (const Sale& sale : sales) groups[sale.drink].push_back(sale);
    const auto rows =
        all.group_by<&Sale::drink>()
            .aggregate<DrinkSummary>(count(), sum<price_or_zero>(), min<&Sale::price>(), max<&Sale::price>(),
                                     mean<price_or_zero>(), std_dev<price_or_zero>(), quantile<price_or_zero>(0.5),
                                     first<&Sale::id>(), sum<&Sale::cups>(), max<&Sale::cups>(), Ids{";"})
            .take_all();
    ASSERT_EQ(rows.size(), groups.size());
    for (const DrinkSummary& row : rows) {
      const std::vector<Sale>& group = groups.at(row.drink);
      std::vector<double> prices;
      double total = 0;
      std::int64_t cups = 0;
      std::optional<int> most;
      std::string ids;
      std::vector<double> real;
      for (const Sale& sale : group) {
        prices.push_back(price_or_zero(sale));
        total += prices.back();
        cups += sale.cups.value_or(0);
        if (sale.cups) most = std::max(most.value_or(*sale.cups), *sale.cups);
        ids += std::to_string(sale.id) + ";";
        if (!std::isnan(sale.price)) real.push_back(sale.price);
      }
      EXPECT_EQ(row.sales, group.size());
      EXPECT_EQ(row.total, total);  // eighths add up exactly
      if (real.empty()) {
        EXPECT_TRUE(std::isnan(row.least) && std::isnan(row.greatest));
      } else {
        EXPECT_EQ(row.least, *std::min_element(real.begin(), real.end()));
        EXPECT_EQ(row.greatest, *std::max_element(real.begin(), real.end()));
      }
      const double mean = total / static_cast<double>(group.size());
      EXPECT_NEAR(row.mean, mean, 1e-9);
      double squares = 0;
      for (const double price : prices) squares += (price - mean) * (price - mean);
      if (group.size() == 1) {
        EXPECT_TRUE(std::isnan(row.deviation));
      } else {
        EXPECT_NEAR(row.deviation, std::sqrt(squares / static_cast<double>(group.size() - 1)), 1e-9);
      }
      std::sort(prices.begin(), prices.end());
      EXPECT_EQ(row.median, (prices[(prices.size() - 1) / 2] + prices[prices.size() / 2]) / 2);
      EXPECT_EQ(row.first, group.front().id);
      EXPECT_EQ(row.cups, cups);
      EXPECT_EQ(row.most_cups, most);
      EXPECT_EQ(row.ids, ids);
    }
  });
}

constexpr std::int64_t many_groups = 300'000;  // of 16 bytes, which is more than one task merges
std::int64_t group_of(std::int64_t number) { return number % many_groups - many_groups / 2; }
struct GroupSum {
  std::int64_t key = 0;
  std::int64_t total = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(key) & BOOST_SERIALIZATION_NVP(total);
  }
};

TEST(DatasetOperations, GroupsThatAreManyAreDealtToBlocks) {
  for (const int ranks : {1, 3}) {
    LoopbackCluster job{ranks};
    EXPECT_EQ(job.run_all([] {
      const auto sums = range(2 * many_groups).group_by<group_of>().aggregate<GroupSum>(sum());
      EXPECT_GT(sums.stats().operators.back().blocks, 1U);
      std::vector<std::int64_t> totals(many_groups, -1);
      for (const GroupSum& group : sums.rows()) {
        std::int64_t& total = totals.at(static_cast<std::size_t>(group.key + many_groups / 2));
        EXPECT_EQ(total, -1) << "this group came twice: " << group.key;
        total = group.total;
      }
      for (std::int64_t group = 0; group < many_groups; ++group)
        ASSERT_EQ(totals[static_cast<std::size_t>(group)], 2 * group + many_groups);
    }),
              0)
        << job.sink.end.error;
  }
}

struct Course {
  std::int64_t key = 0;
  std::string numbers;
  std::uint64_t count = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(key) & BOOST_SERIALIZATION_NVP(numbers) & BOOST_SERIALIZATION_NVP(count);
  }
};
/// The numbers in the order of the blocks.
struct Numbers {
  std::string init() const { return {}; }
  void add(std::string& state, std::int64_t number) const { state += std::to_string(number) + ";"; }
  void merge(std::string& state, const std::string& later) const { state += later; }
  std::string finish(const std::string& state) const { return state; }
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
std::int64_t seventh(std::int64_t number) { return number % 7; }

/// Merged 64 by 64 as they come, and what comes of that again.
TEST(DatasetOperations, GroupsOfManySmallBlocksBecomeFew) {
  static constexpr std::int64_t rows = 8'401;
  std::map<std::int64_t, std::string> expected;
  for (std::int64_t number = 0; number < rows; ++number) expected[seventh(number)] += std::to_string(number) + ";";
  for (const int ranks : {1, 3}) {
    LoopbackCluster job{ranks};
    EXPECT_EQ(job.run_all([&expected] {
      const auto courses = range(rows).repartition(4'200).group_by<seventh>().aggregate<Course>(Numbers{}, count());
      std::map<std::int64_t, std::string> made;
      std::uint64_t all = 0;
      for (const Course& course : courses.rows()) {
        made[course.key] = course.numbers;
        all += course.count;
      }
      EXPECT_EQ(made, expected);
      EXPECT_EQ(all, rows);
      const auto stats = courses.stats();
      const auto merge = std::ranges::find(stats.operators, "group_by.merge", &DatasetStats::Operator::name);
      ASSERT_NE(merge, stats.operators.end());
      EXPECT_EQ(merge->blocks, 4'200U / 64 + 1);  // of 64 of these another
      const auto first = std::ranges::find(stats.operators, "group_by", &DatasetStats::Operator::name);
      EXPECT_EQ(first->blocks, 4'200U);
      EXPECT_EQ(stats.operators.back().blocks, 1U);
    }),
              0)
        << job.sink.end.error;
  }
}

struct PriceCount {
  double price = 0;
  std::optional<int> cups;
  std::uint64_t rows = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(price) & BOOST_SERIALIZATION_NVP(cups) & BOOST_SERIALIZATION_NVP(rows);
  }
};

TEST_P(Operations, WhatIsNoNumberIsOneGroup) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    std::map<std::pair<std::string, std::string>, std::uint64_t> expected;
    for (const Sale& sale : sales) ++expected[{text(sale.price), text(sale.cups)}];
    const auto rows = all.group_by<&Sale::price, &Sale::cups>().aggregate<PriceCount>(count()).take_all();
    ASSERT_EQ(rows.size(), expected.size());
    for (const PriceCount& row : rows) EXPECT_EQ(row.rows, (expected.at({text(row.price), text(row.cups)})));
  });
}

std::vector<Sale> best_two(std::span<const Sale> group) {
  std::vector<Sale> best(group.begin(), group.begin() + std::min<std::ptrdiff_t>(2, std::ssize(group)));
  return best;
}

TEST_P(Operations, GroupsAreMappedWithTheirRowsInOrder) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    std::map<std::string, std::vector<Sale>> groups;
    for (const Sale& sale : sales) groups[sale.drink].push_back(sale);
    std::vector<Sale> expected;
    std::vector<std::int64_t> sizes;
    for (const auto& [drink, group] : groups) {
      for (const Sale& sale : best_two(group)) expected.push_back(sale);
      sizes.push_back(std::ssize(group) + 3);
    }
    const auto grouped = all.group_by<&Sale::drink>();
    expect_same_in_any_order(grouped.map_groups<best_two>().take_all(), expected);
    expect_same_in_any_order(
        grouped.map_groups([](std::span<const Sale> group, std::int64_t more) { return std::ssize(group) + more; }, 3)
            .take_all(),
        sizes);
  });
}

struct Price {
  std::string name;
  double euros = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(euros);
  }
};

TEST_P(Operations, JoinsPairAllRowsOfEqualKeys) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    std::vector<Price> prices;
    for (int i = 0; i < 60; ++i) prices.push_back({"drink " + std::to_string(i % 50), i / 4.0});
    prices.push_back({"Espresso", 2});
    std::vector<std::pair<Sale, Price>> inner;
    std::vector<std::pair<Sale, std::optional<Price>>> left;
    for (const Sale& sale : sales) {
      const std::size_t before = inner.size();
      for (const Price& price : prices)
        if (price.name == sale.drink) {
          inner.emplace_back(sale, price);
          left.emplace_back(sale, price);
        }
      if (inner.size() == before) left.emplace_back(sale, std::nullopt);
    }
    const auto priced = all.join<&Sale::drink, &Price::name>(from_items(prices));
    expect_same_in_any_order(priced.take_all(), inner);
    expect_same_in_any_order(all.left_join<&Sale::drink, &Price::name>(from_items(prices)).take_all(), left);
    EXPECT_EQ(all.join<&Sale::id>(all).count(), sales.size());
  });
}

TEST_P(Operations, ValuesOfAllRows) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    std::vector<std::string> drinks;
    std::vector<double> prices;
    for (const Sale& sale : sales) {
      if (std::find(drinks.begin(), drinks.end(), sale.drink) == drinks.end()) drinks.push_back(sale.drink);
      prices.push_back(price_or_zero(sale));
    }
    EXPECT_EQ(all.unique<&Sale::drink>(), drinks);
    if (prices.empty()) {
      EXPECT_EQ(all.min<price_or_zero>(), std::nullopt);
      EXPECT_EQ(all.max<price_or_zero>(), std::nullopt);
      EXPECT_EQ(all.mean<price_or_zero>(), std::nullopt);
    } else {
      EXPECT_EQ(all.min<price_or_zero>(), *std::min_element(prices.begin(), prices.end()));
      EXPECT_EQ(all.max<price_or_zero>(), *std::max_element(prices.begin(), prices.end()));
      const double mean = std::accumulate(prices.begin(), prices.end(), 0.0) / static_cast<double>(prices.size());
      EXPECT_NEAR(all.mean<price_or_zero>().value(), mean, 1e-9);
      double squares = 0;
      for (const double price : prices) squares += (price - mean) * (price - mean);
      if (prices.size() > 1) {
        EXPECT_NEAR(all.std_dev<price_or_zero>().value(), std::sqrt(squares / static_cast<double>(prices.size() - 1)),
                    1e-9);
      }
    }
    if (prices.size() < 2) {
      EXPECT_EQ(all.std_dev<price_or_zero>(), std::nullopt);
    }
    std::vector<Sale> joined;
    std::vector<std::size_t> sizes;
    for (std::vector<Sale>& batch : all.batches(16)) {
      sizes.push_back(batch.size());
      for (Sale& sale : batch) joined.push_back(std::move(sale));
    }
    expect_same(joined, sales);
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) EXPECT_EQ(sizes[i], 16U);
  });
}

class Counter {
 public:
  std::int64_t next() { return ++count_; }
  std::int64_t count() const { return count_; }

 private:
  std::int64_t count_ = 0;
};
std::int64_t count_in(std::int64_t row, const Actor<Counter>& counter) {
  counter.remote<&Counter::next>().get();
  return row;
}
std::int64_t times_later(std::int64_t row, const Future<std::int64_t>& factor) { return row * factor.get(); }

TEST_P(Operations, FuturesAndActorsTravelWithEveryBlock) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>&) {
    const auto rows = static_cast<std::int64_t>(std::min<std::size_t>(sales.size(), 100));
    const auto planned =
        range(rows)
            .map<plus>(remote<three_numbers>(std::int64_t{5}))
            .map<times_later>(put(std::int64_t{2}))
            .filter([](std::int64_t row, std::int64_t least) { return row >= least; }, put(std::int64_t{50}));
    std::int64_t expected = 0;
    for (std::int64_t row = 0; row < rows; ++row)
      if ((row + 18) * 2 >= 50) expected += (row + 18) * 2;
    EXPECT_EQ(planned.sum(), expected);
    EXPECT_EQ(planned.sum(), expected);
    const auto counter = actor<Counter>();
    EXPECT_EQ(range(rows).map<count_in>(counter).count(), static_cast<std::uint64_t>(rows));
    EXPECT_EQ(counter.remote<&Counter::count>().get(), rows);
  });
}

class Model {
 public:
  Model() = default;
  explicit Model(std::string name) : name_{std::move(name)} { ++made(); }
  std::string operator()(std::int64_t row) const { return name_ + std::to_string(row); }
  static std::atomic<int>& made() {
    static std::atomic<int> count = 0;
    return count;
  }

 private:
  std::string name_;
};

TEST_P(Operations, AnObjectIsMadeOncePerLane) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>&) {
    Model::made() = 0;
    const auto rows = static_cast<std::int64_t>(sales.size());
    const auto named = range(rows).map_with<Model>(std::string{"row "}).take_all();
    ASSERT_EQ(named.size(), sales.size());
    for (std::size_t i = 0; i < named.size(); ++i) EXPECT_EQ(named[i], "row " + std::to_string(i));
    EXPECT_LE(Model::made(), std::max(2, GetParam()));
  });
}

/// The same class several times in a chain, and in turn in others.
class Adder {
 public:
  explicit Adder(std::int64_t by) : by_{by} {
    ++made();
    ++alive();
  }
  ~Adder() { --alive(); }
  Adder(const Adder&) = delete;
  Adder& operator=(const Adder&) = delete;
  std::int64_t operator()(std::int64_t row) const { return row + by_; }
  static std::atomic<int>& made() {
    static std::atomic<int> count = 0;
    return count;
  }
  static std::atomic<int>& alive() {
    static std::atomic<int> count = 0;
    return count;
  }

 private:
  std::int64_t by_;
};

TEST(DatasetOperations, SeveralObjectsOfAClassAreKept) {
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([] {
    const auto rows = range(1000);
    const auto twice = rows.map_with<Adder>(std::int64_t{1}).map_with<Adder>(std::int64_t{2});
    Adder::made() = 0;
    EXPECT_EQ(twice.sum(), 499'500 + 3 * 1000);
    EXPECT_EQ(twice.zip(rows.map_with<Adder>(std::int64_t{3})).count(), 1000U);
    // A lane that waits lets another begin. There are 250 blocks.
    EXPECT_LE(Adder::made(), 3 * 4);
    // What others have replaced goes.
    for (std::int64_t by = 10; by < 210; ++by) EXPECT_EQ(range(1).map_with<Adder>(by).sum(), by);
    EXPECT_LE(Adder::alive(), 4 * 4);
    EXPECT_GE(Adder::made(), 203);
  }),
            0)
      << job.sink.end.error;
}

struct Row {
  std::int64_t cups = 0;
  std::uint64_t rows = 0;
  double total = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(cups) & BOOST_SERIALIZATION_NVP(rows) & BOOST_SERIALIZATION_NVP(total);
  }
};

TEST_P(Operations, ChainsOfAllOfThem) {
  run([](const std::vector<Sale>& sales, const Dataset<Sale>& all) {
    std::map<std::int64_t, std::pair<std::uint64_t, double>> groups;
    for (const Sale& sale : sales) {
      if (std::isnan(sale.price)) continue;
      auto& [rows, total] = groups[sale.cups.value_or(-1)];
      ++rows;
      total += sale.price;
    }
    const auto rows = all.random_shuffle(1)
                          .filter([](const Sale& sale) { return !std::isnan(sale.price); })
                          .repartition(9)
                          .template group_by<[](const Sale& sale) { return std::int64_t{sale.cups.value_or(-1)}; }>()
                          .template aggregate<Row>(count(), crema::sum<&Sale::price>())
                          .template sort<&Row::cups>()
                          .take_all();
    ASSERT_EQ(rows.size(), groups.size());
    auto expected = groups.begin();
    for (const Row& row : rows) {
      EXPECT_EQ(row.cups, expected->first);
      EXPECT_EQ(row.rows, expected->second.first);
      EXPECT_EQ(row.total, expected->second.second);
      ++expected;
    }
  });
}

TEST(DatasetOperations, BadNumbersAreRefused) {
  LoopbackCluster job{2};
  EXPECT_EQ(job.run_all([] {
    const auto error_of = [](const auto& call) {
      try {
        call();
      } catch (const UsageError& error) {
        return std::string{error.what()};
      }
      return std::string{};
    };
    EXPECT_THAT(error_of([] { (void)range(3).repartition(0); }), HasSubstr("repartition(0)"));
    EXPECT_THAT(error_of([] { (void)range(3).split(0); }), HasSubstr("split(0)"));
    EXPECT_THAT(error_of([] { (void)range(3).batches(0); }), HasSubstr("batches(0)"));
    EXPECT_THAT(error_of([] {
                  (void)range(3).map_batches(
                      [](std::span<const std::int64_t> rows) { return std::vector(rows.begin(), rows.end()); }, 0);
                }),
                HasSubstr("map_batches(0)"));
    EXPECT_THAT(error_of([] { (void)range(3).sample(1.5, 1); }), HasSubstr("fraction 1.5"));
    EXPECT_THAT(error_of([] { (void)range(3).train_test_split(-1, 1); }), HasSubstr("between 0 and 1"));
    EXPECT_THAT(error_of([] { (void)quantile(2); }), HasSubstr("between 0 and 1"));
  }),
            0);
}

TEST(DatasetOperations, TablesShowRowsAsPeopleReadThem) {
  LoopbackCluster job{2};
  EXPECT_EQ(job.run_all([] {
    std::ostringstream out;
    from_items(std::vector<Sale>{{1, "Latte", 4.5, 2}, {20, "Flat\nWhite café", 12.25, std::nullopt}}).show(5, out);
    EXPECT_EQ(out.str(),
              "id  drink            price  cups\n"
              "--  ---------------  -----  ----\n"
              " 1  Latte              4.5     2\n"
              "20  Flat White café  12.25\n");
    std::ostringstream nothing;
    range(0).show(5, nothing);
    EXPECT_EQ(nothing.str(), "value\n-----\n");
    const std::vector<ColumnSpec> schema = Dataset<Sale>::schema();
    ASSERT_EQ(schema.size(), 4U);
    EXPECT_EQ(schema[3], (ColumnSpec{"cups", ColumnType::int32, true}));
  }),
            0);
}

struct Walk {
  std::vector<std::optional<double>> steps;
  std::vector<Sale> sales;
  std::optional<Sale> last;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(steps) & BOOST_SERIALIZATION_NVP(sales) & BOOST_SERIALIZATION_NVP(last);
  }
};

TEST(DatasetOperations, TablesShowVectorsAndOptionalRecordsToo) {
  LoopbackCluster job{2};
  EXPECT_EQ(job.run_all([] {
    std::ostringstream walks;
    from_items(std::vector<Walk>{{{0.5, std::nullopt, 2}, {{1, "Tea", 2, 3}}, {}}, {{}, {}, Sale{2, "Latte", 4.5, 1}}})
        .show(5, walks);
    EXPECT_EQ(walks.str(),
              "steps       sales                                     last.id  last.drink  last.price  last.cups\n"
              "----------  ----------------------------------------  -------  ----------  ----------  ---------\n"
              "[0.5, , 2]  [{id: 1, drink: Tea, price: 2, cups: 3}]\n"
              "[]          []                                              2  Latte              4.5          1\n");
    const std::vector<ColumnSpec> schema = Dataset<Walk>::schema();
    ASSERT_EQ(schema.size(), 9U);
    EXPECT_EQ(schema[0], (ColumnSpec{"steps", ColumnType::float64, true, 1}));
    EXPECT_EQ(schema[2], (ColumnSpec{"sales.drink", ColumnType::text, false, 1}));
    EXPECT_EQ(schema[6], (ColumnSpec{"last.drink", ColumnType::text, true}));

    std::ostringstream joined;
    const auto pairs = range(3).left_join<std::identity{}>(range(2).map([](std::int64_t i) { return i + 1; }));
    pairs.sort<&std::pair<std::int64_t, std::optional<std::int64_t>>::first>().show(5, joined);
    EXPECT_EQ(joined.str(), "first  second\n-----  ------\n    0\n    1       1\n    2       2\n");
    EXPECT_EQ(pairs.schema()[1], (ColumnSpec{"second", ColumnType::int64, true}));

    std::ostringstream whole;
    using Nested = std::optional<std::optional<int>>;
    from_items(std::vector<std::pair<int, Nested>>{{1, Nested{std::optional<int>{5}}}, {2, {}}}).show(5, whole);
    EXPECT_EQ(whole.str(), "first  second\n-----  ------\n    1       5\n    2\n");
    EXPECT_EQ((Dataset<Nested>::schema()), (std::vector{ColumnSpec{"value", ColumnType::int32, true}}));
    EXPECT_EQ(Dataset<std::optional<Sale>>::schema()[1], (ColumnSpec{"value.drink", ColumnType::text, true}));

    std::ostringstream lists;
    from_items(std::vector<std::vector<int>>{std::vector<int>(100, 12345), {1}}).show(5, lists);
    EXPECT_EQ(lists.str(),
              "value\n----------------------------------------\n[12345, 12345, 12345, 12345, 12345, 123…\n[1]\n");
  }),
            0)
      << job.sink.end.error;
}

TEST(DatasetOperations, BlocksAreCountedWithoutRunningThem) {
  LoopbackCluster job{2};
  EXPECT_EQ(job.run_all([] {
    const auto fail = [](std::int64_t) -> std::int64_t { throw std::runtime_error{"a block has run"}; };
    EXPECT_EQ(range(1000).map(fail).block_count(), 250U);
    EXPECT_EQ(range(0).block_count(), 0U);
    EXPECT_EQ(range(10).union_with(range(5)).block_count(), 15U);
    EXPECT_EQ(range(10).repartition(3).map(fail).block_count(), 3U);
    EXPECT_THROW((void)range(10).map(fail).repartition(3).block_count(), TaskError);
  }),
            0)
      << job.sink.end.error;
}

TEST(DatasetOperations, StatsTellWhatWentThroughEachOperator) {
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([] {
    const DatasetStats stats = range(1000)
                                   .filter([](std::int64_t i) { return i % 4 == 0; })
                                   .sort<descending<>>()
                                   .map([](std::int64_t i) { return i * 2; })
                                   .stats();
    std::vector<std::string> names;
    for (const auto& one : stats.operators) names.push_back(one.name.substr(0, one.name.find('<')));
    EXPECT_THAT(names, ElementsAre("range", "filter", "sort", "sort.cut", "sort", "map", "count"));
    EXPECT_EQ(stats.operators[0].rows, 1000U);
    EXPECT_EQ(stats.operators[1].rows, 250U);
    EXPECT_EQ(stats.operators.back().rows, 250U);
    EXPECT_EQ(stats.operators[0].blocks, 250U);
    for (const auto& one : stats.operators) EXPECT_GT(one.peak_memory, 1U << 20U) << one.name;
    EXPECT_THAT(stats.text(), HasSubstr("operator"));
  }),
            0);
}

TEST(DatasetOperations, RowsThatAreKeptAreNotKeptAgain) {
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([] {
    const auto operators_of = [](const DatasetStats& stats) {
      std::vector<std::pair<std::string, std::uint64_t>> operators;
      for (const auto& one : stats.operators) operators.emplace_back(one.name, one.blocks);
      return operators;
    };
    const auto kept = range(1000).repartition(4).materialize();
    EXPECT_THAT(operators_of(kept.repartition(3).stats()), ElementsAre(Pair("repartition", 3), Pair("count", 3)));
    EXPECT_THAT(operators_of(kept.zip(kept).stats()), ElementsAre(Pair("zip", 4), Pair("count", 4)));
    EXPECT_EQ(kept.repartition(3).take_all(), range(1000).take_all());
    EXPECT_EQ(kept.split(3)[1].take_all(), range(1000).split(3)[1].take_all());

    // What is a part of them, or made of them, is.
    const auto part = kept.split(2)[1];
    EXPECT_THAT(operators_of(part.repartition(3).stats()),
                ElementsAre(Pair("split", 2), Pair("repartition", 3), Pair("count", 3)));
    EXPECT_EQ(part.repartition(3).take_all(), range(1000).split(2)[1].take_all());
    const auto half = kept.filter([](std::int64_t i) { return i % 2 == 0; });
    EXPECT_EQ(half.repartition(3).count(), 500U);
    EXPECT_THAT(operators_of(half.repartition(3).stats()),
                ElementsAre(Pair("materialize", 4), Pair(::testing::StartsWith("filter"), 4), Pair("repartition", 3),
                            Pair("count", 3)));
  }),
            0)
      << job.sink.end.error;
}

TEST(DatasetOperations, StatsTellTheSidesOfAUnionApart) {
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([] {
    const auto fourths = range(1000).filter([](std::int64_t i) { return i % 4 == 0; });
    const auto doubled = from_items(std::vector<std::int64_t>{1, 2, 3}).map([](std::int64_t i) { return i * 2; });
    const auto all = fourths.union_with(doubled).union_with(range(10)).map([](std::int64_t i) { return i + 1; });
    // Blocks that are passed on, and blocks that are kept.
    for (const DatasetStats& stats : {all.stats(), all.sort<>().stats()}) {
      std::vector<std::pair<std::string, std::uint64_t>> rows;
      for (const auto& one : stats.operators) {
        if (one.name == "sort.cut") break;
        const std::string name = one.name.substr(0, one.name.find('<'));
        if (name != "count" && name != "sort") rows.emplace_back(name, one.rows);
      }
      EXPECT_THAT(rows, ElementsAre(Pair("range", 1000), Pair("filter", 250), Pair("map", 250), Pair("from_items", 3),
                                    Pair("map", 3), Pair("map", 3), Pair("range", 10), Pair("map", 10)));
    }
  }),
            0)
      << job.sink.end.error;
}

std::int64_t count_block(std::int64_t row, const Actor<Counter>& counter) {
  if (row % 40 == 0) counter.remote<&Counter::next>().get();
  return row;
}

TEST(DatasetOperations, LimitStopsReadingEarly) {
  LoopbackCluster job{4};
  EXPECT_EQ(job.run_all([] {
    const auto counter = actor<Counter>();
    const auto rows = range(10'240).map<count_block>(counter);  // blocks of 40 rows
    EXPECT_EQ(rows.limit(100).count(), 100U);
    EXPECT_EQ(rows.take(100).size(), 100U);
    EXPECT_LT(counter.remote<&Counter::count>().get(), 40);
  }),
            0);
}

std::atomic<int> blocks_that_run = 0;
/// Whether that many blocks run at the same time.
std::int64_t meet(std::int64_t blocks) {
  ++blocks_that_run;
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (blocks_that_run < blocks && std::chrono::steady_clock::now() < patience)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  return blocks_that_run >= blocks ? 1 : 0;
}

TEST(DatasetOperations, EveryLaneOfAWorkerHasABlock) {
  LoopbackCluster job{3};
  job.options.lanes = 8;
  job.resources = "cpus=64";  // which lanes do not use
  EXPECT_EQ(job.run_all([] {
    EXPECT_EQ(cluster().lanes, 8);
    const auto eight = from_items(std::vector<std::int64_t>(8, 8));
    blocks_that_run = 0;
    EXPECT_EQ(eight.map<meet>().sum(), 8);
    blocks_that_run = 0;
    EXPECT_EQ(eight.map<meet>().materialize().sum(), 8);
  }),
            0)
      << job.sink.end.error;
}

TEST(DatasetOperations, RowsGoFromWorkerToWorkerAndNotThroughTheHead) {
  LoopbackCluster job{6};
  EXPECT_EQ(job.run_all([] {
    // 256 blocks of 1000 rows of about 1 kB.
    const auto large = range(256'000).map([](std::int64_t i) {
      return std::pair{i * 7919 % 256'000, std::string(1000, char('a' + i % 26))};
    });
    const auto sorted = large.sort<[](const std::pair<std::int64_t, std::string>& row) { return row.first; }>();
    EXPECT_EQ(sorted.map([](const std::pair<std::int64_t, std::string>& row) { return row.first; }).sum(),
              std::int64_t{255'999} * 256'000 / 2);
  }),
            0)
      << job.sink.end.error;
  std::size_t to_head = 0;
  std::size_t between_workers = 0;
  for (const auto& record : job.network.log()) {
    (record.to == head_rank || record.from == head_rank ? to_head : between_workers) += record.bytes.size();
  }
  EXPECT_GT(between_workers, 256'000'000U / 2);
  EXPECT_LT(to_head, 40'000'000U);
}

}  // namespace
}  // namespace crema
