// Thumbnails of a folder of images, and what colours they have: each file is read, made smaller, measured and written
// by a task; the measures go into the run file.
#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cmath>
#include <crema/crema.hpp>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <span>
#include <string>

/// What can be seen of an image: a pixel counts as much as its alpha. Values from 0 (black) to 255.
struct Thumbnail {
  std::string image;      // the file it was made of
  std::string thumbnail;  // path
  std::int32_t width = 0;
  std::int32_t height = 0;
  double red = 0;
  double green = 0;
  double blue = 0;
  double brightness = 0;
  double contrast = 0;  // standard deviation of the brightness
  double opaque = 0;    // share of the area, 0 to 1

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& BOOST_SERIALIZATION_NVP(image) & BOOST_SERIALIZATION_NVP(thumbnail);
    ar& BOOST_SERIALIZATION_NVP(width) & BOOST_SERIALIZATION_NVP(height);
    ar& BOOST_SERIALIZATION_NVP(red) & BOOST_SERIALIZATION_NVP(green) & BOOST_SERIALIZATION_NVP(blue);
    ar& BOOST_SERIALIZATION_NVP(brightness) & BOOST_SERIALIZATION_NVP(contrast) & BOOST_SERIALIZATION_NVP(opaque);
  }
};

/// Of an image of four channels, in bytes.
void measure(const crema::Image& image, Thumbnail& measured) {
  double weights = 0;
  double squares = 0;
  for (std::size_t i = 0; i < image.bytes.size(); i += 4) {
    const double weight = image.bytes[i + 3] / 255.0;
    const double brightness = 0.299 * image.bytes[i] + 0.587 * image.bytes[i + 1] + 0.114 * image.bytes[i + 2];
    weights += weight;
    measured.red += weight * image.bytes[i];
    measured.green += weight * image.bytes[i + 1];
    measured.blue += weight * image.bytes[i + 2];
    measured.brightness += weight * brightness;
    squares += weight * brightness * brightness;
  }
  measured.opaque = weights / (static_cast<double>(image.bytes.size()) / 4);
  if (weights == 0) return;  // nothing can be seen
  for (double* sum : {&measured.red, &measured.green, &measured.blue, &measured.brightness}) *sum /= weights;
  measured.contrast = std::sqrt(std::max(0.0, squares / weights - measured.brightness * measured.brightness));
}

std::string thumbnail_name(const std::string& image) {
  const std::string name = std::filesystem::path{image}.filename().string();
  return name.ends_with(".png") ? name : name + ".png";
}

/// Before anything is written: of images with equal names in different folders one thumbnail would replace another.
void check_names(const std::string& images, const std::string& folder) {
  glob_t found{};
  std::map<std::string, std::string> image_of;
  std::string reason;
  if (::glob(images.c_str(), 0, nullptr, &found) == 0) {  // of no image read_images tells
    for (const char* image : std::span{found.gl_pathv, found.gl_pathc}) {
      const auto [known, is_new] = image_of.try_emplace(thumbnail_name(image), image);
      if (!is_new && reason.empty()) {
        reason = fmt::format("the thumbnails of \"{}\" and \"{}\" would both be \"{}\"", known->second, image,
                             (std::filesystem::path{folder} / known->first).string());
      }
    }
  }
  ::globfree(&found);
  if (!reason.empty()) throw crema::UsageError{reason + "; make those of each folder on their own, with --folder"};
}

Thumbnail make_thumbnail(const crema::Image& image, const std::string& folder) {
  Thumbnail made{.image = std::filesystem::path{image.path}.filename().string(),
                 .thumbnail = {},
                 .width = image.width,
                 .height = image.height};
  made.thumbnail = (std::filesystem::path{folder} / thumbnail_name(image.path)).string();
  crema::write_image(made.thumbnail, image);
  measure(image, made);
  return made;
}

int main(int argc, char** argv) {
  crema::Job job{argc, argv, "Thumbnails of images, and their colours"};
  std::string images = CREMA_DATA_DIR "/images/*";
  std::string folder = "thumbnails";
  std::int32_t width = 48;
  job.cli().add_option("--images", images, "Image files of different names, as a path or a pattern");
  job.cli().add_option("--folder", folder, "Where the thumbnails go; all ranks must see it");
  job.cli().add_option("--width", width, "Pixels; the height is in proportion")->check(CLI::Range(1, 10'000));

  return job.run([&] {
    check_names(images, folder);
    std::filesystem::create_directories(folder);
    const auto thumbnails = crema::read_images(images, {.width = width, .channels = 4})
                                .map<make_thumbnail>(folder)
                                .sort<crema::descending<&Thumbnail::brightness>, &Thumbnail::image>()
                                .materialize();  // once: whatever is asked of it below
    std::cout << fmt::format("{} thumbnails in {}, the brightest first\n", thumbnails.count(), folder);
    thumbnails.show();
    job.results().table("thumbnails", thumbnails, {.units = {{"width", "px"}, {"height", "px"}}});
    if (const auto brightness = thumbnails.mean<&Thumbnail::brightness>()) {
      job.results().value("mean_brightness", *brightness, {.description = "Of all images, 0 to 255"});
    }
  });
}
