// Datasets of random rows on lanes that are processes and die at random rows, and that go on from a random record of
// their journal: every operation answers as in a job of one rank to which nothing happens.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "crema/dataset.hpp"
#include "crema/this_task.hpp"
#include "loopback_cluster.hpp"
#include "memory_journal.hpp"
#include "process/zygote.hpp"
#include "random_sales.hpp"

namespace crema {
namespace {

using testing::Blocks;
using testing::CutJournal;
using testing::Kind;
using testing::kind_names;
using testing::make_blocks;
using testing::MemoryJournal;
using testing::Sale;
using testing::text;

struct Revenue {
  std::string drink;
  std::uint64_t sales = 0;
  double total = 0;
  double mean = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(sales);
    archive& BOOST_SERIALIZATION_NVP(total) & BOOST_SERIALIZATION_NVP(mean);
  }
};

/// The lane of a first attempt dies at one row in `one_in`, chosen by `salt`; 0: at none.
void may_crash(std::int64_t id, std::uint64_t salt, std::uint64_t one_in) {
  if (one_in == 0 || this_task().attempt() > 0) return;
  std::mt19937_64 random{salt * 7919 + static_cast<std::uint64_t>(id)};
  if (random() % one_in == 0) ::raise(random() % 2 == 0 ? SIGKILL : SIGSEGV);
}
Sale look(Sale sale, std::uint64_t salt, std::uint64_t one_in) {
  may_crash(sale.id, salt, one_in);
  return sale;
}
std::pair<std::int64_t, double> span_of(std::span<const Sale> sales, std::uint64_t salt, std::uint64_t one_in) {
  double least = std::numeric_limits<double>::max();
  for (const Sale& sale : sales) {
    may_crash(sale.id, salt, one_in);
    least = std::min(least, sale.price);
  }
  return {static_cast<std::int64_t>(sales.size()), least};
}

/// What stands for the rows that an operation gives: a failure prints numbers, not what no terminal shows.
template <class Rows>
std::size_t digest(const Rows& rows) {
  return std::hash<std::string>{}(text(rows));
}

/// Of what each operation gives.
std::vector<std::size_t> answers(const Blocks& blocks, std::uint64_t one_in) {
  const auto at_first = from_items(blocks).flat_map([](const std::vector<Sale>& block) { return block; });
  const auto all = at_first.map<look>(std::uint64_t{1}, one_in);
  const auto kept = all.materialize();
  const auto again = [&](const Dataset<Sale>& rows, std::uint64_t salt) { return rows.map<look>(salt, one_in); };
  std::vector<std::size_t> given;
  given.push_back(digest(again(all.sort<&Sale::drink, &Sale::price, &Sale::id>(), 2).take_all()));
  given.push_back(digest(again(kept.random_shuffle(5), 3).take_all()));
  given.push_back(digest(again(kept.repartition(7), 4).take_all()));
  given.push_back(digest(all.group_by<&Sale::drink>()
                             .aggregate<Revenue>(count(), sum<&Sale::price>(), mean<&Sale::price>())
                             .sort<&Revenue::drink>()
                             .take_all()));
  given.push_back(
      digest(kept.group_by<&Sale::drink>().map_groups<span_of>(std::uint64_t{5}, one_in).sort<>().take_all()));
  const auto few = again(kept.filter([](const Sale& sale) { return sale.id % 7 == 0; }), 6);
  given.push_back(digest(kept.join<&Sale::drink>(few)
                             .map([](const std::pair<Sale, Sale>& both) {
                               return std::pair{both.first.id, both.second.id};
                             })
                             .sort<>()
                             .take_all()));
  given.push_back(
      digest(all.zip(again(kept, 7))
                 .map([](const std::pair<Sale, Sale>& both) { return both.first.price - both.second.price; })
                 .take_all()));
  given.push_back(digest(all.union_with(few).limit(150).take_all()));
  given.push_back(digest(kept.map([](const Sale& sale) { return sale.drink; }).unique()));
  given.push_back(digest(std::pair{all.sum<&Sale::price>(), kept.std_dev<&Sale::price>()}));
  return given;
}

class CrashingDatasets : public ::testing::TestWithParam<int> {
 protected:
  CrashingDatasets() {
    // The crashes are wanted: nobody needs their memory.
    const rlimit none{};
    setrlimit(RLIMIT_CORE, &none);
  }
  /// Goes on from the first `cut` records of the journal; counts lanes that died.
  std::vector<std::size_t> run(int ranks, MemoryJournal& journal, std::size_t cut, const Blocks& blocks,
                               std::uint64_t one_in) {
    LoopbackCluster job{ranks};
    for (int rank = 0; one_in > 0 && rank < ranks; ++rank) job.zygotes.push_back(std::make_unique<process::Zygote>());
    job.options.keeps_history = true;
    CutJournal source{journal.records, cut};
    job.past = history::Past{source};
    journal.records.resize(cut);
    job.journal = &journal;
    std::vector<std::size_t> given;
    EXPECT_EQ(job.run_all([&] { given = answers(blocks, one_in); }), 0) << job.sink.end.error;
    crashes_ += std::count_if(job.sink.rows.begin(), job.sink.rows.end(),
                              [](const record::TaskRow& row) { return row.state == record::TaskState::crashed; });
    return given;
  }

  std::ptrdiff_t crashes_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Ranks, CrashingDatasets, ::testing::Values(2, 3, 5), ::testing::PrintToStringParamName());

TEST_P(CrashingDatasets, AnswerAsIfNothingHadHappened) {
  const int given = ::testing::GTEST_FLAG(random_seed);
  std::seed_seq seed{given, GetParam()};
  std::mt19937 random{seed};
  for (std::size_t number = 0; number < kind_names.size(); ++number) {
    const auto kind = static_cast<Kind>(number);
    SCOPED_TRACE(std::string{kind_names.at(number)} + ", --gtest_random_seed=" + std::to_string(given));
    const auto blocks = make_blocks(kind, random);
    MemoryJournal unbroken;
    const std::vector<std::size_t> expected = run(1, unbroken, 0, blocks, 0);
    ASSERT_EQ(crashes_, 0);
    MemoryJournal journal;
    const std::uint64_t one_in = 100 + random() % 200;
    ASSERT_EQ(run(GetParam(), journal, 0, blocks, one_in), expected);
    if (kind == Kind::many_blocks) {
      EXPECT_GT(crashes_, 0);
    }
    // And then the whole job, at some moment.
    for (int i = 0; i < 2; ++i) {
      MemoryJournal cut;
      cut.records = journal.records;
      const std::size_t place = random() % (journal.records.size() + 1);
      ASSERT_EQ(run(GetParam(), cut, place, blocks, one_in), expected) << "cut after record " << place;
    }
    crashes_ = 0;
  }
}

}  // namespace
}  // namespace crema
