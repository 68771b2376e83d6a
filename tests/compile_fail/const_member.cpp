// expect: crema: a const member cannot be read into: make it non-const or leave it out
#include "crema/archive.hpp"

struct Order {
  const int table = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& table;
  }
};

void const_member(crema::ByteReader& in, Order& order) { crema::decode(in, order); }
