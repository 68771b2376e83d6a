#pragma once

// Rows out of JSON: the fields of a type's `serialize` are looked up by name in each record.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "crema/block_records.hpp"
#include "crema/cells.hpp"
#include "crema/schema.hpp"
#include "crema/text_block.hpp"

namespace crema::json {

/// What is no element of an array that ends where its brackets say. Places are bytes of the block's text.
struct Irregular {
  enum class Kind : std::uint8_t {
    damaged,   ///< no JSON, and ends in front of a line that begins the next element
    no_comma,  ///< the same, when there was such an element before
    too_long,  ///< does not end within what can be in memory: nothing is read behind it
    unclosed,  ///< the text ends without the array's bracket
    behind     ///< stands behind the array
  };
  std::uint64_t at = 0;     ///< where the element in front of it has ended
  std::uint64_t begin = 0;  ///< of what it is
  std::uint64_t size = 0;
  std::uint64_t next = 0;  ///< where it goes on
  Kind kind{};
  std::int32_t error = 0;  ///< of the parser

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(at) & BOOST_SERIALIZATION_NVP(begin) & BOOST_SERIALIZATION_NVP(size);
    archive& BOOST_SERIALIZATION_NVP(next) & BOOST_SERIALIZATION_NVP(kind) & BOOST_SERIALIZATION_NVP(error);
  }
};

/// Some whole records of one file: lines, or elements of the one array that the file is.
struct Block {
  TextBlock text;
  ReadOptions options{};
  bool array = false;
  std::vector<Irregular> irregular{};  ///< of an array, in their order

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(text) & BOOST_SERIALIZATION_NVP(options);
    archive& BOOST_SERIALIZATION_NVP(array) & BOOST_SERIALIZATION_NVP(irregular);
  }
};

/// One value of a record, or nothing; valid while the record is its reader's. Cheap to copy.
class Value {
 public:
  Value() = default;
  /// `document` and `place` are those of the parser's own handle.
  Value(const void* document, std::size_t place) : document_{document}, place_{place} {}

  [[nodiscard]] bool missing() const noexcept { return document_ == nullptr; }
  [[nodiscard]] bool is_null() const;
  [[nodiscard]] bool is_object() const;
  // Each false, with `value` unchanged, where this is no such value or does not fit.
  bool get(bool& value) const;
  bool get(std::int64_t& value) const;
  bool get(std::uint64_t& value) const;
  bool get(double& value) const;
  bool get(std::string_view& value) const;
  bool get(std::vector<Value>& items) const;
  /// The member of this name; of "a.b" also the member b of the object a. Nothing where there is none. Of equal names
  /// the first counts.
  [[nodiscard]] Value member(std::string_view name) const;
  /// As JSON, without blanks.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] const void* document() const noexcept { return document_; }
  [[nodiscard]] std::size_t place() const noexcept { return place_; }

 private:
  const void* document_ = nullptr;
  std::size_t place_ = 0;
};

/// Where in a record a value stands, for errors: "pos.x", "legs[2].length".
struct Place {
  const Place* outer = nullptr;
  std::string_view name;  // empty: an element of an array
  std::size_t index = 0;

  [[nodiscard]] std::string text() const;
};

class Records;

/// Reads the records of one block, one at a time. Thread safety: none.
class BlockReader {
 public:
  /// Reads the block's text into memory. Throws DataError where the file cannot be read.
  explicit BlockReader(const Block& block);
  BlockReader(BlockReader&&) noexcept;
  BlockReader& operator=(BlockReader&&) noexcept;
  ~BlockReader();

  /// The lines of the block: JSON lines are no more records than that.
  [[nodiscard]] std::size_t most_records() const;
  /// Reads the next record into a row; false where there is none. Throws DataError for what is no JSON and for the
  /// first field that is missing or holds something else; the next call goes on behind that record.
  template <class T>
  bool read(T& row);
  /// The record as it stands in the file, also of one that cannot be read.
  [[nodiscard]] std::string record_text() const;
  /// Throws the DataError for a value that is not what its field needs.
  [[noreturn]] void fail(const Value& value, const Place& place, std::string expected) const;

 private:
  bool next();

