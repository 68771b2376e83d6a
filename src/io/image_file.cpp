#include "io/image_file.hpp"

// First: OpenImageIO brings fmt without exceptions, whose functions would take the place of ours in the whole program.
// clang-format off
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/printf.h>
#include <OpenImageIO/filesystem.h>
#include <OpenImageIO/imagebuf.h>
#include <OpenImageIO/imagebufalgo.h>
#include <OpenImageIO/imageio.h>
// clang-format on

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "crema/errors.hpp"
#include "io/file.hpp"

namespace crema {

bool images_available() { return true; }

namespace io {
namespace {

constexpr const char* stored_alpha = "oiio:UnassociatedAlpha";  // colours as the file has them, not times their alpha

/// A task has the cores it asked for, and other tasks the others.
void use_one_thread() {
  static const bool done = OIIO::attribute("threads", 1) && OIIO::attribute("exr_threads", -1);
  static_cast<void>(done);
}

/// OpenImageIO's own reason: the first, where it says one a line.
std::string reason(std::string said) {
  said.resize(std::min(said.find('\n'), said.size()));
  while (said.ends_with('.')) said.pop_back();
  return said.empty() ? "what OpenImageIO has no word for" : said;
}

[[noreturn]] void fail(const std::string& path, std::string expected, std::string found) {
  throw DataError{{.file = path, .line = 0, .column = {}, .expected = std::move(expected), .found = std::move(found)}};
}

/// Width x height pixels of `channels` floats each.
struct Pixels {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<float> values{};

  [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(width) * static_cast<std::size_t>(height); }
  [[nodiscard]] OIIO::ImageSpec spec() const {
    OIIO::ImageSpec all{width, height, channels, OIIO::TypeDesc::FLOAT};
    all.alpha_channel = has_alpha(channels) ? channels - 1 : -1;
    return all;
  }
  static bool has_alpha(int channels) { return channels == 2 || channels == 4; }
};

Pixels with_channels(const Pixels& from, int channels) {
  Pixels to{.width = from.width, .height = from.height, .channels = channels};
  to.values.reserve(from.count() * static_cast<std::size_t>(channels));
  const bool from_colours = from.channels >= 3;
  const bool to_colours = channels >= 3;
  for (std::size_t i = 0; i < from.count(); ++i) {
    const float* in = from.values.data() + i * static_cast<std::size_t>(from.channels);
    if (to_colours) {
      for (int channel = 0; channel < 3; ++channel) to.values.push_back(in[from_colours ? channel : 0]);
    } else {
      to.values.push_back(from_colours ? 0.299F * in[0] + 0.587F * in[1] + 0.114F * in[2] : in[0]);
    }
    if (Pixels::has_alpha(channels)) to.values.push_back(Pixels::has_alpha(from.channels) ? in[from.channels - 1] : 1);
  }
  return to;
}

/// How an image lies in its file, by the number that EXIF and TIFF have for it: 1 is upright.
class Orientation {
 public:
  explicit Orientation(const OIIO::ImageSpec& spec) : number_{spec.get_int_attribute("Orientation", 1)} {
    if (number_ < 1 || number_ > 8) number_ = 1;
  }
  /// Whether columns of the file are rows of the image.
  [[nodiscard]] bool turned() const { return number_ >= 5; }

  /// The values of the file's `width` x `height` pixels as the image has them.
  template <class Value>
  [[nodiscard]] std::vector<Value> upright(std::vector<Value> lying, int width, int height) const {
    if (number_ == 1) return lying;
    const bool from_right = number_ == 2 || number_ == 3 || number_ == 7 || number_ == 8;
    const bool from_below = number_ == 3 || number_ == 4 || number_ == 6 || number_ == 7;
    const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    const auto channels = static_cast<std::ptrdiff_t>(lying.size() / pixels);
    std::vector<Value> values;
    values.reserve(lying.size());
    for (int row = 0; row < (turned() ? width : height); ++row) {
      for (int column = 0; column < (turned() ? height : width); ++column) {
        const int x = turned() ? row : column;
        const int y = turned() ? column : row;
        const std::ptrdiff_t line = from_below ? height - 1 - y : y;
        const auto pixel = lying.begin() + (line * width + (from_right ? width - 1 - x : x)) * channels;
        values.insert(values.end(), pixel, pixel + channels);
      }
    }
    return values;
  }

