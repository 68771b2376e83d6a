#include "crema/images.hpp"

#include <fmt/format.h>

#include <utility>

#include "crema/block_records.hpp"
#include "crema/errors.hpp"
#include "io/block_source.hpp"
#include "io/file_groups.hpp"
#include "io/image_file.hpp"
#include "io/whole_file.hpp"

namespace crema {
namespace io {
namespace {

struct ImageBlock {
  std::vector<std::string> paths;
  ImageOptions options;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(paths) & BOOST_SERIALIZATION_NVP(options);
  }
};

/// The images of a block, one after the other; a file is a record.
class ImageReader {
 public:
  explicit ImageReader(ImageBlock block) : block_{std::move(block)} {}

  bool read(Image& image) {
    if (next_ == block_.paths.size()) return false;
    image = read_image_file(block_.paths[next_++], block_.options);
    return true;
  }
  [[nodiscard]] std::size_t most_records() const { return block_.paths.size(); }
  /// Nobody wants to read the bytes of a broken image.
  [[nodiscard]] static std::string record_text() { return {}; }

 private:
  ImageBlock block_;
  std::size_t next_ = 0;
};

struct LoadImages {
  static Bytes body(void* subject, ByteReader& description) {
    auto block = decode<ImageBlock>(description);
    const BadRecordPolicy policy = block.options.on_bad_record;
    ImageReader reader{std::move(block)};
    dataset::Rows& rows = dataset::rows_of(subject);
    rows.assign(detail::read_good_rows<Image>(reader, {"read_images", policy}, &rows.left_out()));
    return {};
  }
};

struct LoadBadImages {
  static Bytes body(void* subject, ByteReader& description) {
    ImageReader reader{decode<ImageBlock>(description)};
    dataset::rows_of(subject).assign(detail::read_bad_records<Image>(reader));
    return {};
  }
};

void check(const std::string& operation, const ImageOptions& options) {
  check_images_available(operation);
  if (options.width < 0 || options.height < 0 || options.channels < 0 || options.channels > 4) {
    throw UsageError{
        fmt::format("{} as ImageOptions say: width, height and channels are 0 or more, and channels at "
                    "most 4 (found: width {}, height {}, channels {})",
                    operation, options.width, options.height, options.channels)};
  }
}

}  // namespace
}  // namespace io

Dataset<Image> read_images(Paths paths, ImageOptions options) {
  io::check("read_images", options);
  std::optional<dataset::Step> bad;
  if (options.on_bad_record == BadRecordPolicy::collect) {
    bad = dataset::step<io::LoadBadImages>("read_images.bad_records");
  }
  constexpr std::uint64_t work_per_byte = 10;  // images are compressed about tenfold
  dataset::Plan plan = dataset::load_plan(
      dataset::step<io::LoadImages>("read_images"),
      [paths, options] {
        return io::source_of(io::FileGroups{paths, work_per_byte}, [options](const std::vector<InputFile>& files) {
          io::ImageBlock block{.paths = {}, .options = options};
          for (const InputFile& file : files) block.paths.push_back(file.path);
          return block;
        });
      },
      bad);
  // What may be left out is known when it is read.
  if (options.on_bad_record == BadRecordPolicy::fail)
    plan.count = [paths = std::move(paths)] { return io::count_rows(io::FileGroups{paths}); };
  return Dataset<Image>{std::move(plan)};
}

Image read_image(const std::string& path, const ImageOptions& options) {
  io::check("read_image", options);
  return io::read_image_file(path, options);
}

void write_image(const std::string& path, const Image& image) {
  io::check_images_available("write_image");
  const auto side = [](std::int32_t size) { return size > 0 ? static_cast<std::size_t>(size) : 0; };
  const std::size_t values = side(image.width) * side(image.height) * side(image.channels);
  if (values == 0 || image.bytes.size() + image.floats.size() != values ||
      (!image.bytes.empty() && !image.floats.empty())) {
    throw UsageError{
        fmt::format("write_image(\"{}\"): an image of {} x {} pixels with {} channels needs {} values, all in bytes or "
                    "all in floats (found: {} bytes, {} floats)",
                    path, image.width, image.height, image.channels, values == 0 ? "1 or more" : std::to_string(values),
                    image.bytes.size(), image.floats.size())};
  }
  io::write_whole_file(path, io::image_file_of(path, image));
}

}  // namespace crema
