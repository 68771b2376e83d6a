// expect: crema: a std::vector in a row of a Parquet file must hold numbers, bools, enums, std::string, chrono times,
// std::optional of these, records with a constructor without arguments, or such vectors
#include "crema/parquet.hpp"

struct Stop {
  int number = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(number);
  }
};

void parquet_item() { (void)crema::read_parquet<std::vector<std::optional<Stop>>>("stops.parquet"); }
