#include "crema/dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "crema/csv.hpp"
#include "local_driver.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Order {
  std::string drink;
  double price = 0;
  int cups = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price) & BOOST_SERIALIZATION_NVP(cups);
  }
};

double total(const Order& order) { return order.price * order.cups; }
bool costs_at_least(const Order& order, double limit) { return order.price >= limit; }
std::string shout(Order order, const std::string& mark, std::span<const int> times) {
  for (const int count : times) order.drink.append(static_cast<std::size_t>(count), mark.at(0));
  return std::move(order.drink);
}
std::int64_t fail_at(std::int64_t number, std::int64_t bad) {
  if (number >= bad) throw std::runtime_error{"no " + std::to_string(number)};
  return number;
}

class DatasetTest : public ::testing::Test {
 protected:
  /// Runs the driver; nothing may go wrong in it.
  void drive(const std::function<void()>& driver) { EXPECT_EQ(driver_.run(driver), ""); }
  [[nodiscard]] Dataset<Order> orders() const {
    return read_csv<Order>(
        folder_.write("orders.csv", "cups,drink,price\n2,Latte,5\n1,Espresso,3\n3,\"Flat, White\",4.75\n"));
  }

  testing::LocalDriver driver_;
  testing::TemporaryFolder folder_;
};

TEST_F(DatasetTest, NothingRunsBeforeAConsumerAsks) {
  drive([&] {
    const auto planned =
        read_csv<Order>("no/such/file.csv").map<total>().filter([](double price) { return price > 1; });
    EXPECT_THAT(driver_.labels(), IsEmpty());
    EXPECT_THROW((void)planned.count(), DataError);
    EXPECT_THAT(driver_.labels(), IsEmpty());
  });
}

TEST_F(DatasetTest, RowsComeInOrderOutOfATemporary) {
  drive([&] {
    std::vector<std::string> drinks;
    for (auto& order : read_csv<Order>(folder_.write("o.csv", "cups,drink,price\n2,Latte,5\n1,Mocha,3\n")).rows()) {
      drinks.push_back(std::move(order.drink));
    }
    EXPECT_THAT(drinks, ElementsAre("Latte", "Mocha"));
  });
}

TEST_F(DatasetTest, FunctionsAndLambdasTakeExtraArguments) {
  drive([&] {
    EXPECT_THAT(orders().map<total>().take_all(), ElementsAre(10.0, 3.0, 14.25));
    EXPECT_THAT(orders().filter<costs_at_least>(4).map<shout>("!", std::vector{1, 2}).take_all(),
                ElementsAre("Latte!!!", "Flat, White!!!"));
    EXPECT_THAT(orders()
                    .filter([](const Order& order, int cups) { return order.cups < cups; }, 3)
                    .map([](Order order) { return order.drink; })
                    .take_all(),
                ElementsAre("Latte", "Espresso"));
    EXPECT_THAT(range(3).map<overload<double(double)>(std::sqrt)>().take_all(), ElementsAre(0, 1, std::sqrt(2.0)));
    EXPECT_THAT(range(4).map([](std::int64_t number) { return number % 2 == 0; }).take_all(),
                ElementsAre(true, false, true, false));
    EXPECT_EQ(range(4).map([](std::int64_t number) { return number > 0; }).filter([](bool big) { return big; }).sum(),
              3U);
  });
}

TEST_F(DatasetTest, AChainIsOneTaskABlockWithOneName) {
  drive([&] {
    (void)orders().filter<costs_at_least>(4).map<total>().sum();
    EXPECT_THAT(driver_.labels(),
                ElementsAre("read_csv<crema::(anonymous namespace)::Order>.filter<crema::(anonymous "
                            "namespace)::costs_at_least>.map<crema::(anonymous namespace)::total>.sum"));
  });
}

