#include "io/parquet_file.hpp"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "crema/errors.hpp"
#include "io/file.hpp"
#include "io/parquet_cells.hpp"

namespace crema::io {
namespace {

using ::parquet::arrow::SchemaField;

constexpr std::int64_t slice_rows = 8192;  // their cells and rows stay in a core's cache

[[noreturn]] void fail(const std::string& path, const std::string& column, std::string expected, std::string found) {
  throw DataError{{.file = path, .column = column, .expected = std::move(expected), .found = std::move(found)}};
}

/// Whether all that a file has of a column are numbers of the entries of dictionaries.
bool is_dictionary_throughout(const ::parquet::FileMetaData& metadata, int leaf) {
  using ::parquet::Encoding;
  for (int i = 0; i < metadata.num_row_groups(); ++i) {
    const auto chunk = metadata.RowGroup(i)->ColumnChunk(leaf);
    if (chunk->encoding_stats().empty()) return false;
    for (const ::parquet::PageEncodingStats& pages : chunk->encoding_stats()) {
      const bool holds_values =
          pages.page_type == ::parquet::PageType::DATA_PAGE || pages.page_type == ::parquet::PageType::DATA_PAGE_V2;
      if (holds_values && pages.encoding != Encoding::RLE_DICTIONARY && pages.encoding != Encoding::PLAIN_DICTIONARY)
        return false;
    }
  }
  return true;
}

/// Text that is written by dictionary is left so: making each cell's text is what takes longest.
void keep_dictionaries(const ::parquet::FileMetaData& metadata, const std::vector<parquet::Column>& columns,
                       ::parquet::ArrowReaderProperties& properties) {
  for (const parquet::Column& column : columns) {
    const int leaf = metadata.schema()->ColumnIndex(column.name);
    if (column.type != ColumnType::text || leaf < 0) continue;
    const ::parquet::ColumnDescriptor& described = *metadata.schema()->Column(leaf);
    if (described.max_repetition_level() == 0 && described.physical_type() == ::parquet::Type::BYTE_ARRAY &&
        described.converted_type() == ::parquet::ConvertedType::UTF8 && is_dictionary_throughout(metadata, leaf))
      properties.set_read_dictionary(leaf, true);
  }
}

std::unique_ptr<::parquet::arrow::FileReader> open(const std::string& path,
                                                   const std::vector<parquet::Column>& columns) {
  const auto refuse = [&path](const ::arrow::Status& status) {
    fail(path, "", "a whole Parquet file that can be read", status.message());
  };
  auto input = ::arrow::io::ReadableFile::Open(path);
  if (!input.ok()) refuse(input.status());
  ::parquet::ReaderProperties properties;
  properties.set_page_checksum_verification(true);
  ::parquet::arrow::FileReaderBuilder builder;
  if (const ::arrow::Status status = builder.Open(*input, properties); !status.ok()) refuse(status);
  // A task has the cores it was given: no threads besides its own.
  ::parquet::ArrowReaderProperties without_threads{/*use_threads=*/false};
  without_threads.set_pre_buffer(false);
  keep_dictionaries(*builder.raw_reader()->metadata(), columns, without_threads);
  auto reader = builder.properties(without_threads)->Build();
  if (!reader.ok()) refuse(reader.status());
  return std::move(*reader);
}

/// The column of this name, in a struct where its first part names one; adds the names on the way there.
const SchemaField* find(const std::vector<SchemaField>& fields, std::string_view name, std::vector<std::string>& path) {
  for (const SchemaField& field : fields) {
    if (field.field->name() != name) continue;
    path.emplace_back(name);
    return &field;
  }
  for (const SchemaField& field : fields) {
    const std::string& outer = field.field->name();
    if (field.field->type()->id() != ::arrow::Type::STRUCT || !name.starts_with(outer + ".")) continue;
    path.push_back(outer);
    if (const SchemaField* inner = find(field.children, name.substr(outer.size() + 1), path)) return inner;
    path.pop_back();
  }
  return nullptr;
}

void add_leaves(const SchemaField& field, std::vector<int>& leaves) {
  if (field.is_leaf()) leaves.push_back(field.column_index);
  for (const SchemaField& child : field.children) add_leaves(child, leaves);
}

}  // namespace

ParquetFile::ParquetFile(const std::string& path, const std::vector<parquet::Column>& columns)
    : path_{path}, reader_{open(path, columns)} {
  const auto metadata = reader_->parquet_reader()->metadata();
  for (int i = 0; i < metadata->num_row_groups(); ++i) {
    rows_.push_back(static_cast<std::uint64_t>(metadata->RowGroup(i)->num_rows()));
  }
  const std::vector<SchemaField>& fields = reader_->manifest().schema_fields;
  const std::uint64_t size = File{path}.size();
  for (const parquet::Column& column : columns) {
    Found found;
    const SchemaField* field = find(fields, column.name, found.path);
    if (field == nullptr) fail(path, column.name, "a column of this name", "none");
    const auto of_this_name = [&found](const SchemaField& each) { return each.field->name() == found.path.front(); };
    if (std::ranges::count_if(fields, of_this_name) > 1) fail(path, column.name, "one column of this name", "several");
    if (!can_read(column, *field->field->type())) {
      fail(path, column.name, expected_values(column), field->field->type()->ToString());
    }
    add_leaves(*field, found.leaves);
    check_size(column.name, found, size);
    found_.push_back(std::move(found));
  }
}

ParquetFile::~ParquetFile() = default;

void ParquetFile::check_size(const std::string& column, const Found& found, std::uint64_t file_size) const {
  const auto metadata = reader_->parquet_reader()->metadata();
  for (int i = 0; i < metadata->num_row_groups(); ++i) {
    for (const int leaf : found.leaves) {
      const auto chunk = metadata->RowGroup(i)->ColumnChunk(leaf);
      const std::int64_t pages = chunk->data_page_offset();
      const std::int64_t begin =
          chunk->has_dictionary_page() ? std::min(pages, chunk->dictionary_page_offset()) : pages;
      const std::int64_t end = begin + chunk->total_compressed_size();
      if (begin >= 0 && end >= begin && static_cast<std::uint64_t>(end) <= file_size) continue;
      fail(path_, column, fmt::format("its values of row group {} to end at byte {} as the footer says", i, end),
           fmt::format("{} bytes in all: something is cut out of the file", file_size));
    }
  }
}

void ParquetFile::read(std::int32_t row_group, std::vector<parquet::Column>& columns,
                       const parquet::TakeRows& take) const {
  if (row_group < 0 || static_cast<std::size_t>(row_group) >= rows_.size()) {
    fail(path_, "", fmt::format("row group {}, which was there when the job opened the file", row_group),
         fmt::format("{} row groups: the file was replaced", rows_.size()));
  }
  const auto rows = static_cast<std::int64_t>(rows_[static_cast<std::size_t>(row_group)]);
  std::vector<std::vector<std::shared_ptr<::arrow::Array>>> arrays;
  std::vector<CellReader> cells;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    arrays.push_back(read_column(row_group, found_[i], columns[i].name));
    std::int64_t count = 0;
    for (const auto& array : arrays.back()) count += array->length();
    if (count != rows) {
      fail(path_, columns[i].name, fmt::format("{} values in row group {}", rows, row_group), std::to_string(count));
    }
    cells.emplace_back(path_, row_group, columns[i]);
  }
  for (std::int64_t begin = 0; begin < rows; begin += slice_rows) {
    const std::int64_t end = std::min(begin + slice_rows, rows);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      cells[i].clear();
      std::int64_t place = 0;  // of the array's first row
      for (const auto& array : arrays[i]) {
        const std::int64_t from = std::max(begin, place);
        const std::int64_t to = std::min(end, place + array->length());
        if (from < to) cells[i].append(*array->Slice(from - place, to - from));
        place += array->length();
      }
    }
    take(static_cast<std::size_t>(end - begin), static_cast<std::size_t>(rows - begin));
  }
}

std::vector<std::shared_ptr<::arrow::Array>> ParquetFile::read_column(std::int32_t row_group, const Found& found,
                                                                      const std::string& column) const {
  const auto refuse = [&](const std::string& why) {
    fail(path_, column, fmt::format("values of row group {} that can be read", row_group), why);
  };
  try {
    const auto table = reader_->ReadRowGroup(row_group, found.leaves);
    if (!table.ok()) refuse(table.status().message());
    std::vector<std::shared_ptr<::arrow::Array>> arrays = (*table)->column(0)->chunks();
    for (std::shared_ptr<::arrow::Array>& array : arrays) {
      for (std::size_t depth = 1; depth < found.path.size(); ++depth) {
        const auto& all = static_cast<const ::arrow::StructArray&>(*array);
        const auto member = all.GetFlattenedField(all.struct_type()->GetFieldIndex(found.path[depth]));
        if (!member.ok()) refuse(member.status().message());
        array = *member;
      }
    }
    return arrays;
  } catch (const ::parquet::ParquetException& exception) {
    refuse(exception.what());
    throw;
  }
}

}  // namespace crema::io
