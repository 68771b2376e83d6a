// What users write in `serialize`, and the headers of Boost.Serialization they may include for other containers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

// Ours first: Boost 1.74's list.hpp and unordered_map.hpp use a header they do not include.
#include "archive_support.hpp"
//
#include <boost/serialization/binary_object.hpp>
#include <boost/serialization/boost_unordered_map.hpp>
#include <boost/serialization/deque.hpp>
#include <boost/serialization/forward_list.hpp>
#include <boost/serialization/list.hpp>
#include <boost/serialization/split_free.hpp>
#include <boost/serialization/split_member.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/unordered_map.hpp>
#include <boost/serialization/utility.hpp>
#include <boost/serialization/valarray.hpp>
#include <boost/serialization/vector.hpp>
#include <boost/serialization/version.hpp>

#include "crema/errors.hpp"

namespace crema {
namespace {

class Order {
 public:
  Order() = default;
  Order(std::string drink, double price) : drink_{std::move(drink)}, price_{price} {}
  bool operator==(const Order&) const = default;

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(drink_) & boost::serialization::make_nvp("Price $", price_);
  }
  std::string drink_;
  double price_ = 0;
};

TEST(ArchiveBoost, APrivateMemberNamesTheFields) {
  const Order order{"Flat White", 4.75};
  EXPECT_EQ(round_trip(order), order);
  EXPECT_EQ(encoded(order).size(), 8 + 10 + 8U);  // no names, no versions
}

struct Drink {
  virtual ~Drink() = default;
  std::string name;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& name;
  }
};
struct Tea : Drink {
  int minutes = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_BASE_OBJECT_NVP(Drink);
    archive& minutes;
  }
};

TEST(ArchiveBoost, ABaseIsPartOfTheObject) {
  Tea tea;
  tea.name = "Assam";
  tea.minutes = 4;
  const Tea copy = round_trip(tea);
  EXPECT_EQ(copy.name, "Assam");
  EXPECT_EQ(copy.minutes, 4);
}

struct Celsius {
  double degrees = 0;
  template <class Archive>
  void save(Archive& archive, unsigned) const {
    const double fahrenheit = degrees * 1.8 + 32;
    archive << fahrenheit;
  }
  template <class Archive>
  void load(Archive& archive, unsigned) {
    double fahrenheit = 0;
    archive >> fahrenheit;
    degrees = (fahrenheit - 32) / 1.8;
  }
  BOOST_SERIALIZATION_SPLIT_MEMBER()
};
struct Grams {
  int value = 0;
};
template <class Archive>
void save(Archive& archive, const Grams& grams, unsigned) {
  archive << grams.value + 1;
}
template <class Archive>
void load(Archive& archive, Grams& grams, unsigned) {
  archive >> grams.value;
}
template <class Archive>
void serialize(Archive& archive, Grams& grams, unsigned version) {
  boost::serialization::split_free(archive, grams, version);
}

TEST(ArchiveBoost, SavingAndLoadingMayBeSplit) {
  EXPECT_DOUBLE_EQ(round_trip(Celsius{93}).degrees, 93);
  EXPECT_EQ(round_trip(Grams{18}).value, 19);
}

struct Image {
  std::size_t pixels = 0;
  std::unique_ptr<std::uint16_t[]> data;
  std::uint32_t checksum = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& pixels;
    if constexpr (Archive::is_loading::value) data = std::make_unique<std::uint16_t[]>(pixels);
    archive& boost::serialization::make_array(data.get(), pixels);
    archive& boost::serialization::make_binary_object(&checksum, sizeof checksum);
  }
};

TEST(ArchiveBoost, RawArraysTravelThroughBoostsWrappers) {
  Image image{3, std::make_unique<std::uint16_t[]>(3), 77};
  image.data[2] = 500;
  const Image copy = round_trip(image);
  EXPECT_EQ(copy.data[2], 500);
  EXPECT_EQ(copy.checksum, 77U);
  EXPECT_EQ(encoded(image).size(), 8 + 3 * 2 + 4U);
}

struct Versioned {
  int added_later = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    if (version >= 2) archive& added_later;
  }
};

struct Empty {
  bool operator==(const Empty&) const = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive.template register_type<Empty>();
  }
};

TEST(ArchiveBoost, EmptyClassesTakeAByteSoThatCountsCanBeChecked) {
  EXPECT_EQ(round_trip(std::vector<Empty>(5)).size(), 5U);
  EXPECT_EQ(encoded(std::vector<Empty>(5)).size(), 8 + 5U);
  EXPECT_EQ(round_trip(std::list<Empty>(5)).size(), 5U);
}

struct Tree {
  std::string name;
  std::vector<Tree> children;
  std::map<std::string, Tree> named;
  bool operator==(const Tree&) const = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(name) & BOOST_SERIALIZATION_NVP(children) & BOOST_SERIALIZATION_NVP(named);
  }
};

TEST(ArchiveBoost, TypesMayContainThemselves) {
  const Tree tree{"root", {{"left", {}, {}}, {"right", {{"leaf", {}, {}}}, {}}}, {{"x", {"named", {}, {}}}}};
  EXPECT_EQ(round_trip(tree), tree);
}

TEST(ArchiveBoost, BoostsHeadersServeOtherContainers) {
  EXPECT_EQ(round_trip(std::list<std::string>{"a", "b"}), (std::list<std::string>{"a", "b"}));
  EXPECT_EQ(round_trip(std::deque<Order>{{"Latte", 5}}), (std::deque<Order>{{"Latte", 5}}));
  EXPECT_EQ(round_trip(std::forward_list<int>{1, 2, 3}), (std::forward_list<int>{1, 2, 3}));
  EXPECT_EQ((round_trip(boost::unordered_map<int, std::string>{{1, "a"}})),
            (boost::unordered_map<int, std::string>{{1, "a"}}));
  EXPECT_EQ(round_trip(std::valarray<double>{1, 2, 3})[2], 3);
  EXPECT_EQ((round_trip(std::vector<std::list<int>>{{1}, {}})), (std::vector<std::list<int>>{{1}, {}}));
}

TEST(ArchiveBoost, HeadersForTypesWeKnowChangeNothing) {
  EXPECT_EQ(encoded(std::vector<double>(4)).size(), 8 + 4 * 8U);
  EXPECT_EQ((encoded(std::unordered_map<char, char>{{'a', 'b'}}).size()), 8 + 2U);
}

TEST(ArchiveBoost, ACountThatBoostReadsIsCheckedToo) {
  ByteBuffer out;
  out.put(std::uint64_t{1} << 40);
  out.put<std::uint32_t>(0);
  ByteReader in{Bytes{std::move(out)}};
  EXPECT_THROW(static_cast<void>(decode<std::list<int>>(in)), Error);
}

}  // namespace
}  // namespace crema

BOOST_CLASS_VERSION(crema::Versioned, 2)

namespace crema {
namespace {

TEST(ArchiveBoost, SerializeIsToldTheCurrentVersion) { EXPECT_EQ(round_trip(Versioned{5}).added_later, 5); }

}  // namespace
}  // namespace crema
