// The operations of datasets one after the other, named as each begins; the first ones in blocks that are large
// enough to stay with the ranks that make them, the later ones in few. With --crash N one row in N ends its lane the
// first time it is looked at, before and behind what rows meet for. --pause makes the job long enough to be killed.
// --only NAME: that operation alone.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <crema/crema.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct Reading {
  std::int64_t id = 0;
  std::string station;
  double value = 0;
  std::string text;  // makes blocks large

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(id) & BOOST_SERIALIZATION_NVP(station);
    archive& BOOST_SERIALIZATION_NVP(value) & BOOST_SERIALIZATION_NVP(text);
  }
};

struct Station {
  std::string name;
  double height = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(height);
  }
};

struct Summary {
  std::string station;
  std::uint64_t readings = 0;
  double total = 0;
  double least = 0;
  double median = 0;
  std::int64_t first = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(station) & BOOST_SERIALIZATION_NVP(readings) & BOOST_SERIALIZATION_NVP(total);
    archive& BOOST_SERIALIZATION_NVP(least) & BOOST_SERIALIZATION_NVP(median) & BOOST_SERIALIZATION_NVP(first);
  }
};

struct Place {
  std::int64_t id = 0;
  double value = 0;
  double height = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(id) & BOOST_SERIALIZATION_NVP(value) & BOOST_SERIALIZATION_NVP(height);
  }
};

struct Spread {
  std::string station;
  double most = 0;
  double mean = 0;
  std::optional<double> deviation;
  std::int64_t reach = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(station) & BOOST_SERIALIZATION_NVP(most) & BOOST_SERIALIZATION_NVP(mean);
    archive& BOOST_SERIALIZATION_NVP(deviation) & BOOST_SERIALIZATION_NVP(reach);
  }
};

/// An aggregator of the job's own: how far the ids of a group are apart.
struct Reach {
  using Ends = std::pair<std::int64_t, std::int64_t>;
  Ends init() const { return {INT64_MAX, INT64_MIN}; }
  void add(Ends& ends, const Reading& reading) const { merge(ends, {reading.id, reading.id}); }
  void merge(Ends& ends, const Ends& later) const {
    ends = {std::min(ends.first, later.first), std::max(ends.second, later.second)};
  }
  std::int64_t finish(const Ends& ends) const { return ends.second - ends.first; }
};

/// Ends the lane if this row is one of those that do, and its task is on its first attempt.
void crash_at(std::int64_t id, std::int64_t crash) {
  if (crash > 0 && id % crash == 1 && crema::this_task().attempt() == 0) ::raise(SIGKILL);
}

/// The readings of a station in their order.
struct Course {
  std::string station;
  std::int64_t rises = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(station) & BOOST_SERIALIZATION_NVP(rises);
  }
};

Course course_of(std::span<const Reading> readings, std::int64_t crash) {
  for (const Reading& reading : readings) crash_at(reading.id, crash);
  Course course{.station = readings.front().station};
  for (std::size_t i = 1; i < readings.size(); ++i)
    course.rises += readings[i - 1].id < readings[i].id && readings[i - 1].value < readings[i].value ? 1 : 0;
  return course;
}

class Tally {
 public:
  void add(std::int64_t count) { count_ += count; }
  std::int64_t count() const { return count_; }

 private:
  std::int64_t count_ = 0;
};

std::vector<double> scaled(std::span<const Reading> readings, double factor, crema::Actor<Tally> tally) {
  tally.remote<&Tally::add>(static_cast<std::int64_t>(readings.size())).get();
  std::vector<double> values;
  for (const Reading& reading : readings) values.push_back(reading.value * factor);
  return values;
}

std::vector<std::int64_t> copies(const Reading& reading) {
  return std::vector<std::int64_t>(static_cast<std::size_t>(reading.id % 3), reading.id);
}

/// A model that takes long to load.
class Model {
 public:
  explicit Model(double offset) : offset_{offset} {}
  double operator()(const Reading& reading) const { return reading.value + offset_; }

