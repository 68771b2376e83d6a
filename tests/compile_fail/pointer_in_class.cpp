// expect: instead of pointers, references, views and lambdas send the values themselves
#include "crema/archive.hpp"

struct Order {
  const char* drink = nullptr;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& drink;
  }
};

void pointer_in_class(crema::ByteBuffer& out) { crema::encode(out, Order{}); }
