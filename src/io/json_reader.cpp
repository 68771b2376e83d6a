#include "crema/json_reader.hpp"

#include <bit>
#include <utility>

#include "io/json_records.hpp"
#include "io/quote.hpp"

namespace crema::json {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

// A Value is the parser's own handle, which is a pointer and a number, so that the parser stays out of public headers.
struct Handle {
  const void* document;
  std::size_t place;
};
static_assert(sizeof(element) == sizeof(Handle) && std::is_trivially_copyable_v<element>);

element element_of(const Value& value) { return std::bit_cast<element>(Handle{value.document(), value.place()}); }
Value value_of(element item) {
  const auto handle = std::bit_cast<Handle>(item);
  return {handle.document, handle.place};
}

template <class T>
bool get_as(const Value& value, T& to) {
  if (value.missing()) return false;
  return element_of(value).get(to) == simdjson::SUCCESS;
}

}  // namespace

bool Value::is_null() const { return !missing() && element_of(*this).is_null(); }
bool Value::is_object() const { return !missing() && element_of(*this).type() == element_type::OBJECT; }
bool Value::get(bool& value) const { return get_as(*this, value); }
bool Value::get(std::int64_t& value) const { return get_as(*this, value); }
bool Value::get(std::uint64_t& value) const { return get_as(*this, value); }
bool Value::get(double& value) const { return get_as(*this, value); }
bool Value::get(std::string_view& value) const { return get_as(*this, value); }

bool Value::get(std::vector<Value>& items) const {
  simdjson::dom::array array;
  if (!get_as(*this, array)) return false;
  items.clear();
  for (const element item : array) items.push_back(value_of(item));
  return true;
}

Value Value::member(std::string_view name) const {
  simdjson::dom::object object;
  if (!get_as(*this, object)) return {};
  element found;
  if (object.at_key(name).get(found) == simdjson::SUCCESS) return value_of(found);
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    if (object.at_key(name.substr(0, dot)).get(found) != simdjson::SUCCESS) continue;
    const Value inner = value_of(found).member(name.substr(dot + 1));
    if (!inner.missing()) return inner;
  }
  return {};
}

std::string Value::text() const { return simdjson::minify(element_of(*this)); }

std::string Place::text() const {
  std::string all = outer != nullptr ? outer->text() : std::string{};
  if (!name.empty()) return all.append(all.empty() ? "" : ".").append(name);
  return outer == nullptr ? all : all + "[" + std::to_string(index) + "]";
}

BlockReader::BlockReader(const Block& block) : records_{std::make_unique<Records>(block)} {}
BlockReader::BlockReader(BlockReader&&) noexcept = default;
BlockReader& BlockReader::operator=(BlockReader&&) noexcept = default;
BlockReader::~BlockReader() = default;

std::size_t BlockReader::most_records() const { return records_->lines(); }

bool BlockReader::next() {
  if (!records_->next()) return false;
  record_ = value_of(records_->value());
  return true;
}

std::string BlockReader::record_text() const { return std::string{records_->text()}; }

void BlockReader::fail(const Value& value, const Place& place, std::string expected) const {
  std::string found;
  if (value.missing()) {
    found = "nothing of that name (where it may be missing, make the field a std::optional)";
  } else if (value.is_null()) {
    found = "null (where it may be null, make the field a std::optional)";
  } else {
    found = io::shortened(value.text());
  }
  records_->fail(place.text(), std::move(expected), std::move(found));
}

}  // namespace crema::json
