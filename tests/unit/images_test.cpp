#include "crema/images.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "crema/task.hpp"
#include "local_driver.hpp"
#include "loopback_cluster.hpp"
#include "python.hpp"
#include "small_disk.hpp"
#include "temporary_folder.hpp"

namespace crema {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pointwise;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string content_of(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream{path, std::ios::binary}.rdbuf();
  return content.str();
}

template <class Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

class Images : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!images_available()) {
      GTEST_SKIP() << "crema was built without OpenImageIO (Debian: libopenimageio-dev openimageio-tools)";
    }
    if (testing::python("import PIL.Image, numpy\nprint(\"fine\")") != "fine\n") {
      GTEST_SKIP() << "python3 cannot import PIL and numpy (Debian: python3-pil python3-numpy)";
    }
  }

  /// What Python prints; the script has `folder`, and `save(name, rows)` for rows of pixels.
  std::string python(const std::string& script) const {
    return testing::python("import numpy, PIL.Image as I\nfolder = \"" + folder_.path().string() +
                           "/\"\ndef save(name, rows, **how): I.fromarray(numpy.array(rows, "
                           "dtype=numpy.uint8)).save(folder + name, **how)\n" +
                           script + "\n");
  }
  void make(const std::string& script) const { EXPECT_EQ(python(script), ""); }
  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// The values that Python prints, separated by blanks.
  [[nodiscard]] std::vector<float> values(const std::string& script) const {
    std::istringstream said{python("print(*(" + script + ").ravel())")};
    return {std::istream_iterator<float>{said}, std::istream_iterator<float>{}};
  }
  /// How far the values of two images are apart at most.
  static float distance(const Image& image, const std::vector<float>& expected) {
    if (image.bytes.size() != expected.size()) return 1e9F;
    float most = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      most = std::max(most, std::abs(static_cast<float>(image.bytes[i]) - expected[i]));
    }
    return most;
  }

  testing::LocalDriver driver_;
  testing::TemporaryFolder folder_;
};

TEST(ImagesAvailable, OrTheErrorSaysHowToGetOpenImageIO) {
  const std::string reading = error_of([] { (void)read_images("*.png"); });
  const std::string writing = error_of([] { write_image("a.png", Image{}); });
  if (images_available()) {
    EXPECT_EQ(reading, "");
    return;
  }
  EXPECT_THAT(reading, AllOf(StartsWith("read_images needs OpenImageIO"), HasSubstr("libopenimageio-dev")));
  EXPECT_THAT(writing, StartsWith("write_image needs OpenImageIO"));
  EXPECT_THAT(error_of([] { (void)read_image("a.png"); }), StartsWith("read_image needs OpenImageIO"));
}

TEST_F(Images, AreTurnedUprightAsTheirFilesSay) {
  // Of each of the eight ways to lie Pillow knows how to undo it; 0 and 9 are none.
  make(
      "from PIL import ImageOps\n"
      "for number in range(10):\n"
      "  exif = I.Exif(); exif[0x112] = number\n"
      "  save(\"%d.png\" % number, [[[10 * x, 20 * y, 7] for x in range(5)] for y in range(3)], exif=exif)\n"
      "  ImageOps.exif_transpose(I.open(folder + \"%d.png\" % number)).save(folder + \"upright%d.png\" % number)");
  for (int number = 0; number <= 9; ++number) {
    SCOPED_TRACE(number);
    const Image image = read_image(path(fmt::format("{}.png", number)));
    EXPECT_EQ(image.width, number >= 5 && number <= 8 ? 3 : 5);
    EXPECT_EQ(image.height, number >= 5 && number <= 8 ? 5 : 3);
    EXPECT_EQ(distance(image, values(fmt::format("numpy.array(I.open(folder + \"upright{}.png\"))", number))), 0);
  }
  const Image wide = read_image(path("6.png"), {.width = 6});
  EXPECT_EQ(std::pair(wide.width, wide.height), std::pair(6, 10)) << "of the image that is seen";
}

