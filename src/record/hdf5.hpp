#pragma once

// The one place where HDF5's C API is checked. Every call's result passes through check() or a Handle, and a failure
// becomes an Error that says what was attempted and HDF5's own reason. What writes runs on the run file's I/O thread,
// what reads on any; each while it holds library_mutex().

#include <hdf5.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crema/columns.hpp"

namespace crema::record {

/// Held by whoever uses HDF5: not every build of it can be used by several threads of a process.
std::mutex& library_mutex();

[[noreturn]] void throw_hdf5_error(std::string_view action, std::string_view subject);

/// Returns `result`; throws Error "<action> <subject>: <HDF5's reason>" where it is negative.
template <class Result>
Result check(Result result, std::string_view action, std::string_view subject) {
  if (result < 0) throw_hdf5_error(action, subject);
  return result;
}

/// An HDF5 identifier that is closed when its owner goes.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Handle() = default;
  /// Takes what an HDF5 call returned; throws as check() does where the call failed.
  Handle(hid_t id, Close closer, std::string_view action, std::string_view subject)
      : id_{check(id, action, subject)}, close_{closer} {}
  Handle(Handle&& other) noexcept : id_{std::exchange(other.id_, H5I_INVALID_HID)}, close_{other.close_} {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }

  [[nodiscard]] hid_t get() const noexcept { return id_; }
  /// Closes now and throws Error when that fails: where closing writes data, its failure must not be lost.
  void close(std::string_view action, std::string_view subject);

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

/// Variable-length UTF-8 text, the type of every string in the file.
Handle text_type();
/// The type of a column's numbers, in memory and in the file; requires neither text nor boolean. Not to be closed.
hid_t number_type(ColumnType type);
/// A set of link creation properties that marks names as UTF-8.
Handle utf8_names();
/// A group whose members keep the order they were made in.
Handle create_group(hid_t parent, const std::string& name);
/// The space of a dataset or block: its shape; no dimensions give a scalar.
Handle create_space(const std::vector<hsize_t>& shape);

void write_attribute(hid_t object, const std::string& name, const std::string& text);
void write_attribute(hid_t object, const std::string& name, std::int64_t value);
void write_attribute(hid_t object, const std::string& name, double value);

}  // namespace crema::record
