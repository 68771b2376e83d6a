// Stands in for image_file.cpp where crema is built without OpenImageIO.

#include "crema/errors.hpp"
#include "io/image_file.hpp"

namespace crema {

bool images_available() { return false; }

namespace io {

void check_images_available(const std::string& operation) {
  throw UsageError{
      operation +
      " needs OpenImageIO 2.2 or later, and this crema was built without it: install it (Debian, Ubuntu: "
      "libopenimageio-dev openimageio-tools; conda, Spack: openimageio), then configure and build crema again"};
}

Image read_image_file(const std::string& path, const ImageOptions&) {
  check_images_available("reading \"" + path + "\"");
  return {};
}
std::string image_file_of(const std::string& path, const Image&) {
  check_images_available("writing \"" + path + "\"");
  return {};
}

}  // namespace io
}  // namespace crema
