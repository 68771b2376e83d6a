#include "crema/serializable.hpp"

// Before Boost's list.hpp, which in 1.74 uses a header it does not include.
#include "crema/archive.hpp"
//
#include <boost/serialization/list.hpp>
#include <boost/serialization/shared_ptr.hpp>
#include <boost/serialization/split_member.hpp>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string_view>

// Everything here is decided by the compiler: that this file compiles is the test.

namespace shop {

struct PublicMember {
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
class PrivateMember {
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
class SplitMember {
  friend class boost::serialization::access;
  template <class Archive>
  void save(Archive&, unsigned) const {}
  template <class Archive>
  void load(Archive&, unsigned) {}
  BOOST_SERIALIZATION_SPLIT_MEMBER()
};
struct Inherited : PublicMember {};
struct FinalMember final {
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
union UnionMember {
  int number;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
struct NoDefault {
  explicit NoDefault(int) {}
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};
struct Abstract {
  virtual ~Abstract() = default;
  virtual void brew() = 0;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};

struct FreeFunction {};
template <class Archive>
void serialize(Archive&, FreeFunction&, const unsigned) {}
struct FreeWithPlainInt {};  // Boost takes its own function, which is the better match, instead of this one
template <class Archive>
void serialize(Archive&, FreeWithPlainInt&, int) {}
struct FreeFinal final {};
template <class Archive>
void serialize(Archive&, FreeFinal&, unsigned) {}
union FreeUnion {
  int number;
};
template <class Archive>
void serialize(Archive&, FreeUnion&, unsigned) {}
template <class T>
struct Template {};
template <class Archive, class T>
void serialize(Archive&, Template<T>&, unsigned) {}
struct Friend {
  template <class Archive>
  friend void serialize(Archive&, Friend&, unsigned) {}
};
struct InBoost {};

struct Node {
  std::vector<Node> children;
  std::map<std::string, Node> named;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& children& named;
  }
};

struct Nothing {};
struct NothingFinal final {};
class PrivateBase : Nothing {};
union NothingUnion {
  int number;
};
struct OtherName {
  template <class Archive>
  void serialise(Archive&, unsigned) {}
};
void serialize(Nothing&);

}  // namespace shop

namespace boost::serialization {
template <class Archive>
void serialize(Archive&, shop::InBoost&, const unsigned) {}
}  // namespace boost::serialization

namespace crema {
namespace {

using namespace shop;

template <class... T>
constexpr bool all = (is_serializable<T> && ...);
template <class... T>
constexpr bool none = !(is_serializable<T> || ...);

static_assert(all<PublicMember, PrivateMember, SplitMember, Inherited, FinalMember, UnionMember, NoDefault, Abstract>);
static_assert(all<FreeFunction, FreeFinal, FreeUnion, Template<int>, Template<void>, Friend, InBoost>);
static_assert(all<Node, std::vector<Node>, std::optional<std::pair<Node, Node>>, const Node>);
static_assert(none<Nothing, NothingFinal, PrivateBase, NothingUnion, OtherName, FreeWithPlainInt>);

static_assert(all<bool, char, char8_t, wchar_t, int, unsigned long long, float, long double, std::byte, std::errc>);
static_assert(all<std::string, std::wstring, std::vector<int>, std::vector<bool>, std::array<int, 0>, int[2][3]>);
static_assert(all<std::map<int, Node>, std::set<int>, std::unordered_map<int, Node>, std::unordered_set<TaskId>>);
static_assert(all<std::pair<const int, Node>, std::tuple<>, std::tuple<int, std::optional<Node>>, std::monostate,
                  std::variant<std::monostate, Node>, std::complex<float>, std::chrono::nanoseconds,
                  std::chrono::steady_clock::time_point, std::filesystem::path, Bytes, RankId, std::list<int>>);

static_assert(
    none<void, int*, const char*, int&, int&&, Node&, void (*)(), void(), int Node::*, std::nullptr_t, int[]>);
static_assert(none<std::unique_ptr<Node>, std::shared_ptr<int>, std::weak_ptr<int>, std::reference_wrapper<int>>);
static_assert(none<std::span<const int>, std::string_view, std::function<void()>, std::unique_ptr<int[]>>);
static_assert(none<std::vector<int*>, std::array<Nothing, 2>, std::map<int, std::string_view>, std::set<int*>,
                   std::unordered_map<Nothing*, int>, std::pair<int, int*>, std::tuple<int, Nothing>,
                   std::optional<std::unique_ptr<int>>, std::variant<int, int*>, std::tuple<int&>, int* [3]>);

[[maybe_unused]] const auto captureless = [] { return 1; };
[[maybe_unused]] const auto generic = [](auto value) { return value; };
[[maybe_unused]] const auto capturing = [number = 1] { return number; };
static_assert(none<decltype(captureless), decltype(generic), decltype(capturing)>);

}  // namespace
}  // namespace crema
