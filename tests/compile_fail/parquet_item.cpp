// expect: std::optional of these, or records with a constructor without arguments
#include "crema/parquet.hpp"

struct Stop {
  int number = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(number);
  }
};

void parquet_item() { (void)crema::read_parquet<std::vector<std::optional<Stop>>>("stops.parquet"); }
