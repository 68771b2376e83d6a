// expect: crema: reading into a temporary: name a variable or a member
#include "crema/archive.hpp"

struct Order {
  [[nodiscard]] double price() const { return cents / 100.0; }
  int cents = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& price();
  }
};

void read_into_temporary(crema::ByteReader& in, Order& order) { crema::decode(in, order); }
