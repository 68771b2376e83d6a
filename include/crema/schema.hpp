#pragma once

// One description of a type: the `serialize` member (or free function) of a record, with Boost's NVPs, is walked here
// to learn the record's columns and to visit its fields. Nothing but `serialize` names the fields.

#include <boost/mpl/bool.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/utility.hpp>  // pairs are records of first and second
#include <boost/serialization/version.hpp>
#include <chrono>
#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "crema/columns.hpp"
#include "crema/number_arrays.hpp"

namespace crema {

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T, class Allocator>
inline constexpr bool is_vector<std::vector<T, Allocator>> = true;
template <class T>
inline constexpr bool is_time_point = false;
template <class D>
inline constexpr bool is_time_point<std::chrono::time_point<std::chrono::system_clock, D>> = true;
template <class T>
inline constexpr bool is_duration = false;
template <class R, class P>
inline constexpr bool is_duration<std::chrono::duration<R, P>> = true;

/// Types that fit one cell of a table.
template <class T>
inline constexpr bool is_cell = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, std::string> ||
                                is_time_point<T> || is_duration<T>;
template <class T>
inline constexpr bool is_cell<std::optional<T>> = is_cell<T> && !is_optional<T>;

/// Whether a visitor wants fields of this type whole, besides those that fit one cell: what its `takes<Field>` says.
template <class Visitor, class Field>
inline constexpr bool takes_whole = false;
template <class Visitor, class Field>
requires requires { Visitor::template takes<Field>; }
inline constexpr bool takes_whole<Visitor, Field> = Visitor::template takes<Field>;

/// Whether a visitor does without names: what its `ignores_names` says. All names are empty then, as making them takes
/// longer than many a cell.
template <class Visitor>
inline constexpr bool ignores_names = false;
template <class Visitor>
requires requires { Visitor::ignores_names; }
inline constexpr bool ignores_names<Visitor> = Visitor::ignores_names;

/// A Boost.Serialization archive that hands every field of a record to `visitor(name, field)`, in the order of
/// `serialize`. Nested records are entered and their fields named with a dot. `Saving` says which half of a split
/// serialize runs.
template <class Visitor, bool Saving>
class FieldArchive {
 public:
  using is_saving = boost::mpl::bool_<Saving>;
  using is_loading = boost::mpl::bool_<!Saving>;

  explicit FieldArchive(Visitor& visitor) : visitor_{visitor} {}

  template <class T>
  FieldArchive& operator&(const T& item) {
    return visit(item);
  }
  template <class T>
  FieldArchive& operator<<(const T& item) {
    return visit(item);
  }
  template <class T>
  FieldArchive& operator>>(const T& item) {
    return visit(item);
  }

  [[nodiscard]] unsigned get_library_version() const { return 0; }
  template <class T>
  void register_type(const T* = nullptr) {}

 private:
  template <class T>
  FieldArchive& visit(const boost::serialization::nvp<T>& pair) {
    using Field = std::remove_const_t<T>;
    auto& field = const_cast<Field&>(pair.const_value());
    const std::size_t outer = prefix_.size();
    if constexpr (!ignores_names<Visitor>) prefix_ += pair.name();
    if constexpr (is_cell<Field> || takes_whole<Visitor, Field>) {
      visitor_(static_cast<const std::string&>(prefix_), field);
    } else {
      static_assert(std::is_class_v<Field> && !is_std_array<Field>,
                    "crema: a field of a table's row must be a number, bool, enum, std::string, chrono time, "
                    "std::optional of these, or a record of such fields; a std::array of numbers only in HDF5");
      if constexpr (!ignores_names<Visitor>) prefix_ += '.';
      if constexpr (!is_std_array<Field>)
        boost::serialization::serialize_adl(*this, field, boost::serialization::version<Field>::value);
    }
    if constexpr (!ignores_names<Visitor>) prefix_.resize(outer);
    return *this;
  }
  template <class T>
  FieldArchive& visit(const T&) {
    static_assert(
        !sizeof(T),
        "crema: every field of a table's row needs a name: write ar & BOOST_SERIALIZATION_NVP(field) in serialize");
    return *this;
  }

  Visitor& visitor_;
  std::string prefix_;
};

}  // namespace detail

/// Calls `visitor(const std::string& name, Field& field)` for every field of the record, in the order of its
/// `serialize`. A type that is itself one cell (a number, a string, …), or a vector, array or optional that the visitor
/// takes, has the one field "value".
template <class T, class Visitor>
void visit_fields(T& row, Visitor&& visitor) {
  using Row = std::remove_const_t<T>;
  if constexpr (detail::is_cell<Row> ||
                ((detail::is_vector<Row> || detail::is_std_array<Row> ||
                  detail::is_optional<Row>)&&detail::takes_whole<std::remove_cvref_t<Visitor>, Row>)) {
    static const std::string name = "value";
    visitor(name, row);
  } else {
    detail::FieldArchive<std::remove_reference_t<Visitor>, std::is_const_v<T>> archive{visitor};
    boost::serialization::serialize_adl(archive, const_cast<Row&>(row), boost::serialization::version<Row>::value);
  }
}

}  // namespace crema
