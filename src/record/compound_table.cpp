#include "record/compound_table.hpp"

#include <cstddef>
#include <cstring>

namespace crema::record {
namespace {

constexpr hsize_t chunk_rows = 512;

/// Bytes of a column's value inside a row; text is a pointer, as HDF5 wants it.
std::size_t member_size(ColumnType type) { return type == ColumnType::text ? sizeof(const char*) : width_of(type); }

std::size_t row_size(const std::vector<ColumnSpec>& columns) {
  std::size_t size = 0;
  for (const ColumnSpec& column : columns) size += member_size(column.type);
  return size;
}

Handle row_type(const std::string& table, const std::vector<ColumnSpec>& columns) {
  const Handle text = text_type();
  Handle type{H5Tcreate(H5T_COMPOUND, row_size(columns)), H5Tclose, "making the row type of", table};
  std::size_t offset = 0;
  for (const ColumnSpec& column : columns) {
    const hid_t member = column.type == ColumnType::text ? text.get() : number_type(column.type);
    check(H5Tinsert(type.get(), column.name.c_str(), offset, member), "adding a column to", table);
    offset += member_size(column.type);
  }
  return type;
}

}  // namespace

CompoundTable::CompoundTable(hid_t parent, const std::string& name, const std::vector<ColumnSpec>& columns)
    : dataset_{parent, name, row_type(name, columns), chunk_rows} {}

void CompoundTable::append(const ColumnBatch& batch) {
  std::size_t stride = 0;
  for (const ColumnBatch::Column& column : batch.columns) stride += member_size(column.spec.type);
  std::vector<std::byte> rows(stride * batch.rows);
  std::size_t offset = 0;
  for (const ColumnBatch::Column& column : batch.columns) {
    const std::size_t size = member_size(column.spec.type);
    for (std::size_t row = 0; row < batch.rows; ++row) {
      std::byte* place = rows.data() + row * stride + offset;
      if (column.spec.type == ColumnType::text) {
        const char* text = column.texts[row].c_str();
        std::memcpy(place, &text, size);
      } else {
        std::memcpy(place, column.values.data() + row * size, size);
      }
    }
    offset += size;
  }
  dataset_.append(rows.data(), batch.rows);
}

}  // namespace crema::record
