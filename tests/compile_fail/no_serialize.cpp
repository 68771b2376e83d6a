// expect: crema: a value of this type cannot be sent to another rank: give its class a member
#include "crema/archive.hpp"

struct Order {
  std::string drink;
};

void no_serialize(crema::ByteBuffer& out) { crema::encode(out, Order{"Latte"}); }
