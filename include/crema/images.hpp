#pragma once

// Images: files to rows, and an image to a file.

#include <boost/serialization/nvp.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "crema/dataset.hpp"
#include "crema/read_options.hpp"

namespace crema {

/// Whether this crema was built with OpenImageIO, which reads and writes images. Thread safety: any thread.
[[nodiscard]] bool images_available();

/// A picture: height x width pixels of `channels` values each, in `bytes` or in `floats`; the other one is empty. The
/// value of a channel is number (row * width + column) * channels + channel, rows counted from the top.
struct Image {
  std::string path;                   ///< of the file it was read from
  std::int32_t width = 0;             ///< pixels
  std::int32_t height = 0;            ///< pixels
  std::int32_t channels = 0;          ///< 1: grey; 2: grey, alpha; 3: red, green, blue; 4: these and alpha
  std::vector<std::uint8_t> bytes{};  ///< 0 to 255
  std::vector<float> floats{};        ///< 0 to 1; beyond that where a file of floats is

  friend bool operator==(const Image&, const Image&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(path) & BOOST_SERIALIZATION_NVP(width) & BOOST_SERIALIZATION_NVP(height);
    archive& BOOST_SERIALIZATION_NVP(channels) & BOOST_SERIALIZATION_NVP(bytes) & BOOST_SERIALIZATION_NVP(floats);
  }
};

/// Which of its vectors an Image has its values in.
enum class PixelType : std::uint8_t {
  bytes,  ///< Image::bytes: a byte a value; values of more bits are rounded
  floats  ///< Image::floats: 4 bytes a value; 255 of 8 bits, 65535 of 16 bits are 1
};

/// What is made of an image as it is read.
struct ImageOptions {
  std::int32_t width = 0;     ///< pixels; 0: in proportion to the height, or as in the file
  std::int32_t height = 0;    ///< pixels; 0: in proportion to the width, or as in the file
  std::int32_t channels = 0;  ///< 1 to 4, as Image has them; 0: as in the file
  PixelType pixels = PixelType::bytes;
  BadRecordPolicy on_bad_record = BadRecordPolicy::fail;  ///< of a dataset: what becomes of a file that is no image

  friend bool operator==(const ImageOptions&, const ImageOptions&) = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(width) & BOOST_SERIALIZATION_NVP(height) & BOOST_SERIALIZATION_NVP(channels);
    archive& BOOST_SERIALIZATION_NVP(pixels) & BOOST_SERIALIZATION_NVP(on_bad_record);
  }
};

/// The images of files, each a row: of one path, of those that a glob pattern matches, or of several such, in that
/// order. Small files share a block; block and images are made by tasks, and an image must fit into memory: one of more
/// than 2^31 values is refused. OpenImageIO is told to use one thread in the processes that read.
///
/// PNG, JPEG, TIFF, OpenEXR, WebP and whatever else OpenImageIO knows, by content rather than by name; of a file of
/// several images the first, the others are not read. Images are turned upright, as the orientation in their EXIF data
/// says. Values are as they are stored: no colour space and no alpha is applied; palettes become colours.
///
/// With a width and a height every image has that size, whatever its proportions; with one of them it keeps these. A
/// pixel of an image made smaller is the mean of those that it covers, weighted with a triangle twice as wide; between
/// pixels of one made larger the values are linear. Colours weigh as much as their alpha there. With `.channels` grey
/// is 0.299 red + 0.587 green + 0.114 blue, colours of grey are equal, and alpha is opaque where there is none.
///
/// Nothing is read before a consumer asks. It throws DataError: before any work starts where a pattern matches nothing
/// or a file cannot be read; and where a file is no whole image, naming it, when that is reached, unless
/// `.on_bad_record` says otherwise: then the file is left out, alone, and a BadRecord of it has its path and the
/// reason. count() of all images counts files, and reads none unless some may be left out. Throws UsageError at once
/// where an option is negative or `.channels` above 4, and unless images_available().
[[nodiscard]] Dataset<Image> read_images(Paths paths, ImageOptions options = {});

/// One image, as read_images reads it. Throws DataError where it cannot, whatever `.on_bad_record` is; UsageError as
/// read_images does. Thread safety: any thread.
[[nodiscard]] Image read_image(const std::string& path, const ImageOptions& options = {});

/// Writes an image to a file, in the format that the end of its name says: .png, .jpg, .tif, .exr, .webp and so on.
/// Bytes are written as 8 bits, or as half floats in OpenEXR; floats as the format's widest values, which are 16 bits
/// in PNG and floats in TIFF. `image.path` is not looked at.
///
/// The file appears whole, on disk, and replaces one of its name: an attempt of a task that is made again leaves the
/// same file. All ranks must see its folder, which must be there. Throws UsageError where the folder is not, the format
/// is not known or cannot hold such an image (JPEG has no alpha), or the image's values are not as many as its shape
/// says; Error where the disk is full; UsageError unless images_available(). Thread safety: any thread.
void write_image(const std::string& path, const Image& image);

}  // namespace crema
