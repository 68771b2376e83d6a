#include "history/named_files.hpp"

#include <fmt/format.h>

#include "journal/blob.hpp"
#include "wire/messages.hpp"

namespace crema::history {

using journal::RecordType;

std::string NamedFiles::damage_of(const journal::Record& record) {
  if (record.type == RecordType::task) {
    const Task task = read_task(record.payload);
    if (task.kept == Task::Kept::blob) return look_at_value(task.key, task.large);
  } else if (record.type == RecordType::value) {
    const StoredValue stored = read_stored_value(record.payload);
    if (stored.large.size > 0) return look_at_value(stored.key, stored.large);
  }
  return "";
}

std::string NamedFiles::look_at_value(TaskKey key, const Large& large) {
  const std::string name = journal::blob_name(key, large.blob);
  const std::string why = journal::damage_of(blobs_ / name, large.size, large.digest);
  if (!why.empty()) return fmt::format("the value in blobs/{} {}", name, why);
  ++values_.files;
  values_.bytes += large.size;
  return "";
}

bool NamedFiles::has_outputs(const journal::Record& record) {
  if (record.type == RecordType::output) {
    const wire::OutputFile file = wire::read_output(record.payload);
    written_[file.key][file.path] = {file.size, file.digest};
  }
  if (record.type != RecordType::task || written_.empty()) return true;
  const auto written = written_.extract(read_task(record.payload).key);
  if (written.empty()) return true;
  bool whole = true;
  for (const auto& [path, file] : written.mapped()) {
    const std::string why = journal::damage_of(path, file.size, file.digest);
    if (why.empty()) {
      ++outputs_.files;
      outputs_.bytes += file.size;
      continue;
    }
    if (damaged_++ == 0) first_damage_ = fmt::format("\"{}\" {}", path, why);
    whole = false;
  }
  return whole;
}

std::string NamedFiles::damaged_outputs() const {
  if (damaged_ == 0) return "";
  const std::string others = damaged_ == 1 ? "" : fmt::format(" (and {} more)", damaged_ - 1);
  return fmt::format("of the files that it has written, {}{}", first_damage_, others);
}

}  // namespace crema::history
