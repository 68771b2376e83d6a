// expect: a std::array of numbers only in HDF5
#include <array>
#include <boost/serialization/nvp.hpp>
#include <string>

#include "crema/schema.hpp"

struct Point {
  std::array<double, 3> place{};
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(place);
  }
};

void field_array(const Point& point) {
  crema::visit_fields(point, [](const std::string&, const auto&) {});
}
