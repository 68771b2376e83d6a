// expect: crema: the row of aggregate<Row> must be brace-initialised from the keys
#include "crema/dataset.hpp"

struct Row {
  std::int64_t key = 0;
  std::string rows;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(key) & BOOST_SERIALIZATION_NVP(rows);
  }
};

void dataset_group() { (void)crema::range(9).group_by<>().aggregate<Row>(crema::count()); }
