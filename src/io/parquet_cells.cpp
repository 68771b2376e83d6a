#include "io/parquet_cells.hpp"

#include <arrow/api.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "crema/errors.hpp"
#include "io/parquet_ticks.hpp"

namespace crema::io {
namespace {

using ::arrow::Type;

bool can_read(ColumnType cell, bool optional, const ::arrow::DataType& type) {
  const Type::type id = type.id();
  if (id == Type::NA) return optional;
  if (id == Type::DICTIONARY) {  // which Arrow's reader makes of texts alone
    return cell == ColumnType::text &&
           can_read(cell, optional, *static_cast<const ::arrow::DictionaryType&>(type).value_type());
  }
  switch (cell) {
    case ColumnType::boolean:
      return id == Type::BOOL;
    case ColumnType::text:
      return ::arrow::is_base_binary_like(id) || ::arrow::is_binary_view_like(id);
    case ColumnType::time:
      return id == Type::TIMESTAMP || ::arrow::is_date(id);
    case ColumnType::duration:
      return id == Type::DURATION || ::arrow::is_time(id);
    case ColumnType::float64:
      return ::arrow::is_integer(id) || ::arrow::is_floating(id);
    case ColumnType::float32:
      return ::arrow::is_integer(id) || (::arrow::is_floating(id) && id != Type::DOUBLE);
    default:
      return ::arrow::is_integer(id);
  }
}

template <class To, class From>
bool fits(From from, To& to) {
  to = static_cast<To>(from);
  if constexpr (std::integral<To>) {
    return std::in_range<To>(from);
  } else if constexpr (std::integral<From>) {
    return static_cast<long double>(to) == static_cast<long double>(from);
  } else {
    return true;  // into a type at least as wide
  }
}

/// The unit of a time's type.
parquet::Ticks ticks_of(const ::arrow::DataType& type) {
  const auto fraction = [](::arrow::TimeUnit::type unit) -> std::int64_t {
    switch (unit) {
      case ::arrow::TimeUnit::SECOND:
        return 1;
      case ::arrow::TimeUnit::MILLI:
        return 1'000;
      case ::arrow::TimeUnit::MICRO:
        return 1'000'000;
      default:
        return 1'000'000'000;
    }
  };
  switch (type.id()) {
    case Type::DATE32:
      return {.numerator = 86'400};
    case Type::DATE64:
      return {.denominator = 1'000};
    case Type::TIMESTAMP:
      return {.denominator = fraction(static_cast<const ::arrow::TimestampType&>(type).unit())};
    case Type::DURATION:
      return {.denominator = fraction(static_cast<const ::arrow::DurationType&>(type).unit())};
    default:
      return {.denominator = fraction(static_cast<const ::arrow::TimeType&>(type).unit())};
  }
}

}  // namespace

bool can_read(const parquet::Column& column, const ::arrow::DataType& type, std::size_t depth) {
  const ::arrow::DataType* elements = &type;
  for (; depth < column.lists.size(); ++depth) {
    // Lists of nothing but null may all be empty.
    if (elements->id() == Type::NA) return column.lists[depth].optional || depth > 0;
    if (!::arrow::is_list(elements->id())) return false;
    elements = elements->field(0)->type().get();
  }
  return can_read(column.type, column.optional || depth > 0, *elements);
}

std::string expected_values(const parquet::Column& column) {
  std::string expected;
  for (std::size_t i = 0; i < column.lists.size(); ++i) expected += "lists of ";
  return expected + "values that fit " + name_of(column.type);
}

void CellReader::clear() {
  first_row_ += column_.rows();
  misfits_.clear();
  column_.values.clear();
  column_.text_ends.clear();
  column_.codes.clear();
  column_.valid.clear();
  for (parquet::Lists& lists : column_.lists) {
    lists.ends.clear();
    lists.there.clear();
  }
}

void CellReader::append(const ::arrow::Array& array) { append_elements(0, array); }

void CellReader::append_elements(std::size_t depth, const ::arrow::Array& array) {
  if (depth == column_.lists.size()) return append_cells(array);
  switch (array.type_id()) {
    case Type::LIST:
      return append_lists(depth, static_cast<const ::arrow::ListArray&>(array));
    case Type::LARGE_LIST:
      return append_lists(depth, static_cast<const ::arrow::LargeListArray&>(array));
    case Type::FIXED_SIZE_LIST:
      return append_lists(depth, static_cast<const ::arrow::FixedSizeListArray&>(array));
    case Type::NA: {
      parquet::Lists& lists = column_.lists[depth];
      for (std::int64_t i = 0; i < array.length(); ++i) {
        if (!lists.optional) refuse("null", depth);
        lists.ends.push_back(column_.count(depth + 1));
        lists.there.push_back(0);
      }
      return;
    }
    default:
      fail(array.type()->ToString(), depth);
  }
}

template <class Lists>
void CellReader::append_lists(std::size_t depth, const Lists& array) {
  parquet::Lists& lists = column_.lists[depth];
  std::uint64_t end = column_.count(depth + 1);
  for (std::int64_t i = 0; i < array.length(); ++i) {
    const bool there = !array.IsNull(i);
    if (!there && !lists.optional) refuse("null", depth);
    if (there) end += static_cast<std::uint64_t>(array.value_length(i));
    lists.ends.push_back(end);
    lists.there.push_back(there);
  }
  // Without what a list that is null may have in the storage.
  const auto elements = array.Flatten();
  if (!elements.ok()) fail(elements.status().message(), depth);
  append_elements(depth + 1, **elements);
}

void CellReader::append_cells(const ::arrow::Array& array) {
  if (array.type_id() == Type::NA) return each(array, [](std::int64_t) {});
  if (array.type_id() == Type::DICTIONARY) return append_dictionary(array);
  switch (column_.type) {
    case ColumnType::boolean: {
      const auto& flags = static_cast<const ::arrow::BooleanArray&>(array);
      return each(array, [&](std::int64_t i) { column_.values.put(flags.Value(i)); });
    }
    case ColumnType::int8:
      return append_numbers<std::int8_t>(array);
    case ColumnType::int16:
      return append_numbers<std::int16_t>(array);
    case ColumnType::int32:
      return append_numbers<std::int32_t>(array);
    case ColumnType::int64:
      return append_numbers<std::int64_t>(array);
    case ColumnType::uint8:
      return append_numbers<std::uint8_t>(array);
    case ColumnType::uint16:
      return append_numbers<std::uint16_t>(array);
    case ColumnType::uint32:
      return append_numbers<std::uint32_t>(array);
    case ColumnType::uint64:
      return append_numbers<std::uint64_t>(array);
    case ColumnType::float32:
      return append_numbers<float>(array);
    case ColumnType::float64:
      return append_numbers<double>(array);
    case ColumnType::time:
    case ColumnType::duration:
      return append_times(array);
    case ColumnType::text:
      break;
  }
  switch (array.type_id()) {
    case Type::STRING:
    case Type::BINARY:
      return append_texts(static_cast<const ::arrow::BinaryArray&>(array));
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return append_texts(static_cast<const ::arrow::LargeBinaryArray&>(array));
    default:
      return append_texts(static_cast<const ::arrow::BinaryViewArray&>(array));
  }
}

void CellReader::take_dictionary(const ::arrow::DictionaryArray& array) {
  entries_ = {.name = column_.name, .type = column_.type, .optional = true};
  CellReader{path_, row_group_, entries_}.append_cells(*array.dictionary());
  dictionary_ = array.data()->dictionary;
  if (column_.codes.empty()) column_.shared.clear();  // nobody uses another's texts
  first_entry_ = column_.shared.size();
  const char* text = reinterpret_cast<const char*>(entries_.values.data());
  std::uint64_t begin = 0;
  for (const std::uint64_t end : entries_.text_ends) {
    column_.shared.emplace_back(std::string{text + begin, end - begin});
    begin = end;
  }
}

void CellReader::append_dictionary(const ::arrow::Array& array) {
  const auto& coded = static_cast<const ::arrow::DictionaryArray&>(array);
  if (coded.data()->dictionary != dictionary_) take_dictionary(coded);
  const parquet::Column& values = entries_;
  // Arrow takes the codes as the file has them.
  const auto entry = [&](std::int64_t i) {
    const auto place = static_cast<std::uint64_t>(coded.GetValueIndex(i));
    if (place >= values.valid.size())
      fail(fmt::format("entry {} of a dictionary of {}", place, values.valid.size()), column_.lists.size());
    return static_cast<std::size_t>(place);
  };
  if (coded.null_count() == 0 && std::ranges::find(values.valid, 0) == values.valid.end() &&
      coded.indices()->type_id() == Type::INT32) {
    const auto& codes = static_cast<const ::arrow::Int32Array&>(*coded.indices());
    for (std::int64_t i = 0; i < codes.length(); ++i) {
      const auto place = static_cast<std::uint32_t>(codes.Value(i));
      column_.codes.push_back(
          static_cast<std::uint32_t>(first_entry_ + (place < values.valid.size() ? place : entry(i))));
    }
    return column_.valid.resize(column_.valid.size() + static_cast<std::size_t>(codes.length()), 1);
  }
  for (std::int64_t i = 0; i < coded.length(); ++i) {
    const std::size_t place = coded.IsNull(i) ? 0 : entry(i);
    if (coded.IsNull(i) || values.valid[place] == 0) {
      append_missing();
      continue;
    }
    column_.valid.push_back(1);
    column_.codes.push_back(static_cast<std::uint32_t>(first_entry_ + place));
  }
}

template <class Texts>
void CellReader::append_texts(const Texts& texts) {
  column_.text_ends.reserve(column_.text_ends.size() + static_cast<std::size_t>(texts.length()));
  each(texts, [&](std::int64_t i) { append_text(texts.GetView(i)); });
}

void CellReader::append_text(std::string_view text) {
  column_.values.append(std::as_bytes(std::span{text}));
  column_.text_ends.push_back(column_.values.size());
}

template <class To>
void CellReader::append_numbers(const ::arrow::Array& array) {
  switch (array.type_id()) {
    case Type::INT8:
      return convert<To>(static_cast<const ::arrow::Int8Array&>(array));
    case Type::INT16:
      return convert<To>(static_cast<const ::arrow::Int16Array&>(array));
    case Type::INT32:
      return convert<To>(static_cast<const ::arrow::Int32Array&>(array));
    case Type::INT64:
      return convert<To>(static_cast<const ::arrow::Int64Array&>(array));
    case Type::UINT8:
      return convert<To>(static_cast<const ::arrow::UInt8Array&>(array));
    case Type::UINT16:
      return convert<To>(static_cast<const ::arrow::UInt16Array&>(array));
    case Type::UINT32:
      return convert<To>(static_cast<const ::arrow::UInt32Array&>(array));
    case Type::UINT64:
      return convert<To>(static_cast<const ::arrow::UInt64Array&>(array));
    default:
      break;
  }
  if constexpr (std::floating_point<To>) {
    if (array.type_id() == Type::FLOAT) return convert<To>(static_cast<const ::arrow::FloatArray&>(array));
    if (array.type_id() == Type::DOUBLE) return convert<To>(static_cast<const ::arrow::DoubleArray&>(array));
    const auto& halves = static_cast<const ::arrow::HalfFloatArray&>(array);
    each(array, [&](std::int64_t i) {
      column_.values.put(static_cast<To>(::arrow::util::Float16::FromBits(halves.Value(i)).ToFloat()));
    });
  }
}

template <class To, class Numbers>
void CellReader::convert(const Numbers& numbers) {
  const auto* from = numbers.raw_values();
  append_fixed<To>(
      numbers, [from](std::int64_t i, To& value) { return fits(from[i], value); },
      [from](std::int64_t i) { return fmt::format("{}", from[i]); });
}

void CellReader::append_times(const ::arrow::Array& array) {
  const auto append = [&](const auto* from) {
    TickConversion{ticks_of(*array.type()), column_.ticks}.apply([&](const auto& conversion) {
      append_fixed<std::int64_t>(
          array, [&](std::int64_t i, std::int64_t& ticks) { return conversion(from[i], ticks); },
          [&](std::int64_t i) { return fmt::format("{} of {}", from[i], array.type()->ToString()); });
    });
  };
  if (array.type_id() == Type::DATE32 || array.type_id() == Type::TIME32) {
    append(array.data()->GetValues<std::int32_t>(1));
  } else {
    append(array.data()->GetValues<std::int64_t>(1));
  }
}

/// `make(i, value)` tells whether the value fits.
template <class To, class Make, class Describe>
void CellReader::append_fixed(const ::arrow::Array& array, Make&& make, Describe&& describe) {
  if (array.null_count() != 0) {
    return each(array, [&](std::int64_t i) {
      To value{};
      if (!make(i, value)) refuse_cell(describe(i));
      column_.values.put(value);
    });
  }
  const std::size_t rows = column_.valid.size();
  const auto count = static_cast<std::size_t>(array.length());
  std::byte* place = column_.values.extend(count * sizeof(To));
  for (std::size_t i = 0; i < count; ++i, place += sizeof(To)) {
    To value{};
    if (!make(static_cast<std::int64_t>(i), value)) {
      column_.valid.resize(rows + i, 1);  // so that those before it count
      refuse_cell(describe(static_cast<std::int64_t>(i)));
    }
    std::memcpy(place, &value, sizeof value);
  }
  column_.valid.resize(rows + count, 1);
}

template <class Append>
void CellReader::each(const ::arrow::Array& array, Append&& append) {
  const auto count = static_cast<std::size_t>(array.length());
  column_.valid.reserve(column_.valid.size() + count);
  const bool may_miss = array.null_count() != 0;
  for (std::int64_t i = 0; i < array.length(); ++i) {
    if (may_miss && array.IsNull(i)) {
      append_missing();
    } else {
      append(i);
      column_.valid.push_back(1);
    }
  }
}

void CellReader::append_missing() {
  if (!column_.optional) refuse_cell("null");
  if (dictionary_ != nullptr) {
    column_.codes.push_back(0);
  } else if (column_.type == ColumnType::text) {
    append_text({});
  } else {
    for (std::size_t i = 0; i < width_of(column_.type); ++i) column_.values.put(std::byte{0});
  }
  column_.valid.push_back(0);
}

void CellReader::refuse(std::string found, std::size_t depth) {
  const std::size_t row = column_.row_of(depth, column_.count(depth));
  if (misfits_.empty() || misfits_.back().row != row) misfits_.push_back({row, std::move(found)});
}

DataError CellReader::error(const Misfit& misfit) const {
  const char* remedy = misfit.found == "null" ? ", which needs a std::optional" : "";
  return DataError{{.file = path_,
                    .column = column_.name,
                    .expected = expected_values(column_),
                    .found = fmt::format("{} in row {} of row group {}{}", misfit.found, first_row_ + misfit.row,
                                         row_group_, remedy)}};
}

void CellReader::fail(std::string found, std::size_t depth) const {
  throw error({column_.row_of(depth, column_.count(depth)), std::move(found)});
}

}  // namespace crema::io
