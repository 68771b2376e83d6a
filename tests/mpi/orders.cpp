// Reads orders that jobs/make_orders has made, with memory for a part of them: --scan filters and sums up, --group sums
// up by shop, --sort puts them in order.
#include <crema/crema.hpp>
#include <cstdint>
#include <string>

namespace {

struct Order {
  std::int64_t order = 0;
  std::int32_t shop = 0;
  std::string drink;
  std::int32_t cups = 0;
  double price = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(order) & BOOST_SERIALIZATION_NVP(shop) & BOOST_SERIALIZATION_NVP(drink);
    archive& BOOST_SERIALIZATION_NVP(cups) & BOOST_SERIALIZATION_NVP(price);
  }
};

struct Sales {
  std::int32_t shop = 0;
  std::uint64_t orders = 0;
  double revenue = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(shop) & BOOST_SERIALIZATION_NVP(orders) & BOOST_SERIALIZATION_NVP(revenue);
  }
};

bool is_latte(const Order& order) { return order.drink == "Latte"; }

/// What is left of a block of sorted rows: whether they are, and its ends.
struct Run {
  std::uint64_t rows = 0;
  std::int64_t disorder = 0;  // pairs of rows that are not in order
  Order first;
  Order last;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(rows) & BOOST_SERIALIZATION_NVP(disorder);
    archive& BOOST_SERIALIZATION_NVP(first) & BOOST_SERIALIZATION_NVP(last);
  }
};

bool stands_behind(const Order& a, const Order& b) { return std::pair{a.price, a.order} > std::pair{b.price, b.order}; }

std::vector<Run> look(std::span<const Order> rows) {
  Run run{.rows = rows.size(), .disorder = 0, .first = rows.front(), .last = rows.back()};
  for (std::size_t i = 1; i < rows.size(); ++i) run.disorder += stands_behind(rows[i - 1], rows[i]) ? 1 : 0;
  return {run};
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "What orders there are"};
  std::string files;
  bool scan = false;
  bool group = false;
  bool sort = false;
  job.cli().add_option("--files", files, "CSV files")->required();
  job.cli().add_flag("--scan", scan, "Filter, and sum up");
  job.cli().add_flag("--group", group, "Sum up by shop");
  job.cli().add_flag("--sort", sort, "Put in order by price and number");
  return job.run([&] {
    const auto orders = crema::read_csv<Order>(files);
    if (scan) {
      const auto lattes = orders.filter<is_latte>();
      job.results().value("lattes", lattes.count());
      job.results().value("latte_revenue", lattes.sum<&Order::price>());
    }
    if (group) {
      job.results().table("sales", orders.group_by<&Order::shop>()
                                       .aggregate<Sales>(crema::count(), crema::sum<&Order::price>())
                                       .sort<&Sales::shop>());
    }
    if (sort) {
      const auto sorted = orders.sort<&Order::price, &Order::order>();
      Run all;
      for (const Run& run : sorted.map_batches<look>(1U << 30).rows()) {
        all.disorder += run.disorder + (all.rows > 0 && stands_behind(all.last, run.first) ? 1 : 0);
        all.rows += run.rows;
        all.last = run.last;
      }
      job.results().value("sorted", all.rows);
      job.results().value("disorder", all.disorder);
      job.results().value("dearest", all.last.price);
    }
  });
}
