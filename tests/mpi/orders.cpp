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

/// In how many places a block's rows are not in order.
std::vector<std::int64_t> disorder(std::span<const Order> rows) {
  std::int64_t count = 0;
  for (std::size_t i = 1; i < rows.size(); ++i)
    count += std::pair{rows[i].price, rows[i].order} < std::pair{rows[i - 1].price, rows[i - 1].order} ? 1 : 0;
  return {count};
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
      job.results().value("disorder", sorted.map_batches<disorder>(1U << 30).sum());
      job.results().value("dearest", sorted.max<&Order::price>().value_or(0));
    }
  });
}
