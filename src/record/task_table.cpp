#include "record/task_table.hpp"

#include <cmath>
#include <cstddef>
#include <cstring>

namespace crema::record {

/// A row as it lies in the file. Without padding, and with the small integers small: compression time goes by bytes.
struct [[gnu::packed]] TaskTable::PackedRow {
  std::uint64_t id;
  std::uint64_t key;
  std::uint64_t parent;
  std::uint32_t function;
  std::uint16_t run;
  std::uint16_t attempt;
  std::int32_t rank;
  TaskState state;
  double submitted;
  double started;
  double finished;
  std::uint64_t bytes_in;
  std::uint64_t bytes_out;

  static Handle state_type();
  static Handle type();
};

namespace {

// 4096 rows: 308 KiB stay in a core's own cache while they are shuffled and compressed.
constexpr std::size_t chunk_rows = 4096;

/// Rounds to 2^-23 s (0.12 µs), finer than ranks' clocks agree: digits that mean nothing cost most of the time and
/// the space of compression.
double round_time(double seconds) {
  constexpr double steps_per_second = 1U << 23U;
  return std::nearbyint(seconds * steps_per_second) / steps_per_second;
}

}  // namespace

Handle TaskTable::PackedRow::state_type() {
  Handle type{H5Tenum_create(H5T_NATIVE_UINT8), H5Tclose, "making the type of", "/tasks state"};
  const auto add = [&type](const char* name, TaskState state) {
    check(H5Tenum_insert(type.get(), name, &state), "naming a state of", "/tasks state");
  };
  add("finished", TaskState::finished);
  add("failed", TaskState::failed);
  add("cancelled", TaskState::cancelled);
  add("lost", TaskState::lost);
  add("interrupted", TaskState::interrupted);
  return type;
}

Handle TaskTable::PackedRow::type() {
  Handle type{H5Tcreate(H5T_COMPOUND, sizeof(PackedRow)), H5Tclose, "making the row type of", "/tasks"};
  const auto add = [&type](const char* name, std::size_t offset, hid_t member) {
    check(H5Tinsert(type.get(), name, offset, member), "adding a column to /tasks:", name);
  };
  const Handle state = state_type();
  add("id", offsetof(PackedRow, id), H5T_NATIVE_UINT64);
  add("key", offsetof(PackedRow, key), H5T_NATIVE_UINT64);
  add("parent", offsetof(PackedRow, parent), H5T_NATIVE_UINT64);
  add("function", offsetof(PackedRow, function), H5T_NATIVE_UINT32);
  add("run", offsetof(PackedRow, run), H5T_NATIVE_UINT16);
  add("attempt", offsetof(PackedRow, attempt), H5T_NATIVE_UINT16);
  add("rank", offsetof(PackedRow, rank), H5T_NATIVE_INT32);
  add("state", offsetof(PackedRow, state), state.get());
  add("submitted", offsetof(PackedRow, submitted), H5T_NATIVE_DOUBLE);
  add("started", offsetof(PackedRow, started), H5T_NATIVE_DOUBLE);
  add("finished", offsetof(PackedRow, finished), H5T_NATIVE_DOUBLE);
  add("bytes_in", offsetof(PackedRow, bytes_in), H5T_NATIVE_UINT64);
  add("bytes_out", offsetof(PackedRow, bytes_out), H5T_NATIVE_UINT64);
  return type;
}

TaskTable::TaskTable(hid_t file) : dataset_{file, "tasks", PackedRow::type(), chunk_rows} {
  chunk_.reserve(chunk_rows * sizeof(PackedRow));
}

void TaskTable::append(std::span<const TaskRow> rows) {
  for (const TaskRow& row : rows) {
    const PackedRow packed{row.id.number,
                           row.key,
                           row.parent.number,
                           row.function,
                           row.run,
                           row.attempt,
                           row.rank.number,
                           row.state,
                           round_time(row.submitted),
                           round_time(row.started),
                           round_time(row.finished),
                           row.bytes_in,
                           row.bytes_out};
    const auto* bytes = reinterpret_cast<const std::byte*>(&packed);
    chunk_.insert(chunk_.end(), bytes, bytes + sizeof packed);
    if (chunk_.size() == chunk_rows * sizeof(PackedRow)) flush();
  }
}

void TaskTable::flush() {
  dataset_.append(chunk_.data(), chunk_.size() / sizeof(PackedRow));
  chunk_.clear();
}

void TaskTable::close() {
  flush();
  dataset_.close();
}

}  // namespace crema::record
