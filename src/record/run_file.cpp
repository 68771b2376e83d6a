#include "record/run_file.hpp"

#include <fmt/format.h>

#include <mutex>
#include <utility>

#include "crema/errors.hpp"
#include "record/hdf5.hpp"
#include "record/result_checks.hpp"
#include "record/result_types.hpp"
#include "record/run_file_writer.hpp"

namespace crema::record {

RunFile::RunFile(std::filesystem::path target, const RunInfo& info)
    : writer_{std::make_unique<RunFileWriter>(std::move(target), info)}, io_{[this] {
        const std::lock_guard lock{library_mutex()};
        writer_->abandon();
      }} {
  io_.call([this] {
    const std::lock_guard lock{library_mutex()};
    // HDF5 prints every error by itself unless told not to; here each becomes an Error that says more.
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    writer_->open();
  });
}

RunFile::~RunFile() = default;

template <class Work>
void RunFile::post(std::size_t bytes, Work work) {
  io_.post(bytes, IoThread::Work{[this, work = std::move(work)] {
             const std::lock_guard lock{library_mutex()};
             work();
             writer_->check_disk();
           }});
}

void RunFile::add_tasks(std::vector<TaskRow>&& rows) {
  const std::size_t bytes = rows.size() * sizeof(TaskRow);
  post(bytes, [this, rows = std::move(rows)] { writer_->add_tasks(rows); });
}

void RunFile::add_dependencies(std::vector<DependencyRow>&& rows) {
  const std::size_t bytes = rows.size() * sizeof(DependencyRow);
  post(bytes, [this, rows = std::move(rows)] { writer_->add_dependencies(rows); });
}

void RunFile::add_error(ErrorRow row) {
  const std::size_t bytes = sizeof row + row.type.size() + row.message.size() + row.host.size();
  post(bytes, [this, row = std::move(row)] { writer_->add_error(row); });
}

void RunFile::claim(const std::string& name) {
  check_name(name, "a result");
  if (!result_names_.insert(name).second) {
    throw UsageError{
        fmt::format("storing the result \"{}\": a result of that name is stored already; choose another "
                    "name (a table takes more rows through table<Row>(name).append)",
                    name)};
  }
}

void RunFile::throw_if_failed() const {
  if (failed()) throw Error{fmt::format("storing results in \"{}\": {}", writer_->target().string(), io_.failure())};
}

void RunFile::wait_for_space() {
  io_.wait_for_backlog(max_queued_result_bytes);
  throw_if_failed();
}

void RunFile::store_value(const std::string& name, ColumnBatch values, bool scalar, const ValueOptions& options) {
  const ColumnSpec& column = values.columns.front().spec;
  check_value_units(name, column.type, options);
  check_texts(name, values);
  claim(name);
  if (has_valid_column(column)) claim(valid_name(name));
  wait_for_space();
  const std::size_t bytes = values.size_bytes();
  post(bytes, [this, name, values = std::move(values), scalar, options] {
    writer_->results().store_value(name, values, scalar, options);
  });
}

void RunFile::open_table(const std::string& name, const std::vector<ColumnSpec>& columns, const TableOptions& options) {
  check_columns(name, columns, options);
  claim(name);
  throw_if_failed();
  post(0, [this, name, columns, options] { writer_->results().open_table(name, columns, options); });
}

void RunFile::append(const std::string& table, ColumnBatch rows) {
  check_texts(table, rows);
  wait_for_space();
  const std::size_t bytes = rows.size_bytes();
  post(bytes, [this, table, rows = std::move(rows)] { writer_->results().append(table, rows); });
}

void RunFile::close_table(const std::string& table) {
  post(0, [this, table] { writer_->results().close_table(table); });
}

void RunFile::create_array(const std::string& name, ColumnType type, const std::vector<std::size_t>& shape,
                           const ArrayOptions& options) {
  ArrayOptions checked = checked_array_options(name, shape, options);
  claim(name);
  throw_if_failed();
  const std::vector<hsize_t> sizes{shape.begin(), shape.end()};
  post(0, [this, name, type, sizes, checked = std::move(checked)] {
    writer_->results().create_array(name, type, sizes, checked);
  });
}

void RunFile::write_array(const std::string& name, ColumnType type, const std::vector<std::size_t>& array_shape,
                          const std::vector<std::size_t>& offset, const std::vector<std::size_t>& block_shape,
                          std::span<const std::byte> block) {
  const std::vector<std::size_t> shape =
      checked_block_shape(name, array_shape, offset, block_shape, block.size() / width_of(type));
  throw_if_failed();
  io_.call([&] {
    const std::lock_guard lock{library_mutex()};
    writer_->results().write_array(name, type, {offset.begin(), offset.end()}, {shape.begin(), shape.end()},
                                   block.data());
    writer_->check_disk();
  });
}

std::filesystem::path RunFile::finish(Summary summary) {
  try {
    io_.call([&] {
      const std::lock_guard lock{library_mutex()};
      writer_->finish(summary);
    });
  } catch (const Error& error) {
    throw Error{fmt::format("finishing the run file \"{}\": {}", writer_->target().string(), error.what())};
  }
  return writer_->target();
}

}  // namespace crema::record
