// Datasets of random rows on lanes that are processes and die at random rows, and that go on from a random record of
// their journal: every operation answers as in a job of one rank to which nothing happens.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
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

namespace crema {
namespace {

using testing::CutJournal;
using testing::MemoryJournal;

struct Sale {
  std::int64_t id = 0;
  std::string drink;
  double price = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(id) & BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price);
  }
};
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

enum class Kind { empty, one_row, equal_keys, skewed_keys, many_blocks, few_blocks };
constexpr std::array kinds{Kind::empty,       Kind::one_row,     Kind::equal_keys,
                           Kind::skewed_keys, Kind::many_blocks, Kind::few_blocks};

std::vector<std::vector<Sale>> make_blocks(Kind kind, std::mt19937& random) {
  const auto between = [&](std::size_t least, std::size_t most) { return least + random() % (most - least + 1); };
  std::size_t rows = between(100, 300);
  std::size_t blocks = between(3, 12);
  if (kind == Kind::empty) rows = blocks = 0;
  if (kind == Kind::one_row) rows = blocks = 1;
  if (kind == Kind::many_blocks) blocks = between(30, 60);
  if (kind == Kind::few_blocks) blocks = 1;
  std::vector<std::vector<Sale>> made(blocks);
  for (std::size_t i = 0; i < rows; ++i) {
    const bool hot = kind == Kind::equal_keys || (kind == Kind::skewed_keys && random() % 10 != 0);
    made[random() % blocks].push_back({.id = static_cast<std::int64_t>(i),
                                       .drink = hot ? "Espresso" : "drink " + std::to_string(random() % 29),
                                       .price = static_cast<double>(random() % 1000) / 8});
  }
  return made;
}

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

template <class T>
std::string text(const T& value) {
  ByteBuffer out;
  encode(out, value);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

/// What each operation gives.
std::vector<std::string> answers(const std::vector<std::vector<Sale>>& blocks, std::uint64_t one_in) {
  const auto at_first = from_items(blocks).flat_map([](const std::vector<Sale>& block) { return block; });
  const auto all = at_first.map<look>(std::uint64_t{1}, one_in);
  const auto kept = all.materialize();
  const auto again = [&](const Dataset<Sale>& rows, std::uint64_t salt) { return rows.map<look>(salt, one_in); };
  std::vector<std::string> given;
  given.push_back(text(again(all.sort<&Sale::drink, &Sale::price, &Sale::id>(), 2).take_all()));
  given.push_back(text(again(kept.random_shuffle(5), 3).take_all()));
  given.push_back(text(again(kept.repartition(7), 4).take_all()));
  given.push_back(text(all.group_by<&Sale::drink>()
                           .aggregate<Revenue>(count(), sum<&Sale::price>(), mean<&Sale::price>())
                           .sort<&Revenue::drink>()
                           .take_all()));
  given.push_back(
      text(kept.group_by<&Sale::drink>().map_groups<span_of>(std::uint64_t{5}, one_in).sort<>().take_all()));
  const auto few = again(kept.filter([](const Sale& sale) { return sale.id % 7 == 0; }), 6);
  given.push_back(text(kept.join<&Sale::drink>(few)
                           .map([](const std::pair<Sale, Sale>& both) {
                             return std::pair{both.first.id, both.second.id};
                           })
                           .sort<>()
                           .take_all()));
  given.push_back(text(all.zip(again(kept, 7))
                           .map([](const std::pair<Sale, Sale>& both) { return both.first.price - both.second.price; })
                           .take_all()));
  given.push_back(text(all.union_with(few).limit(150).take_all()));
  given.push_back(text(kept.map([](const Sale& sale) { return sale.drink; }).unique()));
  given.push_back(text(std::pair{all.sum<&Sale::price>(), kept.std_dev<&Sale::price>()}));
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
  std::vector<std::string> run(int ranks, MemoryJournal& journal, std::size_t cut,
                               const std::vector<std::vector<Sale>>& blocks, std::uint64_t one_in) {
    LoopbackCluster job{ranks};
    for (int rank = 0; one_in > 0 && rank < ranks; ++rank) job.zygotes.push_back(std::make_unique<process::Zygote>());
    job.options.keeps_history = true;
    CutJournal source{journal.records, cut};
    job.past = history::Past{source};
    journal.records.resize(cut);
    job.journal = &journal;
    std::vector<std::string> given;
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
  for (const Kind kind : kinds) {
    SCOPED_TRACE("kind " + std::to_string(static_cast<int>(kind)) + ", --gtest_random_seed=" + std::to_string(given));
    const auto blocks = make_blocks(kind, random);
    MemoryJournal unbroken;
    const std::vector<std::string> expected = run(1, unbroken, 0, blocks, 0);
    ASSERT_EQ(crashes_, 0);
    MemoryJournal journal;
    const std::uint64_t one_in = 20 + random() % 60;
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
