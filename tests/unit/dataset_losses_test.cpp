// A worker that is lost in the middle of an operation of datasets costs no rows, and none comes twice: rows and files
// are as without the loss.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "compressed.hpp"
#include "crema/csv.hpp"
#include "crema/dataset.hpp"
#include "crema/hdf5.hpp"
#include "crema/json.hpp"
#include "crema/part_files.hpp"
#include "local_driver.hpp"
#include "losing.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

constexpr std::int64_t blocks = 40;
constexpr std::int64_t rows_per_block = 4;
constexpr std::size_t all_rows = blocks * rows_per_block;
// Blocks are large enough to stay with the ranks that make them, and together what a group_by deals out.
constexpr std::size_t text_bytes = 55'000;

struct Sale {
  std::int64_t id = 0;
  std::string shop;
  double price = 0;
  std::string text;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(id) & BOOST_SERIALIZATION_NVP(shop);
    archive& BOOST_SERIALIZATION_NVP(price) & BOOST_SERIALIZATION_NVP(text);
  }
};

struct Shop {
  std::string name;
  std::string text;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(text);
  }
};

struct Summary {
  std::string shop;
  std::uint64_t sales = 0;
  double total = 0;
  std::string text;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(shop) & BOOST_SERIALIZATION_NVP(sales);
    archive& BOOST_SERIALIZATION_NVP(total) & BOOST_SERIALIZATION_NVP(text);
  }
};

constexpr std::int64_t shops = 23;
std::string shop_name(std::int64_t number) { return fmt::format("shop {}", number % shops); }
std::string text_of(std::int64_t number) { return std::string(text_bytes, static_cast<char>('a' + number % 26)); }

std::vector<Sale> sales_of(std::int64_t block) {
  std::vector<Sale> sales;
  for (std::int64_t id = block * rows_per_block; id < (block + 1) * rows_per_block; ++id)
    sales.push_back({.id = id,
                     .shop = shop_name(id * 7919 % 601),
                     .price = static_cast<double>(id * 7919 % 601) / 8,
                     .text = text_of(id)});
  return sales;
}
Shop shop_of(std::int64_t number) { return {.name = shop_name(number), .text = text_of(number)}; }

std::string brief(const std::string& text) { return fmt::format("{}x{}", text.size(), text.substr(0, 1)); }
std::string line_of(const Sale& sale) {
  return fmt::format("{} {} {} {}", sale.id, sale.shop, sale.price, brief(sale.text));
}
std::string line_of_summary(const Summary& row) {
  return fmt::format("{} {} {} {}", row.shop, row.sales, row.total, brief(row.text));
}
std::string line_of_pair(const std::pair<Sale, Shop>& row) {
  return fmt::format("{} {} {}", line_of(row.first), row.second.name, brief(row.second.text));
}

Dataset<Sale> sales() { return range(blocks).flat_map<sales_of>(); }

struct Operation {
  const char* name;
  std::size_t rows;  // that come of it
  Lines (*run)(const fs::path& folder);
  Lines (*read)(const fs::path& folder) = nullptr;  // what it has written

  friend std::ostream& operator<<(std::ostream& out, const Operation& operation) { return out << operation.name; }
};

