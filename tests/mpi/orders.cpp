// Reads orders that jobs/make_orders has made, with memory for a part of them: --scan filters and sums up, --group sums
// up by shop, --moments by second and drink, which are nearly as many as there are orders, --sort puts them in order.
#include <algorithm>
#include <chrono>
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

struct Sale {
  std::chrono::sys_seconds time;
  std::string drink;
  double price = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(time) & BOOST_SERIALIZATION_NVP(drink) & BOOST_SERIALIZATION_NVP(price);
  }
};

/// All that is sold of a drink within one second.
struct Moment {
  std::chrono::sys_seconds time;
  std::string drink;
  std::uint64_t orders = 0;
  double revenue = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(time) & BOOST_SERIALIZATION_NVP(drink);
    archive& BOOST_SERIALIZATION_NVP(orders) & BOOST_SERIALIZATION_NVP(revenue);
  }
};

/// What is left of a block of moments.
struct Moments {
  std::uint64_t moments = 0;
  std::uint64_t orders = 0;
  std::uint64_t most_orders = 0;
  double revenue = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(moments) & BOOST_SERIALIZATION_NVP(orders);
    archive& BOOST_SERIALIZATION_NVP(most_orders) & BOOST_SERIALIZATION_NVP(revenue);
  }
  void add(const Moments& more) {
    moments += more.moments;
    orders += more.orders;
    most_orders = std::max(most_orders, more.most_orders);
    revenue += more.revenue;
  }
};

std::vector<Moments> add_up(std::span<const Moment> rows) {
  Moments all;
  for (const Moment& row : rows)
    all.add({.moments = 1, .orders = row.orders, .most_orders = row.orders, .revenue = row.revenue});
  return {all};
}

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
  bool moments = false;
  bool sort = false;
  bool json = false;
  job.cli().add_option("--files", files, "CSV files")->required();
  job.cli().add_flag("--json", json, "They are JSON files");
  job.cli().add_flag("--scan", scan, "Filter, and sum up");
  job.cli().add_flag("--group", group, "Sum up by shop");
  job.cli().add_flag("--moments", moments, "Sum up by second and drink");
  job.cli().add_flag("--sort", sort, "Put in order by price and number");
  return job.run([&] {
    const auto orders = json ? crema::read_json<Order>(files) : crema::read_csv<Order>(files);
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
    if (moments) {
      Moments all;
      for (const Moments& some : crema::read_csv<Sale>(files)
                                     .group_by<&Sale::time, &Sale::drink>()
                                     .aggregate<Moment>(crema::count(), crema::sum<&Sale::price>())
                                     .map_batches<add_up>(1U << 30)
                                     .rows())
        all.add(some);
      job.results().value("moments", all.moments);
      job.results().value("moment_orders", all.orders);
      job.results().value("most_orders", all.most_orders);
      job.results().value("moment_revenue", all.revenue);
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
