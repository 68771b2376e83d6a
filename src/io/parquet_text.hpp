#pragma once

#include <cstdint>
#include <string>

// Declared here, so that headers do without Arrow's.
namespace arrow {
class Array;
}

namespace crema::io {

/// Adds one value of an array as JSON: numbers, bools, lists as arrays, text in quotes, and in quotes whatever else
/// Arrow has a text for; null for infinities and NaN. Bytes that are no UTF-8 are written as hexadecimal numbers.
void append_json_of(std::string& out, const ::arrow::Array& array, std::int64_t place);

}  // namespace crema::io
