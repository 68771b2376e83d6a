#include "record/table_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <utility>

#include "record/reading.hpp"
#include "record/result_types.hpp"

namespace crema::record {

namespace {

/// The type of a member of compounds, in the compounds inside of them where the first part of its name is one; adds the
/// names on the way there. Nothing where there is none.
Handle find_member(hid_t compound, const std::string& name, std::vector<std::string>& path) {
  const auto member = [&](const std::string& of_name) {
    const int index = H5Tget_member_index(compound, of_name.c_str());
    return index < 0 ? Handle{}
                     : Handle{H5Tget_member_type(compound, static_cast<unsigned>(index)), H5Tclose,
                              "reading the type of", of_name};
  };
  path.push_back(name);
  if (Handle type = member(name); type.get() >= 0) return type;
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    path.back() = name.substr(0, dot);
    const Handle outer = member(path.back());
    if (outer.get() < 0 || H5Tget_class(outer.get()) != H5T_COMPOUND) continue;
    if (Handle type = find_member(outer.get(), name.substr(dot + 1), path); type.get() >= 0) return type;
  }
  path.pop_back();
  return {};
}

}  // namespace

template <class Work>
auto TableReader::told(Work work) const {
  return reading(path_, table_, std::move(work));
}

TableReader::TableReader(const std::string& path, const std::string& table, const std::vector<ColumnSpec>& columns)
    : library_{library_mutex()}, path_{path}, table_{table}, columns_{columns} {
  // HDF5 prints every error by itself unless told not to.
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  told([&] { open(columns); });
}

void TableReader::open(const std::vector<ColumnSpec>& columns) {
  file_ = open_to_read(path_);
  object_ = open_object(file_.get(), path_, table_);
  group_ = H5Iget_type(object_.get()) == H5I_GROUP;
  if (!group_) {
    if (H5Iget_type(object_.get()) != H5I_DATASET) fail({}, "a dataset or a group of columns", "something else");
    const Handle type{H5Dget_type(object_.get()), H5Tclose, "reading the type of", table_};
    compound_ = H5Tget_class(type.get()) == H5T_COMPOUND;
    if (!compound_ && (columns.size() != 1 || columns.front().name != "value")) {
      fail({}, "compounds with the fields of the row, or a group of columns", describe_type(type.get()));
    }
    extent_ = measure(object_.get(), {});
    if (compound_ && extent_.size() > 1) fail({}, "one dimension", fmt::format("{}", extent_.size()));
  }
  for (const ColumnSpec& column : columns) {
    cells_.push_back(find(column));
    valid_.emplace_back();
    const std::string valid = valid_name(column.name);
    if (group_ && has_valid_column(column) && H5Lexists(object_.get(), valid.c_str(), H5P_DEFAULT) > 0) {
      valid_.back().push_back(find({.name = valid, .type = ColumnType::boolean}));
    }
  }
}

TableReader::Source TableReader::find(const ColumnSpec& spec) {
  const std::string& column = spec.name;
  const ColumnType type = spec.type;
  Source source;
  source.dataset = object_.get();
  if (group_) {
    if (H5Lexists(object_.get(), column.c_str(), H5P_DEFAULT) <= 0) fail(column, "this column in the group", "none");
    source.own = Handle{H5Dopen2(object_.get(), column.c_str(), H5P_DEFAULT), H5Dclose, "opening", column};
    source.dataset = source.own.get();
  }
  source.extent = group_ ? measure(source.dataset, column) : extent_;
  Handle stored{H5Dget_type(source.dataset), H5Tclose, "reading the type of", table_};
  std::vector<std::string> members;  // from the outermost compound on
  if (compound_) {
    stored = find_member(stored.get(), column, members);
    if (stored.get() < 0) fail(column, "this field in the compounds", "none");
  }
  std::vector<std::uint64_t> array_shape;
  const Handle value = spec.shape.empty() ? Handle{H5Tcopy(stored.get()), H5Tclose, "reading the type of", column}
                                          : innermost(stored.get(), array_shape);
  if (!fits(value.get(), type))
    fail(column, fmt::format("values that all fit {}", name_of(type)), describe_type(value.get()));
  check_shape(spec, source.extent, array_shape);
  check_units(source.dataset, column, type);
  row_bytes_ += std::accumulate(source.extent.begin() + 1, source.extent.end(),
                                std::uint64_t{H5Tget_size(stored.get())}, std::multiplies<>{});
  source.variable =
      type == ColumnType::text && check(H5Tis_variable_str(value.get()), "reading the type of", column) > 0;
  source.type = like_arrays(stored.get(), type_in_memory(value.get(), type).get());
  // A compound of this member alone: HDF5 reads what is named in both.
  for (auto member = members.rbegin(); member != members.rend(); ++member) {
    Handle outer{H5Tcreate(H5T_COMPOUND, H5Tget_size(source.type.get())), H5Tclose, "making the type of", column};
    check(H5Tinsert(outer.get(), member->c_str(), 0, source.type.get()), "making the type of", column);
    source.type = std::move(outer);
  }
  return source;
}

