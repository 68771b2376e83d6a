#include "record/result_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <numeric>
#include <set>

#include "common/utf8.hpp"
#include "crema/errors.hpp"
#include "record/result_types.hpp"

namespace crema::record {
namespace {

bool is_time(ColumnType type) { return type == ColumnType::time || type == ColumnType::duration; }

std::size_t product(const std::vector<std::size_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>{});
}

}  // namespace

void check_name(const std::string& name, const std::string& owner) {
  if (!name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
      name.find('\0') == std::string::npos) {
    return;
  }
  throw UsageError{
      fmt::format("storing {}: \"{}\" cannot be a name in an HDF5 file; use one that is not empty, not \".\" or \"..\" "
                  "and has no '/'",
                  owner, name)};
}

void check_columns(const std::string& table, const std::vector<ColumnSpec>& columns, const TableOptions& options) {
  std::set<std::string> names;
  const auto add = [&](const std::string& name) {
    check_name(name, fmt::format("the table \"{}\"", table));
    if (!names.insert(name).second) {
      throw UsageError{
          fmt::format("storing the table \"{}\": two columns are named \"{}\"; rename a field", table, name)};
    }
  };
  for (const ColumnSpec& column : columns) {
    add(column.name);
    if (has_valid_column(column)) add(valid_name(column.name));
    if (is_time(column.type) && options.units.contains(column.name)) {
      throw UsageError{
          fmt::format("storing the table \"{}\": the column \"{}\" holds times, whose units are set for it; "
                      "leave it out of .units",
                      table, column.name)};
    }
  }
  for (const auto& [name, units] : options.units) {
    if (names.contains(name)) continue;
    throw UsageError{
        fmt::format("storing the table \"{}\": .units names the column \"{}\", which it does not have; it has {}",
                    table, name, fmt::join(names, ", "))};
  }
}

void check_value_units(const std::string& name, ColumnType type, const ValueOptions& options) {
  if (!is_time(type) || options.units.empty()) return;
  throw UsageError{fmt::format("storing \"{}\": it is a time, whose units are set for it; leave .units out", name)};
}

void check_texts(const std::string& owner, const ColumnBatch& batch) {
  for (const ColumnBatch::Column& column : batch.columns) {
    for (const std::string& text : column.texts) {
      if (!is_utf8(text)) {
        throw UsageError{
            fmt::format("storing \"{}\": a text of \"{}\" is no UTF-8, as all texts of a run file are: "
                        "convert it, or store bytes as an array of std::uint8_t",
                        owner, column.spec.name)};
      }
      if (text.find('\0') == std::string::npos) continue;
      throw UsageError{
          fmt::format("storing \"{}\": a text of \"{}\" holds a NUL byte, where HDF5's texts end; store bytes "
                      "as an array of std::uint8_t",
                      owner, column.spec.name)};
    }
  }
}

ArrayOptions checked_array_options(const std::string& array, const std::vector<std::size_t>& shape,
                                   ArrayOptions options) {
  const std::string attempt = fmt::format("storing the array \"{}\" of shape {}", array, shape);
  if (shape.empty()) throw UsageError{attempt + ": it has no dimensions; use value() for a single value"};
  if (options.dimensions.empty()) {
    for (std::size_t i = 0; i < shape.size(); ++i) options.dimensions.push_back(fmt::format("dim_{}", i));
  }
  if (options.dimensions.size() != shape.size()) {
    throw UsageError{fmt::format("{}: .dimensions names {} dimensions, {}; name each of the {}", attempt,
                                 options.dimensions.size(), options.dimensions, shape.size())};
  }
  // The cells themselves lie beside the dimensions as "values".
  std::set<std::string> taken{"values"};
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::string& dimension = options.dimensions[i];
    check_name(dimension, fmt::format("a dimension of the array \"{}\"", array));
    if (!taken.insert(dimension).second) {
      throw UsageError{
          fmt::format("{}: a dimension cannot be named \"{}\"; the names must differ from each other and "
                      "from \"values\"",
                      attempt, dimension)};
    }
    const auto coordinates = options.coordinates.find(dimension);
    if (coordinates != options.coordinates.end() && coordinates->second.size() != shape[i]) {
      throw UsageError{fmt::format("{}: .coordinates gives {} numbers for the dimension \"{}\", whose size is {}",
                                   attempt, coordinates->second.size(), dimension, shape[i])};
    }
  }
  for (const auto& [name, coordinates] : options.coordinates) {
    if (taken.contains(name) && name != "values") continue;
    throw UsageError{fmt::format("{}: .coordinates names the dimension \"{}\", which it does not have; it has {}",
                                 attempt, name, options.dimensions)};
  }
  return options;
}

void check_array_size(const std::string& array, std::size_t values, const std::vector<std::size_t>& shape) {
  if (product(shape) == values) return;
  throw UsageError{fmt::format("storing the array \"{}\": {} values were given, but the shape {} holds {}", array,
                               values, shape, product(shape))};
}

std::vector<std::size_t> checked_block_shape(const std::string& array, const std::vector<std::size_t>& array_shape,
                                             const std::vector<std::size_t>& offset,
                                             std::vector<std::size_t> block_shape, std::size_t values) {
  const std::string attempt = fmt::format("writing a block of {} values at {} of the array \"{}\" of shape {}", values,
                                          offset, array, array_shape);
  if (block_shape.empty()) {
    block_shape = array_shape;
    block_shape.front() = 1;
    const std::size_t slice = product(block_shape);
    if (slice == 0 ? values != 0 : values % slice != 0) {
      throw UsageError{
          fmt::format("{}: one slice of the first dimension holds {} values and the block is no multiple of "
                      "that; give the block's shape",
                      attempt, slice)};
    }
    block_shape.front() = slice == 0 ? 0 : values / slice;
  }
  if (offset.size() != array_shape.size() || block_shape.size() != array_shape.size()) {
    throw UsageError{fmt::format("{}: offset and block shape {} need a number for each of the {} dimensions", attempt,
                                 block_shape, array_shape.size())};
  }
  if (product(block_shape) != values) {
    throw UsageError{
        fmt::format("{}: the block's shape {} holds {} values", attempt, block_shape, product(block_shape))};
  }
  for (std::size_t i = 0; i < array_shape.size(); ++i) {
    if (offset[i] <= array_shape[i] && block_shape[i] <= array_shape[i] - offset[i]) continue;
    throw UsageError{fmt::format("{}: the block's shape {} leaves the array in dimension {}: {} + {} > {}", attempt,
                                 block_shape, i, offset[i], block_shape[i], array_shape[i])};
  }
  return block_shape;
}

}  // namespace crema::record
