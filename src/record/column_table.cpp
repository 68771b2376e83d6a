#include "record/column_table.hpp"

#include <hdf5_hl.h>

#include <algorithm>

#include "record/result_types.hpp"

namespace crema::record {
namespace {

// The size of results' blocks (crema/results.hpp), so that blocks fill whole chunks.
constexpr hsize_t chunk_rows = 8192;

std::string dimension_name(const std::vector<ColumnSpec>& columns) {
  std::string name = "row";
  const auto is_taken = [&name](const ColumnSpec& column) {
    return column.name == name || (has_valid_column(column) && valid_name(column.name) == name);
  };
  while (std::ranges::any_of(columns, is_taken)) name += '_';
  return name;
}

}  // namespace

ColumnTable::ColumnTable(hid_t results, const std::string& name, const std::vector<ColumnSpec>& columns,
                         const TableOptions& options)
    : name_{name},
      group_{create_group(results, name)},
      dimension_{create_bare_dimension(group_.get(), dimension_name(columns), 0, true)} {
  if (!options.description.empty()) write_attribute(group_.get(), "description", options.description);
  for (const ColumnSpec& spec : columns) {
    const auto units = options.units.find(spec.name);
    Column column{add_dataset(spec.name, spec.type), {}};
    describe(column.cells.id(), spec.type, units == options.units.end() ? "" : units->second, "");
    if (has_valid_column(spec)) {
      column.valid.push_back(add_dataset(valid_name(spec.name), ColumnType::boolean));
      describe(column.valid.front().id(), ColumnType::boolean, "", "");
    }
    columns_.push_back(std::move(column));
  }
}

GrowingDataset ColumnTable::add_dataset(const std::string& name, ColumnType type) {
  GrowingDataset dataset{group_.get(), name, cell_type(group_.get(), type), chunk_rows};
  check(H5DSattach_scale(dataset.id(), dimension_.get(), 0), "giving a dimension to", name_ + "/" + name);
  return dataset;
}

void ColumnTable::append(const ColumnBatch& batch) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const ColumnBatch::Column& source = batch.columns[i];
    with_cells(source, [&](const void* cells) { columns_[i].cells.append(cells, batch.rows); });
    if (!columns_[i].valid.empty()) columns_[i].valid.front().append(source.valid.data(), batch.rows);
  }
  rows_ += batch.rows;
}

void ColumnTable::close() {
  check(H5Dset_extent(dimension_.get(), &rows_), "sizing the rows of", name_);
  for (Column& column : columns_) {
    column.cells.close();
    for (GrowingDataset& valid : column.valid) valid.close();
  }
  dimension_.close("closing the rows of", name_);
  group_.close("closing the table", name_);
}

}  // namespace crema::record
