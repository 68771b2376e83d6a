// Compiles. The line below makes it a case for the test of the check itself.
// expect: crema: nothing, because this program is right
#include "crema/archive.hpp"

struct Order {
  std::string drink;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& drink;
  }
};

Order control(crema::ByteBuffer& out, crema::ByteReader& in) {
  crema::encode(out, std::vector<Order>(3));
  return crema::decode<Order>(in);
}