const std::vector<Operation> operations{
    {"sort", all_rows, [](const fs::path&) { return sales().sort<&Sale::price>().map<line_of>().take_all(); }},
    {"random_shuffle", all_rows, [](const fs::path&) { return sales().random_shuffle(5).map<line_of>().take_all(); }},
    {"repartition", all_rows, [](const fs::path&) { return sales().repartition(7).map<line_of>().take_all(); }},
    {"aggregate", shops,
     [](const fs::path&) {
       return sales()
           .group_by<&Sale::shop>()
           .aggregate<Summary>(count(), sum<&Sale::price>(), first<&Sale::text>())
           .map<line_of_summary>()
           .take_all();
     }},
    {"join", all_rows,
     [](const fs::path&) {
       return sales().join<&Sale::shop, &Shop::name>(range(shops).map<shop_of>()).map<line_of_pair>().take_all();
     }},
    {"limit", 101, [](const fs::path&) { return sales().limit(101).map<line_of>().take_all(); }},
    {"materialize", all_rows,
     [](const fs::path&) {
       const auto kept = sales().materialize();
       const Lines once = kept.map<line_of>().take_all();
       EXPECT_TRUE(kept.map<line_of>().take_all() == once);
       EXPECT_EQ(kept.count(), all_rows);
       return once;
     }},
    {"read_packed", all_rows,
     [](const fs::path& folder) {
       std::string text = "id,shop,price,text\n";
       for (std::int64_t block = 0; block < blocks; ++block)
         for (const Sale& sale : sales_of(block))
           text += fmt::format("{},{},{},{}\n", sale.id, sale.shop, sale.price, sale.text);
       std::ofstream{folder / "sales.csv.gz", std::ios::binary} << testing::gzip(text);
       return read_csv<Sale>(folder / "sales.csv.gz").map<line_of>().take_all();
     }},
    {"read_array", all_rows,
     [](const fs::path& folder) {
       std::string text;
       for (std::int64_t block = 0; block < blocks; ++block)
         for (const Sale& sale : sales_of(block))
           text += fmt::format("{}{{\"id\":{},\"shop\":\"{}\",\"price\":{},\"text\":\"{}\"}}", text.empty() ? "[" : ",",
                               sale.id, sale.shop, sale.price, sale.text);
       std::ofstream{folder / "sales.json", std::ios::binary} << text << ']';
       return read_json<Sale>(folder / "sales.json").sort<&Sale::price>().map<line_of>().take_all();
     }},
    {"write_csv", all_rows,
     [](const fs::path& folder) {
       sales().write_csv(folder / "out");
       return Lines{};
     },
     [](const fs::path& folder) { return read_csv<Sale>(folder / "out" / "part-*.csv").map<line_of>().take_all(); }},
    {"write_json", all_rows,
     [](const fs::path& folder) {
       sales().write_json(folder / "out");
       return Lines{};
     },
     [](const fs::path& folder) { return read_json<Sale>(folder / "out" / "part-*.jsonl").map<line_of>().take_all(); }},
    {"write_hdf5", all_rows,
     [](const fs::path& folder) {
       sales().write_hdf5(folder / "out.h5", "sales");
       return Lines{};
     },
     [](const fs::path& folder) { return read_hdf5<Sale>(folder / "out.h5", "sales").map<line_of>().take_all(); }},
};

/// What an operation leaves.
struct End {
  Lines rows;
  std::map<std::string, std::string> files;  // by name; of HDF5 files, which hold the time, the name alone

  friend bool operator==(const End&, const End&) = default;
};

std::map<std::string, std::string> files_in(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator{folder}) {
    std::ostringstream content;
    if (entry.is_regular_file() && entry.path().extension() != ".h5") content << std::ifstream{entry.path()}.rdbuf();
    files.emplace(entry.path().lexically_relative(folder), content.str());
  }
  return files;
}

class LostWorker : public ::testing::TestWithParam<Operation> {
 protected:
  /// `job` runs a driver to its end.
  template <class Job>
  static End end_of(const Job& job) {
    const testing::TemporaryFolder folder;
    const Operation& operation = GetParam();
    End end;
    job([&] { end.rows = operation.run(folder.path()); });
    if (operation.read != nullptr) {
      testing::LocalDriver reader;
      EXPECT_EQ(reader.run([&] { end.rows = operation.read(folder.path()); }), "");
    }
    end.files = files_in(folder.path());
    return end;
  }
};
INSTANTIATE_TEST_SUITE_P(Of, LostWorker, ::testing::ValuesIn(operations),
                         [](const auto& given) { return std::string{given.param.name}; });

TEST_P(LostWorker, CostsNoRowsAndNoneComesTwice) {
  const RankId lost{3};
  LoopbackCluster unbroken{4};
  const End expected = end_of([&](const auto& driver) { ASSERT_EQ(unbroken.run_all(driver), 0); });
  ASSERT_EQ(expected.rows.size(), GetParam().rows);
  ASSERT_EQ(std::set(expected.rows.begin(), expected.rows.end()).size(), GetParam().rows);
  const auto packets = static_cast<std::size_t>(std::ranges::count_if(
      unbroken.network.log(), [&](const auto& record) { return record.from == lost || record.to == lost; }));
  constexpr std::size_t points = 7;
  int cut = 0;
  std::ptrdiff_t again = 0;
  for (std::size_t point = 1; point < points; ++point) {
    SCOPED_TRACE(fmt::format("after {} of about {} packets", packets * point / points, packets));
    Losing job{4, lost, point};
    job.cluster.network.delay_up_to(static_cast<int>(point % 3));
    job.lose_after(packets * point / points);
    const End end = end_of([&](const auto& driver) { ASSERT_EQ(job.run(driver), 0) << job.cluster.sink.end.error; });
    EXPECT_TRUE(end == expected) << ::testing::PrintToString(end.rows);
    EXPECT_EQ(job.cluster.objects_left, 0U);
    if (job.cluster.network.is_cut(lost)) ++cut;
    again += std::ranges::count_if(job.cluster.sink.rows, [](const record::TaskRow& row) { return row.attempt > 0; });
  }
  EXPECT_GE(cut, 4);
  EXPECT_GT(again, 0) << "nothing was made again";
}

}  // namespace
}  // namespace crema