TEST_F(DatasetTest, ADatasetMayBeAskedAgainAndBranched) {
  drive([&] {
    const Dataset<std::int64_t> numbers = range(1000);
    const auto even = numbers.filter([](std::int64_t number) { return number % 2 == 0; });
    EXPECT_EQ(even.count(), 500U);
    EXPECT_EQ(even.count(), 500U);
    EXPECT_EQ(numbers.count(), 1000U);
    EXPECT_EQ(even.sum(), 249'500);
  });
}

TEST_F(DatasetTest, SumsWiden) {
  drive([&] {
    static_assert(std::is_same_v<decltype(from_items(std::vector<std::int8_t>{}).sum()), std::int64_t>);
    static_assert(std::is_same_v<decltype(from_items(std::vector<unsigned>{}).sum()), std::uint64_t>);
    static_assert(std::is_same_v<decltype(from_items(std::vector<float>{}).sum()), double>);
    EXPECT_EQ(from_items(std::vector<std::int8_t>(1000, 127)).sum(), 127'000);
    EXPECT_EQ(from_items(std::vector<float>(3, 0.1F)).sum(), 3 * static_cast<double>(0.1F));
    EXPECT_EQ(from_items(std::vector<bool>{true, false, true}).sum(), 2U);
    EXPECT_EQ(orders().sum<&Order::cups>(), 6);
    EXPECT_EQ(orders().sum<total>(), 27.25);
    EXPECT_EQ(orders().sum<[](const Order& order) { return order.drink.size(); }>(), 24U);
    EXPECT_EQ(from_items(std::vector<int>{}).sum(), 0);
  });
}

TEST_F(DatasetTest, ASumBeyond64BitsIsAnErrorInABlockAndBetweenBlocks) {
  const std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(driver_.run([&] { (void)from_items(std::vector<std::int64_t>(512, highest)).sum(); }),
              AllOf(StartsWith("task from_items.sum"), HasSubstr("the sum does not fit into 64 bits")));
  EXPECT_THAT(driver_.run([&] { (void)from_items(std::vector<std::int64_t>(2, highest)).sum(); }),
              StartsWith("summing a dataset: the sum does not fit into 64 bits"));
}

TEST_F(DatasetTest, SumsAreTheSameBitsWithAnyNumberOfWorkers) {
  std::mt19937 random{5};
  std::vector<double> numbers(10'000);
  for (double& number : numbers) number = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 60));
  double expected = 0;
  for (auto block = numbers.begin(); block < numbers.end(); block += 40) {
    double partial = 0;
    for (auto number = block; number < std::min(block + 40, numbers.end()); ++number) partial += *number;
    expected += partial;
  }
  for (const int workers : {0, 1, 7, 1000}) {
    testing::LocalDriver driver{workers};
    EXPECT_EQ(driver.run([&] { EXPECT_EQ(from_items(numbers).sum(), expected); }), "");
  }
}

TEST_F(DatasetTest, BlocksInMemoryDependOnTheItemsAlone) {
  EXPECT_EQ(dataset::items_per_block(0), 1);
  EXPECT_EQ(dataset::items_per_block(256), 1);
  EXPECT_EQ(dataset::items_per_block(257), 2);
  EXPECT_EQ(dataset::items_per_block(1'000'000'000'000), 65'536);
  drive([&] { EXPECT_EQ(range(600).sum(), 179'700); });
  EXPECT_EQ(driver_.labels().size(), 200U);
}

TEST_F(DatasetTest, ABoundedNumberOfBlocksIsInFlight) {
  for (const auto& [workers, bound] : {std::pair{0, 4U}, {1, 4U}, {5, 12U}}) {
    testing::LocalDriver driver{workers};
    EXPECT_EQ(driver.run([&] {
      std::size_t rows = 0;
      for (const std::int64_t row : range(256).rows()) {
        EXPECT_EQ(row, static_cast<std::int64_t>(rows++));
        EXPECT_LE(driver.waiting(), bound);
      }
      EXPECT_EQ(rows, 256U);
    }),
              "");
    EXPECT_EQ(driver.most_waiting(), bound);
  }
}

TEST_F(DatasetTest, EmptyBlocksAndEmptyDatasetsHaveNoRows) {
  drive([&] {
    EXPECT_THAT(range(1000).filter([](std::int64_t number) { return number == 777; }).take_all(), ElementsAre(777));
    EXPECT_THAT(range(0).take_all(), IsEmpty());
    EXPECT_THAT(from_items(std::vector<std::string>{}).take_all(), IsEmpty());
    EXPECT_THAT(range(9).filter([](std::int64_t) { return false; }).take_all(), IsEmpty());
    EXPECT_EQ(range(9).filter([](std::int64_t) { return false; }).count(), 0U);
  });
  EXPECT_THROW((void)range(-1), UsageError);
}

TEST_F(DatasetTest, WhatAFunctionThrowsArrivesAsTaskErrorAfterTheRowsBeforeIt) {
  drive([&] {
    std::int64_t rows = 0;
    try {
      for (const std::int64_t row : range(256).map<fail_at>(100).rows()) rows += row == rows ? 1 : 0;
      ADD_FAILURE() << "the error got lost";
    } catch (const TaskError& error) {
      EXPECT_EQ(error.type(), "std::runtime_error");
      EXPECT_EQ(error.message(), "no 100");
      EXPECT_EQ(error.rank(), RankId{1});
      EXPECT_THAT(error.function(), HasSubstr("range.map<"));
    }
    EXPECT_EQ(rows, 100);
    EXPECT_EQ(driver_.waiting(), 0U) << "blocks behind the failed one were left to fail with nobody asking";
  });
}

TEST_F(DatasetTest, UnreadableRowsArriveAsDataErrorWithTheirPlace) {
  const std::string file = folder_.write("bad.csv", "cups,drink,price\n1,Latte,5\n2,Mocha,five\n");
  drive([&] {
    try {
      (void)read_csv<Order>(file).take_all();
      ADD_FAILURE() << "the error got lost";
    } catch (const DataError& error) {
      EXPECT_EQ(error.file(), file);
      EXPECT_EQ(error.line(), 3U);
      EXPECT_EQ(error.column(), "price");
      EXPECT_EQ(error.found(), "\"five\"");
    }
  });
}

TEST_F(DatasetTest, AnOpenQuoteIsFoundAfterTheRowsBeforeItWhateverTheWorkers) {
  std::string text = "value\n";
  for (int i = 0; i < 20'000; ++i) text += "0123456789\n";
  const std::string file = folder_.write("open.csv", text + "\"never closed\n");
  for (const int workers : {1, 50}) {
    testing::LocalDriver driver{workers};
    std::size_t rows = 0;
    EXPECT_THAT(driver.run([&] {
      for (const std::string& row : read_csv<std::string>(file).rows()) rows += row.size() == 10 ? 1 : 0;
    }),
                HasSubstr("open.csv:20002: expected a closing quote"));
    EXPECT_GT(rows, 10'000U);
    EXPECT_LT(rows, 20'000U);
  }
}

}  // namespace
}  // namespace crema
