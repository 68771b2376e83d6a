// Which airlines, airports and routes make people wait: flights are read from JSON or Parquet, grouped, joined with the
// names of airlines and airports, and sorted; tables go into the run file. All of it runs block by block on the
// workers.
#include <fmt/format.h>

#include <crema/crema.hpp>
#include <cstdint>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>

struct Flight {
  std::optional<std::string> airline;  // not all data tell it
  int delay = 0;                       // minutes, on arrival; negative: early
  int distance = 0;                    // miles
  std::string origin;
  std::string destination;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(airline) & BOOST_SERIALIZATION_NVP(delay) & BOOST_SERIALIZATION_NVP(distance);
    ar& BOOST_SERIALIZATION_NVP(origin) & BOOST_SERIALIZATION_NVP(destination);
  }
};

struct Airline {
  std::string code;
  std::string name;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(code) & BOOST_SERIALIZATION_NVP(name);
  }
};

struct Airport {
  std::string iata;
  std::string name;
  std::string state;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(iata) & BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(state);
  }
};

constexpr int late_after = 15;  // minutes, as the airlines count
int is_late(const Flight& flight) { return flight.delay > late_after ? 1 : 0; }
bool tells_airline(const Flight& flight) { return flight.airline.has_value(); }
std::string airline_of(const Flight& flight) { return flight.airline.value(); }

/// Of flights that have something in common; `of` is what.
struct Delays {
  std::string of;
  std::uint64_t flights = 0;
  std::int64_t late = 0;
  double mean_delay = 0;
  double median_delay = 0;
  int worst_delay = 0;

  template <class Archive>
  void serialize(Archive& ar, const char* name_of_it) {
    ar& boost::serialization::make_nvp(name_of_it, of);
    ar& BOOST_SERIALIZATION_NVP(flights) & BOOST_SERIALIZATION_NVP(late) & BOOST_SERIALIZATION_NVP(mean_delay);
    ar& BOOST_SERIALIZATION_NVP(median_delay) & BOOST_SERIALIZATION_NVP(worst_delay);
  }
};

template <class Row, class Groups>
crema::Dataset<Row> delays_of(const Groups& groups) {
  return groups.template aggregate<Row>(crema::count(), crema::sum<is_late>(), crema::mean<&Flight::delay>(),
                                        crema::quantile<&Flight::delay>(0.5), crema::max<&Flight::delay>());
}

/// The flights of one airline.
struct Service : Delays {
  std::string name{};

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    Delays::serialize(ar, "airline");
    ar& BOOST_SERIALIZATION_NVP(name);
  }
};

Service with_airline(std::pair<Service, Airline> both) {
  both.first.name = std::move(both.second.name);
  return std::move(both.first);
}

/// The flights that leave one airport.
struct Departures : Delays {
  std::string name{};
  std::string state{};

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    Delays::serialize(ar, "airport");
    ar& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(state);
  }
};

Departures with_airport(std::pair<Departures, Airport> both) {
  both.first.name = std::move(both.second.name);
  both.first.state = std::move(both.second.state);
  return std::move(both.first);
}

struct Route {
  std::string origin;
  std::string destination;
  std::uint64_t flights = 0;
  double mean_delay = 0;
  double deviation = 0;
  int distance = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(origin) & BOOST_SERIALIZATION_NVP(destination) & BOOST_SERIALIZATION_NVP(flights);
    ar& BOOST_SERIALIZATION_NVP(mean_delay) & BOOST_SERIALIZATION_NVP(deviation) & BOOST_SERIALIZATION_NVP(distance);
  }
};

bool is_flown_often(const Route& route, std::uint64_t flights) { return route.flights >= flights; }

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "Delays of flights by airline, airport and route"};
  std::string files = CREMA_DATA_DIR "/flights-nyc-2013.jsonl.gz";
  std::string airlines_file = CREMA_DATA_DIR "/airlines.csv";
  std::string airports_file = CREMA_DATA_DIR "/airports.csv";
  std::uint64_t least = 20;
  job.cli().add_option("--flights", files, "JSON or .parquet files of flights: a path or a pattern");
  job.cli().add_option("--airlines", airlines_file, "CSV file of airlines");
  job.cli().add_option("--airports", airports_file, "CSV file of airports");
  job.cli().add_option("--least", least, "Routes with fewer flights are left out");

  return job.run([&] {
    const bool parquet = files.ends_with(".parquet");
    const auto flights =
        (parquet ? crema::read_parquet<Flight>(files) : crema::read_json<Flight>(files))
            .repartition(64)  // the same blocks whatever the files are, so the same sums to the last bit
            .materialize();

    const auto airlines = delays_of<Service>(flights.filter<tells_airline>().group_by<airline_of>())
                              .join<&Service::of, &Airline::code>(crema::read_csv<Airline>(airlines_file))
                              .map<with_airline>()
                              .sort<crema::descending<&Service::mean_delay>, &Service::of>()
                              .materialize();
    const auto departures = delays_of<Departures>(flights.group_by<&Flight::origin>())
                                .join<&Departures::of, &Airport::iata>(crema::read_csv<Airport>(airports_file))
                                .map<with_airport>()
                                .sort<crema::descending<&Departures::mean_delay>, &Departures::of>()
                                .materialize();
    const auto routes = flights.group_by<&Flight::origin, &Flight::destination>()
                            .aggregate<Route>(crema::count(), crema::mean<&Flight::delay>(),
                                              crema::std_dev<&Flight::delay>(), crema::first<&Flight::distance>())
                            .filter<is_flown_often>(least)
                            .sort<crema::descending<&Route::mean_delay>, &Route::origin, &Route::destination>()
                            .materialize();

    const std::uint64_t known = airlines.count();
    fmt::print("{} flights{} from {} airports, {:.1f} % of them more than {} minutes late\n", flights.count(),
               known == 0 ? "" : fmt::format(" of {} airlines", known), departures.count(),
               100 * flights.mean<is_late>().value_or(0), late_after);
    if (known != 0) {
      airlines.show(5);
      std::cout << '\n';
    }
    departures.show(5);
    std::cout << '\n';
    routes.show(5);
    const std::map<std::string, std::string> delays{
        {"mean_delay", "min"}, {"median_delay", "min"}, {"worst_delay", "min"}};
    job.results().table("airlines", airlines, {.units = delays});
    job.results().table("departures", departures, {.units = delays});
    job.results().table("routes", routes, {.units = {{"mean_delay", "min"}, {"deviation", "min"}, {"distance", "mi"}}});
  });
}
