#include "record/table_file.hpp"

#include <fmt/format.h>

#include <mutex>
#include <system_error>

#include "crema/errors.hpp"
#include "record/result_types.hpp"

namespace crema::record {
namespace {

std::vector<std::string> names_of(const std::string& table) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < table.size();) {
    const std::size_t end = std::min(table.find('/', begin), table.size());
    if (end > begin) names.push_back(table.substr(begin, end - begin));
    begin = end + 1;
  }
  if (names.empty()) {
    throw UsageError{"writing a table to an HDF5 file under the name \"" + table +
                     "\": it must have a name, as in \"orders\" or \"day/orders\""};
  }
  return names;
}

}  // namespace

TableFile::TableFile(const std::filesystem::path& path, const std::string& table,
                     const std::vector<ColumnSpec>& columns)
    : temporary_{path,
                 TemporaryFile::Existing::replaced,
                 {.what = "the HDF5 file",
                  .give_a_file = "name a file in it",
                  .choose_another = "choose another name",
                  .or_begin_anew = "",
                  .content = "the rows are"}} {
  const std::lock_guard lock{library_mutex()};
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  open_.emplace(Open{.file = NewFile{temporary_.path().string(), failure_}});
  commit_bool_type(open_->file.file.get());
  hid_t parent = open_->file.file.get();
  std::vector<std::string> names = names_of(table);
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    open_->groups.push_back(create_group(parent, names[i]));
    parent = open_->groups.back().get();
  }
  open_->table.emplace(parent, names.back(), columns, TableOptions{});
}

TableFile::~TableFile() {
  const std::lock_guard lock{library_mutex()};
  open_.reset();
}

void TableFile::append(const ColumnBatch& batch) {
  const std::lock_guard lock{library_mutex()};
  open_->table->append(batch);
  check_disk();
}

void TableFile::publish() {
  {
    const std::lock_guard lock{library_mutex()};
    open_->table->close();
    open_->table.reset();
    open_->groups.clear();
    open_->file.file.close("closing", temporary_.path().string());
    open_.reset();
  }
  check_disk();
  temporary_.publish();
}

void TableFile::check_disk() const {
  if (failure_.error == 0) return;
  throw Error{fmt::format("writing \"{}\": {}; make room, or choose a name elsewhere", temporary_.target().string(),
                          std::generic_category().message(failure_.error))};
}

}  // namespace crema::record
