#include "io/parquet_text.hpp"

#include <arrow/api.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "common/utf8.hpp"
#include "crema/text_writer.hpp"

namespace crema::io {
namespace {

using crema::detail::append_json_text;

void append_bytes(std::string& out, std::string_view bytes) {
  if (is_utf8(bytes)) return append_json_text(out, bytes);
  out += fmt::format("\"{:02x}\"", fmt::join(reinterpret_cast<const unsigned char*>(bytes.data()),
                                             reinterpret_cast<const unsigned char*>(bytes.data()) + bytes.size(), ""));
}

void append_scalar(std::string& out, const ::arrow::Scalar& value) {
  const ::arrow::Type::type id = value.type->id();
  if (!value.is_valid) {
    out += "null";
  } else if (id == ::arrow::Type::DICTIONARY) {
    const auto entry = static_cast<const ::arrow::DictionaryScalar&>(value).GetEncodedValue();
    if (entry.ok()) return append_scalar(out, **entry);
    append_json_text(out, entry.status().message());
  } else if (::arrow::is_base_binary_like(id) || ::arrow::is_binary_view_like(id)) {
    append_bytes(out, static_cast<const ::arrow::BaseBinaryScalar&>(value).view());
  } else if (::arrow::is_list_like(id)) {
    const ::arrow::Array& items = *static_cast<const ::arrow::BaseListScalar&>(value).value;
    out += '[';
    for (std::int64_t i = 0; i < items.length(); ++i) {
      if (i > 0) out += ',';
      append_json_of(out, items, i);
    }
    out += ']';
  } else if (::arrow::is_floating(id)) {
    const std::string number = value.ToString();
    out += number.find('n') == std::string::npos ? number : "null";  // else it is an infinity or none
  } else if (::arrow::is_integer(id) || id == ::arrow::Type::BOOL) {
    out += value.ToString();
  } else {
    append_json_text(out, value.ToString());
  }
}

}  // namespace

void append_json_of(std::string& out, const ::arrow::Array& array, std::int64_t place) {
  const auto value = array.GetScalar(place);
  if (value.ok()) return append_scalar(out, **value);
  append_json_text(out, value.status().message());
}

}  // namespace crema::io
