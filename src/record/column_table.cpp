#include "record/column_table.hpp"

#include <fmt/format.h>
#include <hdf5_hl.h>

#include <utility>

#include "record/result_types.hpp"

namespace crema::record {
namespace {

// The size of results' blocks (crema/results.hpp), so that blocks fill whole chunks.
constexpr hsize_t chunk_rows = 8192;

std::set<std::string> names_of(const std::vector<ColumnSpec>& columns) {
  std::set<std::string> names;
  for (const ColumnSpec& column : columns) {
    names.insert(column.name);
    if (has_valid_column(column)) names.insert(valid_name(column.name));
  }
  return names;
}

}  // namespace

ColumnTable::ColumnTable(hid_t results, const std::string& name, const std::vector<ColumnSpec>& columns,
                         const TableOptions& options)
    : name_{name},
      taken_{names_of(columns)},
      group_{create_group(results, name)},
      dimension_{add_dimension("row", 0, true)} {
  if (!options.description.empty()) write_attribute(group_.get(), "description", options.description);
  for (const ColumnSpec& spec : columns) {
    const auto units = options.units.find(spec.name);
    Column column{add_dataset(spec.name, spec.type, {spec.shape.begin(), spec.shape.end()}), {}};
    describe(column.cells.id(), spec.type, units == options.units.end() ? "" : units->second, "");
    if (has_valid_column(spec)) {
      column.valid.push_back(add_dataset(valid_name(spec.name), ColumnType::boolean, {}));
      describe(column.valid.front().id(), ColumnType::boolean, "", "");
    }
    columns_.push_back(std::move(column));
  }
}

Handle ColumnTable::add_dimension(std::string name, hsize_t size, bool grows) {
  while (!taken_.insert(name).second) name += '_';
  return create_bare_dimension(group_.get(), name, size, grows);
}

GrowingDataset ColumnTable::add_dataset(const std::string& name, ColumnType type,
                                        const std::vector<hsize_t>& cell_shape) {
  GrowingDataset dataset{group_.get(), name, cell_type(group_.get(), type), chunk_rows, cell_shape};
  const auto attach = [&](const Handle& dimension, unsigned place) {
    check(H5DSattach_scale(dataset.id(), dimension.get(), place), "giving a dimension to", name_ + "/" + name);
  };
  attach(dimension_, 0);
  for (std::size_t i = 0; i < cell_shape.size(); ++i) {
    Handle dimension = add_dimension(fmt::format("{}_{}", name, i + 1), cell_shape[i], false);
    attach(dimension, static_cast<unsigned>(i + 1));
    dimension.close("closing a dimension of", name_ + "/" + name);
  }
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
