// expect: instead of pointers, references, views and lambdas send the values themselves
#include "crema/archive.hpp"

void view_in_container(crema::ByteReader& in) {
  static_cast<void>(crema::decode<std::map<int, std::vector<std::string_view>>>(in));
}
