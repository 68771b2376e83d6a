// expect: crema: a value that arrives from another rank is first default-constructed, then filled in
#include "crema/archive.hpp"

struct Order {
  explicit Order(std::string name) : drink{std::move(name)} {}
  std::string drink;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& drink;
  }
};

Order value_without_default(crema::ByteReader& in) { return crema::decode<Order>(in); }