  std::unique_ptr<Records> records_;
  Value record_;
};

namespace detail {

template <class Field>
bool read_scalar(const Value& value, Field& field) {
  using Limits = std::numeric_limits<Field>;
  if constexpr (std::is_enum_v<Field>) {
    std::underlying_type_t<Field> number{};
    const bool fits = read_scalar(value, number);
    if (fits) field = static_cast<Field>(number);
    return fits;
  } else if constexpr (std::same_as<Field, bool>) {
    return value.get(field);
  } else if constexpr (std::integral<Field>) {
    std::conditional_t<std::signed_integral<Field>, std::int64_t, std::uint64_t> number{};
    if (!value.get(number) || number < Limits::min() || number > Limits::max()) return false;
    field = static_cast<Field>(number);
    return true;
  } else if constexpr (std::floating_point<Field>) {
    double number{};
    if (!value.get(number)) return false;
    // The digits of the largest float are a little more than it; from half a step beyond it nothing rounds to it.
    if (std::same_as<Field, float> && std::abs(number) >= 0x1.ffffffp127) return false;
    field = static_cast<Field>(number);
    return true;
  } else {
    std::string_view text;
    return value.get(text) && crema::detail::CellText<Field>::parse(text, field);
  }
}

template <class Field>
std::string expected_scalar() {
  if constexpr (std::same_as<Field, bool>) {
    return "true or false";
  } else {
    return crema::detail::CellText<Field>::expected();
  }
}

template <class Field>
void read_value(const BlockReader& reader, const Value& value, const Place& place, Field& field);

/// Visits the fields of a record.
struct FieldReader {
  template <class Field>
  static constexpr bool takes = crema::detail::is_vector<Field> || crema::detail::is_optional<Field>;

  const BlockReader& reader;
  Value object;
  const Place* place;

  template <class Field>
  void operator()(const std::string& name, Field& field) const {
    read_value(reader, object.member(name), {.outer = place, .name = name}, field);
  }
};

template <class Record>
void read_record(const BlockReader& reader, const Value& value, const Place* place, Record& record) {
  if (!value.is_object()) reader.fail(value, place != nullptr ? *place : Place{}, "an object");
  visit_fields(record, FieldReader{reader, value, place});
}

template <class Field>
void read_value(const BlockReader& reader, const Value& value, const Place& place, Field& field) {
  if constexpr (crema::detail::is_optional<Field>) {
    if (value.missing() || value.is_null()) {
      field.reset();
    } else {
      read_value(reader, value, place, field.emplace());
    }
  } else if constexpr (crema::detail::is_cell<Field>) {
    if (!read_scalar(value, field)) reader.fail(value, place, expected_scalar<Field>());
  } else if constexpr (crema::detail::is_vector<Field>) {
    std::vector<Value> items;
    if (!value.get(items)) reader.fail(value, place, "an array");
    field.clear();
    field.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      typename Field::value_type item{};
      read_value(reader, items[i], {.outer = &place, .name = {}, .index = i}, item);
      field.push_back(std::move(item));
    }
  } else {
    read_record(reader, value, &place, field);
  }
}

}  // namespace detail

template <class T>
bool BlockReader::read(T& row) {
  if (!next()) return false;
  if constexpr (crema::detail::is_cell<T> || crema::detail::is_vector<T>) {
    const bool named = record_.is_object();
    detail::read_value(*this, named ? record_.member("value") : record_, Place{.name = named ? "value" : ""}, row);
  } else {
    detail::read_record(*this, record_, nullptr, row);
  }
  return true;
}

/// All rows of a block. Throws DataError for the first record that is none, or leaves it out, as the block's options
/// say, and counts it in `left_out`.
template <class T>
std::vector<T> read_rows(const Block& block, std::uint64_t* left_out = nullptr) {
  BlockReader reader{block};
  return crema::detail::read_good_rows<T>(reader, {block.text.path, block.options.on_bad_record}, left_out);
}

/// The records that read_rows leaves out.
template <class T>
std::vector<BadRecord> read_bad_records(const Block& block) {
  BlockReader reader{block};
  return crema::detail::read_bad_records<T>(reader);
}

}  // namespace crema::json