 private:
  double offset_;
};

Reading make_reading(std::int64_t id) {
  const std::int64_t mixed = id * 7919 % 10'007;
  // Every other reading is of one station.
  return {.id = id,
          .station = id % 2 == 0 ? "hot" : fmt::format("station {}", mixed % 50),
          .value = static_cast<double>(mixed % 1000) / 8,
          .text = std::string(3000, static_cast<char>('a' + id % 26))};
}

Reading look(Reading reading, std::int64_t crash, int pause) {
  crash_at(reading.id, crash);
  if (pause > 0 && reading.id % 20 == 0 && !std::filesystem::exists("hurry"))
    std::this_thread::sleep_for(std::chrono::milliseconds{pause});
  return reading;
}

Reading without_text(Reading reading) {
  reading.text.clear();
  return reading;
}

bool is_even(const Reading& reading) { return reading.id % 2 == 0; }

Place place_of(const std::pair<Reading, Station>& both, std::int64_t crash) {
  crash_at(both.first.id, crash);
  return {.id = both.first.id, .value = both.first.value, .height = both.second.height};
}

Place place_or_none(const std::pair<Reading, std::optional<Station>>& both, std::int64_t crash) {
  crash_at(both.first.id, crash);
  return {.id = both.first.id, .value = both.first.value, .height = both.second ? both.second->height : -1};
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "The operations of datasets"};
  std::int64_t rows = 6000;
  std::int64_t crash = 0;
  int pause = 0;
  std::string only;
  bool parquet = false;
  bool packed = false;
  job.cli().add_option("--rows", rows, "Readings");
  job.cli().add_option("--crash", crash, "One reading in so many ends its lane once");
  job.cli().add_option("--pause", pause, "Milliseconds for every 20th reading, unless there is a file \"hurry\"");
  job.cli().add_option("--only", only, "The name of one operation");
  job.cli().add_flag("--parquet", parquet, "Parquet files are supported here");
  job.cli().add_flag("--packed", packed, "There are files packed.csv.gz and array.json");
  return job.run([&] {
    crema::Results& results = job.results();
    const auto readings = crema::range(rows).map<make_reading>().map<look>(crash, pause);
    const auto light =
        crema::range(rows).map<make_reading>().map<without_text>().repartition(16).materialize().map<look>(crash,
                                                                                                           pause);
    std::vector<Station> all_stations;
    for (int i = 0; i < 40; ++i) all_stations.push_back({fmt::format("station {}", i), i * 10.0});
    const auto stations = crema::from_items(all_stations);
    const auto operation = [&only](const std::string& name, const std::function<void()>& run) {
      if (!only.empty() && only != name) return;
      std::cout << name << std::endl;
      run();
    };

    operation("sort", [&] {
      results.table("sorted", readings.sort<crema::descending<&Reading::value>, &Reading::station>()
                                  .map<look>(crash, 0)
                                  .map<without_text>());
    });
    operation("random_shuffle", [&] {
      results.table("shuffled", readings.random_shuffle(7).map<look>(crash, 0).map<without_text>().limit(1000));
    });
    operation("aggregate", [&] {
      results.table("summaries", readings.group_by<&Reading::station>()
                                     .aggregate<Summary>(
                                         crema::count(), crema::sum<&Reading::value>(), crema::min<&Reading::value>(),
                                         crema::quantile<&Reading::value>(0.5), crema::first<&Reading::id>())
                                     .sort<&Summary::station>());
    });
    operation("join", [&] {
      results.table("places",
                    readings.join<&Reading::station, &Station::name>(stations).map<place_of>(crash).sort<&Place::id>());
    });
    operation("materialize", [&] {
      const auto kept = readings.map<without_text>().materialize();
      results.table("zipped", kept.repartition(5)
                                  .map<look>(crash, 0)
                                  .zip(crema::range(rows))
                                  .filter([](const std::pair<Reading, std::int64_t>& both) {
                                    return both.first.id != both.second || both.second % 100 == 0;
                                  })
                                  .map([](const std::pair<Reading, std::int64_t>& both) { return both.second; }));
      results.value("distinct", kept.unique<&Reading::station>().size());
      const auto [train, test] = kept.map<look>(crash, 0).train_test_split(0.25, 3);
      results.value("test_ids", test.sum<&Reading::id>());
      results.value("train_ids", train.sum<&Reading::id>());
    });
    operation("write_csv", [&] { light.write_csv("parts"); });
    operation("aggregate of one's own", [&] {
      results.table("spreads", light.group_by<&Reading::station>()
                                   .aggregate<Spread>(crema::max<&Reading::value>(), crema::mean<&Reading::value>(),
                                                      crema::std_dev<&Reading::value>(), Reach{})
                                   .sort<&Spread::station>());
    });
    operation("map_groups", [&] {
      results.table("courses",
                    readings.group_by<&Reading::station>().map_groups<course_of>(crash).sort<&Course::station>());
    });
    operation("left_join", [&] {
      results.table(
          "heights",
          light.left_join<&Reading::station, &Station::name>(stations).map<place_or_none>(crash).sort<&Place::id>());
    });
    operation("union_with", [&] {
      const auto even = light.filter<is_even>();
      const auto odd = light.filter([](const Reading& reading) { return reading.id % 2 != 0; });
      results.table("united", odd.union_with(even).map([](const Reading& reading) { return reading.id; }));
    });
    operation("flat_map", [&] { results.table("copies", light.flat_map<copies>()); });
    operation("map_with", [&] { results.table("modelled", light.map_with<Model>(0.5)); });
    operation("map_batches", [&] {
      const auto tally = crema::actor<Tally>();
      const auto factor = crema::remote([] { return 3.0; });
      results.table("scaled", light.map_batches<scaled>(10, factor, tally));
      results.value("tally", tally.remote<&Tally::count>().get());
    });
    operation("split", [&] {
      std::vector<std::int64_t> ids;
      for (const auto& third : light.split(3)) ids.push_back(third.sum<&Reading::id>());
      results.table("thirds", ids);
    });
    operation("sample", [&] { results.value("sampled", light.sample(0.3, 5).sum<&Reading::id>()); });
    operation("values", [&] {
      results.value("rows", light.count());
      results.value("least", light.min<&Reading::value>().value());
      results.value("most", light.max<&Reading::value>().value());
      results.value("mean", light.mean<&Reading::value>().value());
      results.value("deviation", light.std_dev<&Reading::value>().value());
    });
    operation("write_json", [&] { light.write_json("lines"); });
    operation("write_parquet", [&] {
      if (parquet) light.write_parquet("tables");
    });
    operation("show", [&] { light.show(2); });
    operation("stats", [&] {
      for (const auto& one : light.filter<is_even>().stats().operators)
        results.value("stats of " + one.name, std::vector{one.blocks, one.rows});
    });
    operation("read packed files", [&] {
      if (!packed) return;
      const auto ids = [](const crema::Dataset<Reading>& read) {
        return read.map([](const Reading& reading) { return reading.id; });
      };
      const auto csv = crema::read_csv<Reading>("packed.csv.gz").map<look>(crash, pause);
      results.table("unpacked", ids(csv.union_with(crema::read_json<Reading>("array.json").map<look>(crash, pause))));
      results.table(
          "unpacked summaries",
          csv.group_by<&Reading::station>()
              .aggregate<Summary>(crema::count(), crema::sum<&Reading::value>(), crema::min<&Reading::value>(),
                                  crema::quantile<&Reading::value>(0.5), crema::first<&Reading::id>())
              .sort<&Summary::station>());
    });
    operation("write_hdf5", [&] { light.write_hdf5("readings.h5", "readings"); });
  });
}
