#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <fmt/format.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/properties.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

#include "crema/errors.hpp"
#include "crema/parquet.hpp"
#include "io/parquet_ticks.hpp"

namespace crema::parquet {
namespace {

using Arrays = std::vector<std::shared_ptr<::arrow::Array>>;
using Fields = std::vector<std::shared_ptr<::arrow::Field>>;

[[noreturn]] void fail(const std::string& what, const std::string& why) {
  throw Error{fmt::format("writing {} to a Parquet file: {}", what, why)};
}
[[noreturn]] void fail(const Column& column, const std::string& why) {
  fail(fmt::format("column \"{}\"", column.name), why);
}
void check(const Column& column, const ::arrow::Status& status) {
  if (!status.ok()) fail(column, status.message());
}

std::shared_ptr<::arrow::Array> finish(const Column& column, ::arrow::ArrayBuilder& builder) {
  std::shared_ptr<::arrow::Array> array;
  check(column, builder.Finish(&array));
  return array;
}
const std::uint8_t* valid_in(const Column& column) { return column.optional ? column.valid.data() : nullptr; }

template <class Value>
const Value* values_in(const Column& column) {
  return reinterpret_cast<const Value*>(column.values.data());
}

template <class Builder, class Value>
void append(const Column& column, Builder& builder, const Value* values) {
  if (column.valid.empty()) return;  // they lie nowhere, of which Arrow copies none
  check(column, builder.AppendValues(values, static_cast<std::int64_t>(column.valid.size()), valid_in(column)));
}

template <class Value>
std::shared_ptr<::arrow::Array> numbers(const Column& column) {
  typename ::arrow::CTypeTraits<Value>::BuilderType builder;
  append(column, builder, values_in<Value>(column));
  return finish(column, builder);
}

std::shared_ptr<::arrow::Array> flags(const Column& column) {
  ::arrow::BooleanBuilder builder;
  append(column, builder, values_in<std::uint8_t>(column));
  return finish(column, builder);
}

template <class Builder>
std::shared_ptr<::arrow::Array> times(const Column& column, const std::shared_ptr<::arrow::DataType>& type) {
  Builder builder{type, ::arrow::default_memory_pool()};
  std::vector<std::int64_t> nanoseconds(column.valid.size());
  const io::TickConversion conversion{column.ticks, {.denominator = 1'000'000'000}};
  for (std::size_t i = 0; i < nanoseconds.size(); ++i) {
    const std::int64_t ticks = values_in<std::int64_t>(column)[i];
    if (conversion(ticks, nanoseconds[i])) continue;
    fail(column,
         fmt::format("{} times {}/{} s in row {} of the block is beyond what nanoseconds in 64 bits hold, about "
                     "292 years from 1970; write it as a number or as text",
                     ticks, column.ticks.numerator, column.ticks.denominator, column.row_of(column.lists.size(), i)));
  }
  append(column, builder, nanoseconds.data());
  return finish(column, builder);
}

std::shared_ptr<::arrow::Array> texts(const Column& column) {
  ::arrow::StringBuilder builder;
  const auto check_room = [&column](const ::arrow::Status& status) {
    if (!status.ok()) fail(column, status.message() + "; repartition() makes smaller blocks");
  };
  check_room(builder.Reserve(static_cast<std::int64_t>(column.valid.size())));
  check_room(builder.ReserveData(static_cast<std::int64_t>(column.values.size())));
  const char* const text = column.values.size() == 0 ? "" : values_in<char>(column);  // Arrow copies from somewhere
  std::uint64_t begin = 0;
  for (std::size_t i = 0; i < column.valid.size(); begin = column.text_ends[i++]) {
    if (column.valid[i] == 0) {
      builder.UnsafeAppendNull();
    } else {
      builder.UnsafeAppend(text + begin, static_cast<std::int32_t>(column.text_ends[i] - begin));
    }
  }
  auto array = finish(column, builder);
  if (const auto status = static_cast<const ::arrow::StringArray&>(*array).ValidateUTF8(); !status.ok()) {
    fail(column, status.message() + "; text must be UTF-8: convert it, or write bytes as numbers");
  }
  return array;
}

std::shared_ptr<::arrow::Array> cells_of(const Column& column) {
  switch (column.type) {
    case ColumnType::boolean:
      return flags(column);
    case ColumnType::int8:
      return numbers<std::int8_t>(column);
    case ColumnType::int16:
      return numbers<std::int16_t>(column);
    case ColumnType::int32:
      return numbers<std::int32_t>(column);
    case ColumnType::int64:
      return numbers<std::int64_t>(column);
    case ColumnType::uint8:
      return numbers<std::uint8_t>(column);
    case ColumnType::uint16:
      return numbers<std::uint16_t>(column);
    case ColumnType::uint32:
      return numbers<std::uint32_t>(column);
    case ColumnType::uint64:
      return numbers<std::uint64_t>(column);
    case ColumnType::float32:
      return numbers<float>(column);
    case ColumnType::float64:
      return numbers<double>(column);
    case ColumnType::text:
      return texts(column);
    case ColumnType::time:
      return times<::arrow::TimestampBuilder>(column, ::arrow::timestamp(::arrow::TimeUnit::NANO, "UTC"));
    case ColumnType::duration:
      return times<::arrow::DurationBuilder>(column, ::arrow::duration(::arrow::TimeUnit::NANO));
  }
  fail(column, "its type is not known");
}

/// Lists of elements, which may be null where `optional`.
std::shared_ptr<::arrow::Array> lists_of(const Column& column, const Lists& lists,
                                         const std::shared_ptr<::arrow::Array>& elements, bool optional) {
  if (elements->length() > std::numeric_limits<std::int32_t>::max()) {
    fail(column, fmt::format("{} items in the lists of a block, at most 2147483647 fit; repartition() makes smaller "
                             "blocks",
                             elements->length()));
  }
  const auto count = static_cast<std::int64_t>(lists.ends.size());
  ::arrow::TypedBufferBuilder<std::int32_t> begins;
  check(column, begins.Reserve(count + 1));
  begins.UnsafeAppend(0);
  for (const std::uint64_t end : lists.ends) begins.UnsafeAppend(static_cast<std::int32_t>(end));
  ::arrow::TypedBufferBuilder<bool> there;
  check(column, there.Append(lists.there.data(), count));
  std::shared_ptr<::arrow::Buffer> offsets;
  std::shared_ptr<::arrow::Buffer> validity;
  check(column, begins.Finish(&offsets));
  check(column, there.Finish(&validity));
  return std::make_shared<::arrow::ListArray>(::arrow::list(::arrow::field("element", elements->type(), optional)),
                                              count, offsets, elements, validity);
}

/// Values of a field, and whether one may be null.
struct Values {
  std::shared_ptr<::arrow::Array> array;
  bool optional = false;
};

/// Values in the lists of a column from depth `begin` to `end`.
Values in_lists_of(const Column& column, Values values, std::size_t begin, std::size_t end) {
  for (std::size_t depth = end; depth-- > begin;) {
    const Lists& lists = column.lists[depth];
    values = {lists_of(column, lists, values.array, values.optional), lists.optional};
  }
  return values;
}

/// Adds a column to the fields of a table or struct; structs, and lists of these, come from what their members' names
/// begin with.
struct Node {
  std::string name;  // with a pair of brackets for each list around a struct
  const Column* column = nullptr;
  std::vector<Node> members{};

  void add(const Column& leaf, std::string_view rest) {
    const std::size_t dot = rest.find('.');
    const std::string_view outer = rest.substr(0, dot);
    if (dot == std::string_view::npos) {
      members.push_back({.name = std::string{outer}, .column = &leaf});
      return;
    }
    if (members.empty() || members.back().name != outer || members.back().column != nullptr) {
      members.push_back({.name = std::string{outer}});
    }
    members.back().add(leaf, rest.substr(dot + 1));
  }
  /// The lists above `depth` are not theirs.
  void fields(Fields& fields, Arrays& arrays, std::size_t depth = 0) const {
    for (const Node& member : members) {
      const std::string_view plain = std::string_view{member.name}.substr(0, member.name.find(in_lists));
      const Values values = member.values(depth, (member.name.size() - plain.size()) / in_lists.size());
      arrays.push_back(values.array);
      fields.push_back(::arrow::field(std::string{plain}, values.array->type(), values.optional));
    }
  }

 private:
  [[nodiscard]] Values values(std::size_t depth, std::size_t lists) const {
    if (column != nullptr)
      return in_lists_of(*column, {cells_of(*column), column->optional}, depth, column->lists.size());
    Fields inner;
    Arrays inside;
    fields(inner, inside, depth + lists);
    const auto structs = ::arrow::StructArray::Make(inside, inner);
    check(first_column(), structs.status());
    return in_lists_of(first_column(), {*structs}, depth, depth + lists);
  }
  [[nodiscard]] const Column& first_column() const {
    return column != nullptr ? *column : members.front().first_column();
  }
};

}  // namespace

std::string file_of(const std::vector<Column>& columns, std::size_t rows) {
  Node root{};
  for (const Column& column : columns) root.add(column, column.name);
  Fields fields;
  Arrays arrays;
  root.fields(fields, arrays);
  const auto table = ::arrow::Table::Make(::arrow::schema(fields), arrays, static_cast<std::int64_t>(rows));

  const auto properties =
      ::parquet::WriterProperties::Builder().compression(::arrow::Compression::ZSTD)->enable_page_checksum()->build();
  // Without it a duration would be read as a number.
  const auto with_types = ::parquet::ArrowWriterProperties::Builder().store_schema()->build();
  const std::string what = fmt::format("{} rows", rows);
  try {
    const auto out = ::arrow::io::BufferOutputStream::Create();
    if (!out.ok()) fail(what, out.status().message());
    const auto status = ::parquet::arrow::WriteTable(*table, ::arrow::default_memory_pool(), *out,
                                                     ::parquet::DEFAULT_MAX_ROW_GROUP_LENGTH, properties, with_types);
    if (!status.ok()) fail(what, status.message());
    const auto content = (*out)->Finish();
    if (!content.ok()) fail(what, content.status().message());
    return (*content)->ToString();
  } catch (const ::parquet::ParquetException& exception) {
    fail(what, exception.what());
  }
}

}  // namespace crema::parquet