/// A cell has the column's shape, be it in the dataset's dimensions or in arrays that it holds.
void TableReader::check_shape(const ColumnSpec& column, const std::vector<hsize_t>& extent,
                              const std::vector<std::uint64_t>& array_shape) const {
  std::vector<std::uint64_t> shape{extent.begin() + 1, extent.end()};
  shape.insert(shape.end(), array_shape.begin(), array_shape.end());
  if (shape == column.shape) return;
  const std::string name = group_ || compound_ ? column.name : "";
  if (column.shape.empty()) fail(name, "one dimension", fmt::format("{}", 1 + shape.size()));
  fail(name, "the shape " + describe_shape(column.shape), describe_shape(shape));
}

/// A time is a number whose units say so; compounds have none for each member.
void TableReader::check_units(hid_t dataset, const std::string& column, ColumnType type) const {
  const std::string expected = units_of(type);
  if (expected.empty()) return;
  const std::string units = compound_ ? "" : text_attribute(dataset, "units");
  if (units != expected) {
    fail(column, fmt::format("units (an attribute) that are \"{}\"; read it as std::int64_t otherwise", expected),
         compound_       ? "a compound, whose members have no units"
         : units.empty() ? "none"
                         : fmt::format("\"{}\"", units));
  }
}

/// All columns must have as many rows. Returns the sizes of the dataset's dimensions.
std::vector<hsize_t> TableReader::measure(hid_t dataset, const std::string& column) {
  std::vector<hsize_t> extent = extent_of(dataset, table_);
  if (extent.empty()) fail(column, "one dimension", "0");
  if (measured_ && extent.front() != rows_)
    fail(column, fmt::format("{} rows, as other columns have", rows_), fmt::format("{}", extent.front()));
  measured_ = true;
  rows_ = extent.front();
  chunk_rows_ = std::max(chunk_rows_, chunk_rows_of(dataset, extent.size(), table_));
  return extent;
}

ColumnBatch TableReader::read(std::uint64_t first, std::uint64_t count) const {
  return told([&] {
    ColumnBatch batch{columns_};
    batch.rows = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      ColumnBatch::Column& column = batch.columns[i];
      if (column.spec.type == ColumnType::text) {
        read_texts(cells_[i], first, count, column.texts);
      } else {
        read(cells_[i], first, count,
             column.values.extend(batch.rows * values_in_cell(column.spec) * width_of(column.spec.type)));
      }
      if (!column.spec.optional) continue;
      column.valid.assign(batch.rows, 1);
      for (const Source& valid : valid_[i]) read(valid, first, count, column.valid.data());
    }
    return batch;
  });
}

void TableReader::read(const Source& source, std::uint64_t first, std::uint64_t count, void* to) const {
  read_rows(source.dataset, source.extent, first, count, source.type.get(), to, table_);
}

void TableReader::read_texts(const Source& source, std::uint64_t first, std::uint64_t count,
                             std::vector<std::string>& texts) const {
  texts.reserve(static_cast<std::size_t>(count));
  if (source.variable) {
    std::vector<char*> pointers(static_cast<std::size_t>(count));
    read(source, first, count, pointers.data());
    for (const char* text : pointers) texts.emplace_back(text != nullptr ? text : "");
    const Handle memory = create_space({count});
    check(H5Dvlen_reclaim(source.type.get(), memory.get(), H5P_DEFAULT, pointers.data()), "reading", table_);
    return;
  }
  const std::size_t size = H5Tget_size(source.type.get());
  std::string cells(size * static_cast<std::size_t>(count), '\0');
  read(source, first, count, cells.data());
  for (std::size_t place = 0; place < cells.size(); place += size) {
    texts.emplace_back(cells.data() + place, ::strnlen(cells.data() + place, size));
  }
}

void TableReader::fail(const std::string& column, std::string expected, std::string found) const {
  fail_reading(path_, column.empty() ? table_ : table_ + "/" + column, std::move(expected), std::move(found));
}

}  // namespace crema::record