 private:
  int number_;
};

/// What a header says is no reason to ask for memory without end: 8 GiB of floats are enough for any picture.
void check_size(const std::string& path, int width, int height, int channels) {
  constexpr std::uint64_t most = std::uint64_t{1} << 31U;
  const std::uint64_t pixels = static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
  if (pixels <= most / static_cast<std::uint64_t>(channels)) return;
  fail(path, fmt::format("an image of at most {} values", most),
       fmt::format("{} x {} pixels with {} channels", width, height, channels));
}

/// Requires another size than it has. `straight`: colours are not times their alpha already.
Pixels resized(const std::string& path, Pixels from, int width, int height, bool straight) {
  Pixels to{.width = width, .height = height, .channels = from.channels};
  to.values.resize(to.count() * static_cast<std::size_t>(to.channels));
  OIIO::ImageBuf source{from.spec(), from.values.data()};
  OIIO::ImageBuf target{to.spec(), to.values.data()};
  const bool done = (!straight || OIIO::ImageBufAlgo::premult(source, source, {}, 1)) &&
                    OIIO::ImageBufAlgo::resize(target, source, "triangle", 0, {}, 1) &&
                    (!straight || OIIO::ImageBufAlgo::unpremult(target, target, {}, 1));
  if (!done) {
    fail(path, fmt::format("an image that can be resized to {} x {} pixels", width, height),
         reason(source.has_error() ? source.geterror() : target.geterror()));
  }
  return to;
}

/// {width, height} of what is made of an image.
std::pair<int, int> size_of(const OIIO::ImageSpec& spec, const ImageOptions& options) {
  const auto in_proportion = [](int side, int to, int from) {
    const double size = std::round(static_cast<double>(side) * to / from);
    return static_cast<int>(std::clamp<double>(size, 1, std::numeric_limits<int>::max()));
  };
  if (options.width == 0 && options.height == 0) return {spec.width, spec.height};
  if (options.height == 0) return {options.width, in_proportion(spec.height, options.width, spec.width)};
  if (options.width == 0) return {in_proportion(spec.width, options.height, spec.height), options.height};
  return {options.width, options.height};
}

/// A file whose header has been read.
class Input {
 public:
  explicit Input(const std::string& path) : path_{path} {
    const File readable{path};  // says better than OpenImageIO why not
    use_one_thread();
    OIIO::ImageSpec wishes;
    wishes.attribute(stored_alpha, 1);
    input_ = OIIO::ImageInput::open(path, &wishes);
    if (!input_) fail(path, "an image of a format that OpenImageIO knows", reason(OIIO::geterror()));
    const OIIO::ImageSpec& all = spec();
    if (all.deep || all.depth > 1) fail(path, "an image in a plane", "one of several layers of depth");
    if (all.width < 1 || all.height < 1 || all.nchannels < 1) fail(path, "an image with pixels", "none");
  }

  /// Of the file: its width and height are those of the image as it lies there.
  [[nodiscard]] const OIIO::ImageSpec& spec() const { return input_->spec(); }
  /// The values of the image upright.
  template <class Value>
  [[nodiscard]] std::vector<Value> read(OIIO::TypeDesc type) {
    std::vector<Value> values(static_cast<std::size_t>(spec().image_pixels()) *
                              static_cast<std::size_t>(spec().nchannels));
    const bool done = input_->read_image(0, 0, 0, -1, type, values.data());
    // Of a JPEG that is cut short it says that all went well, and why not.
    if (!done || input_->has_error()) fail(path_, "an image that is whole", reason(input_->geterror()));
    return Orientation{spec()}.upright(std::move(values), spec().width, spec().height);
  }

