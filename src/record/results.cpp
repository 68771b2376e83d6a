#include "crema/results.hpp"

#include <utility>

#include "crema/errors.hpp"
#include "record/result_checks.hpp"
#include "record/run_file.hpp"

namespace crema {

namespace detail {

TableWriter::TableWriter(record::RunFile& file, std::string name, const std::vector<ColumnSpec>& columns)
    : file_{&file}, name_{std::move(name)}, columns_{columns}, batch_{columns} {}

TableWriter::~TableWriter() {
  try {
    close();
  } catch (const Error&) {
    // The run file remembers why writing failed and says it at its end; a destructor cannot.
  }
}

ColumnBatch& TableWriter::batch() {
  if (file_ != nullptr) return batch_;
  throw UsageError{"appending a row to the table \"" + name_ +
                   "\": the run is over and its file is being finished; append before the driver returns"};
}

void TableWriter::flush() {
  if (batch_.rows == 0) return;
  bytes_ = 0;
  file_->append(name_, std::exchange(batch_, ColumnBatch{columns_}));
}

void TableWriter::drop_block() {
  bytes_ = 0;
  batch_ = ColumnBatch{columns_};
}

void TableWriter::close() {
  if (file_ == nullptr) return;
  flush();
  std::exchange(file_, nullptr)->close_table(name_);
}

}  // namespace detail

void Results::store(const std::string& name, ColumnBatch values, bool scalar, const ValueOptions& options) {
  file_.store_value(name, std::move(values), scalar, options);
}

std::shared_ptr<detail::TableWriter> Results::open_table(const std::string& name,
                                                         const std::vector<ColumnSpec>& columns,
                                                         const TableOptions& options) {
  file_.open_table(name, columns, options);
  auto table = std::make_shared<detail::TableWriter>(file_, name, columns);
  std::erase_if(tables_, [](const auto& other) { return other.expired(); });
  tables_.push_back(table);
  return table;
}

void Results::check_size(const std::string& name, std::size_t values, const std::vector<std::size_t>& shape) {
  record::check_array_size(name, values, shape);
}

void Results::create_array(const std::string& name, ColumnType type, const std::vector<std::size_t>& shape,
                           const ArrayOptions& options) {
  file_.create_array(name, type, shape, options);
}

void Results::write_array(const std::string& name, ColumnType type, const std::vector<std::size_t>& array_shape,
                          const std::vector<std::size_t>& offset, const std::vector<std::size_t>& block_shape,
                          std::span<const std::byte> block) {
  file_.write_array(name, type, array_shape, offset, block_shape, block);
}

void Results::close() {
  for (const auto& table : tables_) {
    if (const auto writer = table.lock()) writer->close();
  }
  tables_.clear();
}

}  // namespace crema
