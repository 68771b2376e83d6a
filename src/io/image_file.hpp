#pragma once

// The half of images that knows OpenImageIO; image_file_absent.cpp stands in for it.

#include <string>

#include "crema/images.hpp"

namespace crema::io {

/// Throws UsageError that says how to get OpenImageIO unless images_available(). `operation`: what was asked for.
void check_images_available(const std::string& operation);

/// Requires options that have been checked. Throws DataError.
Image read_image_file(const std::string& path, const ImageOptions& options);

/// The content of a file of that name. Requires as many values as the image's shape says. Throws UsageError where the
/// format is not known or cannot hold the image.
std::string image_file_of(const std::string& path, const Image& image);

}  // namespace crema::io