TEST_F(Images, AreRowsInTheOrderOfTheirNamesAsTheyAreStored) {
  make(
      "save(\"b.png\", [[[255, 0, 10], [1, 2, 3]], [[4, 5, 6], [7, 8, 9]], [[0, 0, 0], [9, 9, 9]]])\n"
      "save(\"a.png\", [[0, 128, 255]])\n"
      "save(\"c.png\", [[[200, 100, 50, 0], [200, 100, 50, 128]]])\n"
      "I.fromarray(numpy.array([[0, 65535, 32896]], dtype=numpy.uint16)).save(folder + \"d.png\")\n"
      "I.fromarray(numpy.array([[-0.5, 0.25, 2]], dtype=numpy.float32)).save(folder + \"e.tif\")\n"
      "I.fromarray(numpy.array([[[255, 0, 0], [0, 0, 255]]], dtype=numpy.uint8)).convert(\"P\").save(folder + "
      "\"f.gif\")");
  EXPECT_EQ(driver_.run([&] {
    const std::vector<Image> images = read_images({path("*.png"), path("*.tif"), path("f.gif")}).take_all();
    ASSERT_THAT(images, SizeIs(6));
    EXPECT_EQ(images[0],
              (Image{.path = path("a.png"), .width = 3, .height = 1, .channels = 1, .bytes = {0, 128, 255}}));
    EXPECT_EQ(images[1], (Image{.path = path("b.png"),
                                .width = 2,
                                .height = 3,
                                .channels = 3,
                                .bytes = {255, 0, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 9, 9, 9}}));
    EXPECT_THAT(images[2].bytes, ElementsAre(200, 100, 50, 0, 200, 100, 50, 128)) << "alpha is not applied";
    EXPECT_THAT(images[3].bytes, ElementsAre(0, 255, 128));
    EXPECT_THAT(images[4].bytes, ElementsAre(0, 64, 255));
    EXPECT_EQ(images[5].width, 2);
    EXPECT_THAT(std::vector(images[5].bytes.begin(), images[5].bytes.begin() + 3), ElementsAre(255, 0, 0));
    EXPECT_THAT(driver_.labels(), ElementsAre("read_images")) << "small files share a block";

    const std::vector<Image> floats =
        read_images({path("a.png"), path("d.png"), path("e.tif")}, {.pixels = PixelType::floats}).take_all();
    ASSERT_THAT(floats, SizeIs(3));
    EXPECT_THAT(floats[0].floats, Pointwise(FloatNear(1e-6F), {0.0F, 128 / 255.0F, 1.0F}));
    EXPECT_THAT(floats[0].bytes, IsEmpty());
    EXPECT_THAT(floats[1].floats, Pointwise(FloatNear(1e-6F), {0.0F, 1.0F, 32896 / 65535.0F}));
    EXPECT_THAT(floats[2].floats, ElementsAre(-0.5F, 0.25F, 2));
    EXPECT_EQ(read_image(path("b.png")), images[1]);
  }),
            "");
}

TEST_F(Images, JpegsAreWhatAnotherDecoderMakesOfThem) {
  make(
      "y, x = numpy.mgrid[0:40, 0:60]\n"
      "save(\"a.jpg\", numpy.dstack([x * 4, y * 6, (x + y) * 2]), quality=90)\nsave(\"b.jpg\", x * 4)\n"
      "I.fromarray(numpy.dstack([x * 4, y * 6, x + y, y]).astype(numpy.uint8), \"CMYK\").save(folder + \"c.jpg\")");
  const Image image = read_image(path("a.jpg"));
  EXPECT_EQ(std::tuple(image.width, image.height, image.channels), std::tuple(60, 40, 3));
  EXPECT_LE(distance(image, values("numpy.array(I.open(folder + \"a.jpg\"))")), 2);
  EXPECT_LE(distance(read_image(path("b.jpg")), values("numpy.array(I.open(folder + \"b.jpg\"))")), 2);
  EXPECT_EQ(read_image(path("c.jpg")).channels, 3);
}

TEST_F(Images, SizesAreAsAskedForWhateverTheProportions) {
  // At the edges Pillow weighs differently what is not there: the noise keeps away from them.
  make(
      "y, x = numpy.mgrid[0:40, 0:60]\nnoise = numpy.full((40, 60), 128)\n"
      "noise[8:-8, 8:-8] = numpy.random.default_rng(1).integers(0, 256, (24, 44))\n"
      "save(\"a.png\", numpy.dstack([x * 4, y * 6, noise]))");
  const auto size_with = [&](const ImageOptions& options) {
    const Image image = read_image(path("a.png"), options);
    EXPECT_EQ(image.bytes.size(), static_cast<std::size_t>(image.width * image.height * image.channels));
    return std::pair(image.width, image.height);
  };
  EXPECT_EQ(size_with({.width = 30}), std::pair(30, 20));
  EXPECT_EQ(size_with({.height = 13}), std::pair(20, 13));
  EXPECT_EQ(size_with({.width = 7, .height = 50}), std::pair(7, 50));
  EXPECT_EQ(size_with({.width = 60, .height = 40}), std::pair(60, 40));
  EXPECT_EQ(size_with({.height = 1}), std::pair(2, 1));
  const auto resized = [](const std::string& size) {
    return "numpy.array(I.open(folder + \"a.png\").resize(" + size + ", I.BILINEAR))";
  };
  EXPECT_LE(distance(read_image(path("a.png"), {.width = 15, .height = 10}), values(resized("(15, 10)"))), 2);
  EXPECT_LE(distance(read_image(path("a.png"), {.width = 120}), values(resized("(120, 80)"))), 2);
  EXPECT_LE(distance(read_image(path("a.png"), {.width = 23, .height = 31}), values(resized("(23, 31)"))), 2);
}

