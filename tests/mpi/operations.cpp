// The operations of datasets at once, in blocks that are large enough to stay with the ranks that make them. With
// --crash N one row in N ends its lane the first time it is looked at. --pause makes the job long enough to be killed.
#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <crema/crema.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

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

Reading make_reading(std::int64_t id) {
  const std::int64_t mixed = id * 7919 % 10'007;
  // Every other reading is of one station.
  return {.id = id,
          .station = id % 2 == 0 ? "hot" : fmt::format("station {}", mixed % 50),
          .value = static_cast<double>(mixed % 1000) / 8,
          .text = std::string(2000, static_cast<char>('a' + id % 26))};
}

Reading look(Reading reading, std::int64_t crash, int pause) {
  if (crash > 0 && reading.id % crash == 1 && crema::this_task().attempt() == 0) ::raise(SIGKILL);
  if (pause > 0 && reading.id % 20 == 0 && !std::filesystem::exists("hurry"))
    std::this_thread::sleep_for(std::chrono::milliseconds{pause});
  return reading;
}

Reading without_text(Reading reading) {
  reading.text.clear();
  return reading;
}

Place place_of(const std::pair<Reading, Station>& both) {
  return {.id = both.first.id, .value = both.first.value, .height = both.second.height};
}

}  // namespace

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "The operations of datasets"};
  std::int64_t rows = 6000;
  std::int64_t crash = 0;
  int pause = 0;
  job.cli().add_option("--rows", rows, "Readings");
  job.cli().add_option("--crash", crash, "One reading in so many ends its lane once");
  job.cli().add_option("--pause", pause, "Milliseconds for every 20th reading, unless there is a file \"hurry\"");
  return job.run([&] {
    crema::Results& results = job.results();
    const auto readings = crema::range(rows).map<make_reading>().map<look>(crash, pause);
    std::vector<Station> stations;
    for (int i = 0; i < 40; ++i) stations.push_back({fmt::format("station {}", i), i * 10.0});

    results.table("sorted", readings.sort<crema::descending<&Reading::value>, &Reading::station>().map<without_text>());
    results.table("shuffled", readings.random_shuffle(7).map<without_text>().limit(1000));
    results.table("summaries",
                  readings.group_by<&Reading::station>()
                      .aggregate<Summary>(crema::count(), crema::sum<&Reading::value>(), crema::min<&Reading::value>(),
                                          crema::quantile<&Reading::value>(0.5), crema::first<&Reading::id>())
                      .sort<&Summary::station>());
    results.table("places", readings.join<&Reading::station, &Station::name>(crema::from_items(stations))
                                .map<place_of>()
                                .sort<&Place::id>());
    const auto kept = readings.map<without_text>().materialize();
    results.table("zipped", kept.repartition(5)
                                .zip(crema::range(rows))
                                .filter([](const std::pair<Reading, std::int64_t>& both) {
                                  return both.first.id != both.second || both.second % 100 == 0;
                                })
                                .map([](const std::pair<Reading, std::int64_t>& both) { return both.second; }));
    results.value("distinct", kept.unique<&Reading::station>().size());
    readings.map<without_text>().write_csv("parts");
    const auto [train, test] = kept.train_test_split(0.25, 3);
    results.value("test_ids", test.sum<&Reading::id>());
    results.value("train_ids", train.sum<&Reading::id>());
  });
}
