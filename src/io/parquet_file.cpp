#include "io/parquet_file.hpp"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <string_view>
#include <utility>

#include "crema/errors.hpp"
#include "crema/text_writer.hpp"
#include "io/file.hpp"
#include "io/parquet_cells.hpp"
#include "io/parquet_text.hpp"
#include "io/quote.hpp"

namespace crema::io {
namespace {

using ::parquet::arrow::SchemaField;

constexpr std::int64_t slice_rows = 8192;    // their cells and rows stay in a core's cache
constexpr std::int64_t batch_rows = 65'536;  // decoded at a time: their memory is used again for the next ones

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
  without_threads.set_batch_size(batch_rows);
  keep_dictionaries(*builder.raw_reader()->metadata(), columns, without_threads);
  auto reader = builder.properties(without_threads)->Build();
  if (!reader.ok()) refuse(reader.status());
  return std::move(*reader);
}

std::string names_of(const std::vector<SchemaField>& fields) {
  constexpr std::size_t most = 20;
  std::string names;
  for (std::size_t i = 0; i < std::min(most, fields.size()); ++i)
    names.append(i == 0 ? "" : ", ").append(quote(fields[i].field->name()));
  return fields.size() > most ? fmt::format("{} and {} more", names, fields.size() - most) : names;
}

/// Instead of a column that is not there: what its name begins with, or all that there are.
std::string what_there_is(const std::vector<SchemaField>& fields, std::string_view name) {
  for (const SchemaField& field : fields) {
    const std::string& outer = field.field->name();
    if (!name.starts_with(outer)) continue;
    const std::string_view rest = name.substr(outer.size());
    if (rest.starts_with('.') || rest.starts_with(parquet::in_lists))
      return fmt::format("{} of type {}", quote(outer), field.field->type()->ToString());
  }
  return "the columns " + names_of(fields);
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
  std::string_view before;
  for (const parquet::Column& column : columns) {
    Found found{.path = MemberPath(1), .lists_of_records = lists_of_both(before, column.name)};
    before = column.name;
    const SchemaField* field = find_member(fields, column.name, found.path);
    if (field == nullptr) fail(path, column.name, "a column of this name", what_there_is(fields, column.name));
    const auto of_this_name = [&found](const SchemaField& each) {
      return each.field->name() == found.path.front().front();
    };
    if (std::ranges::count_if(fields, of_this_name) > 1) fail(path, column.name, "one column of this name", "several");
    if (!can_read(column, *field->field->type(), found.path.size() - 1)) {
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

/// The values of one column of a row group, decoded as they are asked for.
class ParquetFile::ColumnStream {
 public:
  /// All must outlive it.
  ColumnStream(const ParquetFile& file, std::int32_t row_group, const Found& found, parquet::Column& column)
      : file_{file}, row_group_{row_group}, found_{found}, column_{column}, cells_{file.path_, row_group, column} {
    guarded([&] {
      auto batches = file_.reader_->GetRecordBatchReader({row_group}, found.leaves);
      if (!batches.ok()) refuse(batches.status().message());
      batches_ = std::move(*batches);
    });
  }

  /// The column has these rows from now on, and no others.
  void next(std::int64_t rows) {
    cells_.clear();
    pieces_.clear();
    while (rows > 0) {
      if (!array_ || place_ == array_->length()) next_array();
      const std::int64_t count = std::min(rows, array_->length() - place_);
      pieces_.push_back(array_->Slice(place_, count));
      cells_.append(*pieces_.back());
      place_ += count;
      rows -= count;
    }
  }
  /// Throws where the records that this is a member of are not in such lists as another member has.
  void check_lists(const parquet::Column& other) const {
    for (std::size_t depth = 0; depth < found_.lists_of_records; ++depth) {
      const parquet::Lists& mine = column_.lists[depth];
      const parquet::Lists& its = other.lists[depth];
      if (mine.ends != its.ends || mine.there != its.there)
        refuse("lists that are not those of \"" + other.name + "\"");
    }
  }
  /// Adds those of these rows that have a value that does not fit.
  void add_bad(std::vector<parquet::BadRow>& bad) const {
    for (const CellReader::Misfit& misfit : cells_.misfits()) bad.push_back({misfit.row, cells_.error(misfit)});
  }
  /// Adds a value as JSON, of one of these rows.
  void append_text(std::string& out, std::int64_t row) const {
    const auto* piece = pieces_.data();
    for (; row >= (*piece)->length(); ++piece) row -= (*piece)->length();
    append_json_of(out, **piece, row);
  }

 private:
  void next_array() {
    guarded([&] {
      const auto batch = batches_->Next();
      if (!batch.ok()) refuse(batch.status().message());
      if (!*batch) {
        const std::uint64_t rows = file_.rows_[static_cast<std::size_t>(row_group_)];
        fail(file_.path_, column_.name, fmt::format("{} values in row group {}", rows, row_group_),
             std::to_string(values_));
      }
      const auto values = member_of((*batch)->column(0), found_.path);
      if (!values.ok()) refuse(values.status().message());
      array_ = *values;
    });
    place_ = 0;
    values_ += array_->length();
  }

  template <class Work>
  void guarded(Work&& work) const {
    try {
      work();
    } catch (const ::parquet::ParquetException& exception) {
      refuse(exception.what());
    }
  }
  [[noreturn]] void refuse(const std::string& why) const {
    fail(file_.path_, column_.name, fmt::format("values of row group {} that can be read", row_group_), why);
  }

  const ParquetFile& file_;
  const std::int32_t row_group_;
  const Found& found_;
  const parquet::Column& column_;
  CellReader cells_;
  std::unique_ptr<::arrow::RecordBatchReader> batches_;
  std::shared_ptr<::arrow::Array> array_;
  std::vector<std::shared_ptr<::arrow::Array>> pieces_;  // with the column's rows
  std::int64_t place_ = 0;                               // of the next row, in the array
  std::int64_t values_ = 0;                              // in the arrays so far
};

void ParquetFile::read(std::int32_t row_group, std::vector<parquet::Column>& columns,
                       const parquet::TakeSlice& take) const {
  if (row_group < 0 || static_cast<std::size_t>(row_group) >= rows_.size()) {
    fail(path_, "", fmt::format("row group {}, which was there when the job opened the file", row_group),
         fmt::format("{} row groups: the file was replaced", rows_.size()));
  }
  const auto rows = static_cast<std::int64_t>(rows_[static_cast<std::size_t>(row_group)]);
  const std::uint64_t rows_before = std::accumulate(rows_.begin(), rows_.begin() + row_group, std::uint64_t{0});
  std::deque<ColumnStream> streams;
  for (std::size_t i = 0; i < columns.size(); ++i) streams.emplace_back(*this, row_group, found_[i], columns[i]);
  parquet::Slice slice;
  slice.text = [&](std::size_t row) {
    std::string text;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      text += text.empty() ? '{' : ',';
      crema::detail::append_json_text(text, columns[i].name);
      text += ':';
      streams[i].append_text(text, static_cast<std::int64_t>(row));
    }
    return text + "}";
  };
  for (std::int64_t begin = 0; begin < rows; begin += slice_rows) {
    const std::int64_t count = std::min(slice_rows, rows - begin);
    slice.bad.clear();
    for (ColumnStream& stream : streams) {
      stream.next(count);
      stream.add_bad(slice.bad);
    }
    for (std::size_t i = 1; i < columns.size(); ++i) streams[i].check_lists(columns[i - 1]);
    std::ranges::stable_sort(slice.bad, {}, &parquet::BadRow::row);
    const auto others = std::ranges::unique(slice.bad, {}, &parquet::BadRow::row);
    slice.bad.erase(others.begin(), others.end());
    slice.rows = static_cast<std::size_t>(count);
    slice.left = static_cast<std::size_t>(rows - begin);
    slice.first_row = rows_before + static_cast<std::uint64_t>(begin);
    take(slice);
  }
}

}  // namespace crema::io