TEST_F(Images, ColoursWeighAsMuchAsTheirAlpha) {
  make("save(\"a.png\", [[[200, 0, 0, 255], [0, 100, 0, 0], [200, 0, 0, 255], [0, 100, 0, 0]]])");
  const Image image = read_image(path("a.png"), {.width = 1, .height = 1});
  ASSERT_THAT(image.bytes, SizeIs(4));
  EXPECT_EQ(image.bytes[0], 200);
  EXPECT_EQ(image.bytes[1], 0) << "what is invisible shines through";
  EXPECT_NEAR(image.bytes[3], 128, 1);
}

TEST_F(Images, ColoursThatAreTimesTheirAlphaAreNotMadeSoAgain) {
  // As OpenEXR has them: half of it red, the other half not to be seen.
  write_image(path("a.exr"), Image{.path = {},
                                   .width = 4,
                                   .height = 1,
                                   .channels = 4,
                                   .floats = {1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0}});
  const Image image = read_image(path("a.exr"), {.width = 1, .height = 1, .pixels = PixelType::floats});
  ASSERT_THAT(image.floats, SizeIs(4));
  EXPECT_NEAR(image.floats[3], 0.5, 0.01);
  EXPECT_NEAR(image.floats[0], 0.5, 0.01);
}

TEST_F(Images, AHeaderThatClaimsNoEndIsRefused) {
  make("save(\"a.png\", [[[1, 2, 3], [4, 5, 6]]])\nsave(\"b.png\", [[[1, 2, 3]]])");
  // Two pixels wide, one high: their proportions would make it two thousand million wide.
  EXPECT_THAT(error_of([&] { (void)read_image(path("a.png"), {.height = 1'000'000'000}); }),
              HasSubstr("expected an image of at most 2147483648 values, found 2000000000 x 1000000000 pixels with 3"));
}

TEST_F(Images, ChannelsAreMadeOfEachOther) {
  make(
      "save(\"colour.png\", [[[255, 0, 0], [10, 20, 30]]])\nsave(\"grey.png\", [[7, 200]])\n"
      "save(\"both.png\", [[[7, 50], [200, 60]]])\nsave(\"alpha.png\", [[[1, 2, 3, 4], [5, 6, 7, 8]]])");
  const auto bytes = [&](const std::string& name, int channels) {
    return read_image(path(name), {.channels = channels}).bytes;
  };
  EXPECT_THAT(bytes("colour.png", 1), ElementsAre(76, 18));
  EXPECT_THAT(bytes("colour.png", 2), ElementsAre(76, 255, 18, 255));
  EXPECT_THAT(bytes("colour.png", 4), ElementsAre(255, 0, 0, 255, 10, 20, 30, 255));
  EXPECT_THAT(bytes("grey.png", 3), ElementsAre(7, 7, 7, 200, 200, 200));
  EXPECT_THAT(bytes("both.png", 0), ElementsAre(7, 50, 200, 60));
  EXPECT_THAT(bytes("both.png", 4), ElementsAre(7, 7, 7, 50, 200, 200, 200, 60));
  EXPECT_THAT(bytes("alpha.png", 3), ElementsAre(1, 2, 3, 5, 6, 7));
  EXPECT_THAT(bytes("alpha.png", 2), ElementsAre(2, 4, 6, 8));
}

TEST_F(Images, ManySmallFilesShareBlocksAndLargeOnesDoNot) {
  make(
      "g = numpy.random.default_rng(1)\n"
      "for i in range(40): save(f\"{i:02}.png\", g.integers(0, 256, (20, 20, 3)))\n"
      "for i in range(4): save(f\"large-{i}.png\", g.integers(0, 256, (100, 100, 3)))");
  EXPECT_EQ(driver_.run([&] {
    const auto small = read_images(path("??.png"));
    EXPECT_EQ(small.count(), 40U);
    EXPECT_THAT(driver_.labels(), IsEmpty()) << "files are counted, not read";
    EXPECT_THAT(driver_.inputs(), SizeIs(40)) << "a resume counts the same ones";
    EXPECT_THAT(small.take_all(), SizeIs(40));
    EXPECT_EQ(driver_.labels().size(), 8U) << "1.3 kB each, which is the work of 13 kB of text; 64 KiB make a block";
    EXPECT_THAT(read_images(path("large-*.png")).take_all(), SizeIs(4));
    EXPECT_EQ(driver_.labels().size(), 12U);
  }),
            "");
}

TEST_F(Images, WhatIsNoImageIsAnErrorThatNamesTheFile) {
  make(
      "y, x = numpy.mgrid[0:200, 0:300]\nfor end in [\"png\", \"jpg\", \"tif\"]: save(\"whole.\" + end, "
      "numpy.dstack([x, (x * y) % 256, y]))");
  const auto message_of = [&](const std::string& name) {
    testing::LocalDriver driver;
    const std::string message = driver.run([&] { (void)read_images(path(name)).take_all(); });
    EXPECT_THAT(message, StartsWith(path(name) + ": expected "));
    return message.substr(std::min(message.size(), path(name).size()));
  };
  for (const char* end : {"png", "jpg", "tif"}) {
    const std::string whole = content_of(path(std::string{"whole."} + end));
    (void)folder_.write(std::string{"cut."} + end, whole.substr(0, whole.size() * 2 / 3));
    EXPECT_THAT(message_of(std::string{"cut."} + end),
                AllOf(StartsWith(": expected an image that is whole, found "), Not(HasSubstr("\n"))))
        << end;
  }
  (void)folder_.write("text.png", "no image at all");
  EXPECT_THAT(message_of("text.png"), StartsWith(": expected an image of a format that OpenImageIO knows, found "));
  (void)folder_.write("empty.jpg", "");
  EXPECT_THAT(message_of("empty.jpg"), StartsWith(": expected an image of a format that OpenImageIO knows, found "));
  EXPECT_THAT(message_of("no-such-*.png"), StartsWith(": expected a file that this pattern matches, found none"));
  EXPECT_THAT(message_of("no.png"), StartsWith(": expected a file, found none of that name"));
  EXPECT_THAT(error_of([&] { (void)read_image(path("no.png")); }), StartsWith(path("no.png") + ": expected a file"));
}

TEST_F(Images, BrokenOnesAreLeftOutAloneOrCollected) {
  make("for i in range(5): save(f\"{i}.png\", [[i]])");
  (void)folder_.write("2.png", "broken");
  (void)folder_.write("4.png", content_of(path("3.png")).substr(0, 40));
  EXPECT_EQ(driver_.run([&] {
    const auto paths = [](const Image& image) { return image.path; };
    const auto skipped = read_images(path("*.png"), {.on_bad_record = BadRecordPolicy::skip});
    EXPECT_THAT(skipped.map(paths).take_all(), ElementsAre(path("0.png"), path("1.png"), path("3.png")));
    EXPECT_THROW((void)skipped.bad_records(), UsageError);
    const auto collected = read_images(path("*.png"), {.on_bad_record = BadRecordPolicy::collect});
    EXPECT_EQ(collected.count(), 3U);
    const std::vector<BadRecord> bad = collected.bad_records().take_all();
    ASSERT_THAT(bad, SizeIs(2));
    EXPECT_EQ(bad[0].file, path("2.png"));
    EXPECT_EQ(bad[1].file, path("4.png"));
    EXPECT_EQ(bad[0].line, 0U);
    EXPECT_THAT(bad[0].text, IsEmpty());
    EXPECT_THAT(bad[0].reason, StartsWith("expected an image of a format that OpenImageIO knows, found "));
  }),
            "");
}

TEST_F(Images, OptionsThatNoImageCanFollowAreRefusedAtOnce) {
  for (const ImageOptions& options :
       {ImageOptions{.width = -1}, ImageOptions{.height = -1}, ImageOptions{.channels = 5}}) {
    EXPECT_THAT(error_of([&] { (void)read_images("a.png", options); }),
                StartsWith("read_images as ImageOptions say: width, height and channels are 0 or more"));
  }
}

TEST_F(Images, AreWrittenByTasksAndReadBackHereAndInPython) {
  const Image colour{.path = {}, .width = 2, .height = 1, .channels = 4, .bytes = {200, 100, 50, 10, 1, 2, 3, 0}};
  const Image grey{.path = {}, .width = 2, .height = 2, .channels = 1, .bytes = {}, .floats = {0, 0.25F, 0.5F, 1}};
  LoopbackCluster job{3};
  EXPECT_EQ(job.run_all([&] {
    remote<write_image>(path("colour.png"), colour).get();
    remote<write_image>(path("grey.png"), grey).get();
    remote<write_image>(path("grey.tif"), grey).get();
    remote<write_image>(path("grey.tif"), grey).get();  // as an attempt that is made again
    remote<write_image>(path("grey.jpg"), grey).get();
    EXPECT_EQ(read_images(path("colour.png")).take_all().at(0).bytes, colour.bytes);
    EXPECT_EQ(read_images(path("grey.tif"), {.pixels = PixelType::floats}).take_all().at(0).floats, grey.floats);
  }),
            0)
      << job.sink.end.error;
  EXPECT_THAT(values("numpy.array(I.open(folder + \"colour.png\"))"), ElementsAre(200, 100, 50, 10, 1, 2, 3, 0));
  EXPECT_THAT(values("numpy.array(I.open(folder + \"grey.png\"))"), ElementsAre(0, 16384, 32768, 65535));
  EXPECT_THAT(values("numpy.array(I.open(folder + \"grey.tif\"))"), ElementsAre(0, 0.25F, 0.5F, 1));
  EXPECT_THAT(values("numpy.array(I.open(folder + \"grey.jpg\"))"), SizeIs(4));
  EXPECT_THAT(folder_.names(), ::testing::UnorderedElementsAre("colour.png", "grey.png", "grey.tif", "grey.jpg"));
}

TEST_F(Images, WhatCannotBeWrittenLeavesNothing) {
  const Image image{.path = {}, .width = 1, .height = 1, .channels = 4, .bytes = {1, 2, 3, 4}};
  const auto writing = [&](const std::string& name, const Image& what) {
    return error_of([&] { write_image(path(name), what); });
  };
  EXPECT_THAT(writing("a.jpg", image),
              EndsWith("jpeg files have no alpha; write another format, or read the image with "
                       ".channels = 3"));
  EXPECT_THAT(writing("a.word", image), HasSubstr("its end says no format that OpenImageIO writes"));
  // OpenImageIO 2.4 does not write these into memory, later versions do.
  EXPECT_THAT(writing("a.sgi", image), AnyOf("", HasSubstr("sgi files cannot be made in memory")));
  std::filesystem::remove(path("a.sgi"));
  EXPECT_THAT(writing("none/a.png", image), HasSubstr("does not exist; make it or name a folder that all ranks share"));
  EXPECT_THAT(
      writing("a.png", Image{.path = {}, .width = 2, .height = 1, .channels = 4, .bytes = image.bytes}),
      HasSubstr("an image of 2 x 1 pixels with 4 channels needs 8 values, all in bytes or all in floats (found: "
                "4 bytes, 0 floats)"));
  EXPECT_THAT(writing("a.png", Image{}), HasSubstr("0 x 0 pixels with 0 channels needs 1 or more values"));
  EXPECT_THAT(writing("a.jpg", Image{.path = {}, .width = 1, .height = 1, .channels = 5, .bytes = {1, 2, 3, 4, 5}}),
              EndsWith("jpeg files have at most 4 channels, not 5"));
  EXPECT_THAT(folder_.names(), IsEmpty());
}

TEST_F(Images, AFullDiskIsAnError) {
  const testing::SmallDisk disk;  // 2 MiB
  if (!disk.unavailable().empty()) GTEST_SKIP() << "mounting a small tmpfs needs root: " << disk.unavailable();
  Image image{.path = {}, .width = 1000, .height = 1000, .channels = 3};
  for (std::uint32_t i = 0, state = 1; i < 3'000'000; ++i) {
    state = state * 1'664'525 + 1'013'904'223;
    image.bytes.push_back(static_cast<std::uint8_t>(state >> 24));
  }
  EXPECT_THAT(error_of([&] { write_image((disk.folder().path() / "a.png").string(), image); }),
              HasSubstr("No space left on device; nothing of it is left behind"));
  EXPECT_TRUE(fs::is_empty(disk.folder().path()));
}

}  // namespace
}  // namespace crema
