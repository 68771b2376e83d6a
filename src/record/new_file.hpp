#pragma once

#include <string>

#include "record/file_driver.hpp"
#include "record/hdf5.hpp"

namespace crema::record {

/// An HDF5 file that is made anew, where one of that name is replaced. See use_file_driver for `failure`.
/// Whoever uses it holds library_mutex().
struct NewFile {
  NewFile(const std::string& path, WriteFailure& failure);

  Handle access;
  Handle driver;
  Handle file;
};

}  // namespace crema::record