 private:
  const std::string& path_;
  std::unique_ptr<OIIO::ImageInput> input_;
};

}  // namespace

void check_images_available(const std::string& /*operation*/) {}

Image read_image_file(const std::string& path, const ImageOptions& options) {
  Input input{path};
  OIIO::ImageSpec spec = input.spec();
  if (Orientation{spec}.turned()) std::swap(spec.width, spec.height);
  const auto [width, height] = size_of(spec, options);
  const int channels = options.channels == 0 ? spec.nchannels : options.channels;
  if (channels != spec.nchannels && spec.nchannels > 4) {
    fail(path, fmt::format("1 to 4 channels, of which {} can be made", channels), fmt::format("{}", spec.nchannels));
  }
  check_size(path, spec.width, spec.height, spec.nchannels);
  check_size(path, width, height, std::max(channels, spec.nchannels));
  const bool as_bytes = options.pixels == PixelType::bytes;
  Image image{.path = path, .width = width, .height = height, .channels = channels};
  if (width == spec.width && height == spec.height && channels == spec.nchannels) {
    if (as_bytes) {
      image.bytes = input.read<std::uint8_t>(OIIO::TypeDesc::UINT8);
    } else {
      image.floats = input.read<float>(OIIO::TypeDesc::FLOAT);
    }
    return image;
  }
  Pixels pixels{.width = spec.width,
                .height = spec.height,
                .channels = spec.nchannels,
                .values = input.read<float>(OIIO::TypeDesc::FLOAT)};
  if (width != spec.width || height != spec.height) {
    const bool straight = Pixels::has_alpha(spec.nchannels) && spec.get_int_attribute(stored_alpha) != 0;
    pixels = resized(path, std::move(pixels), width, height, straight);
  }
  if (channels != spec.nchannels) pixels = with_channels(pixels, channels);
  if (as_bytes) {
    image.bytes.resize(pixels.values.size());
    const std::size_t row = pixels.values.size() / static_cast<std::size_t>(height);
    for (std::size_t place = 0; place < pixels.values.size(); place += row) {
      OIIO::convert_types(OIIO::TypeDesc::FLOAT, &pixels.values[place], OIIO::TypeDesc::UINT8, &image.bytes[place],
                          static_cast<int>(row));
    }
  } else {
    image.floats = std::move(pixels.values);
  }
  return image;
}

std::string image_file_of(const std::string& path, const Image& image) {
  use_one_thread();
  const auto refuse = [&](const std::string& why) {
    throw UsageError{fmt::format("write_image(\"{}\"): {}", path, why)};
  };
  const std::unique_ptr<OIIO::ImageOutput> output = OIIO::ImageOutput::create(path);
  if (!output) {
    refuse("its end says no format that OpenImageIO writes; end it with .png, .jpg, .tif, .exr or .webp (" +
           reason(OIIO::geterror()) + ")");
  }
  if (!output->supports("ioproxy")) {
    refuse(
        fmt::format("{} files cannot be made in memory, and so not appear whole; end it with .png, .jpg, .tif, .exr or "
                    ".webp",
                    output->format_name()));
  }
  if (Pixels::has_alpha(image.channels) && !output->supports("alpha")) {
    refuse(fmt::format("{} files have no alpha; write another format, or read the image with .channels = {}",
                       output->format_name(), image.channels - 1));
  }
  if (image.channels > 4 && !output->supports("nchannels"))
    refuse(fmt::format("{} files have at most 4 channels, not {}", output->format_name(), image.channels));
  const bool as_bytes = !image.bytes.empty();
  const OIIO::TypeDesc type = as_bytes ? OIIO::TypeDesc::UINT8 : OIIO::TypeDesc::FLOAT;
  OIIO::ImageSpec spec{image.width, image.height, image.channels, type};
  spec.attribute(stored_alpha, 1);
  // Of floats it would make 8 bits, although it has 16.
  if (!as_bytes && output->format_name() == std::string{"png"}) spec.set_format(OIIO::TypeDesc::UINT16);
  const void* values = as_bytes ? static_cast<const void*>(image.bytes.data()) : image.floats.data();
  OIIO::Filesystem::IOVecOutput content;
  if (!output->set_ioproxy(&content) || !output->open(path, spec) || !output->write_image(type, values) ||
      !output->close()) {
    refuse(fmt::format("a {} file cannot hold {} x {} pixels with {} channels: {}", output->format_name(), image.width,
                       image.height, image.channels, reason(output->geterror())));
  }
  const std::vector<unsigned char>& bytes = content.buffer();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace io
}  // namespace crema
