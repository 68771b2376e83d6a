#include "record/new_file.hpp"

namespace crema::record {
namespace {

Handle access_properties() { return Handle{H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "making", "file access properties"}; }

Handle create_file(const std::string& path, hid_t access) {
  const Handle creation{H5Pcreate(H5P_FILE_CREATE), H5Pclose, "making", "file creation properties"};
  check(H5Pset_link_creation_order(creation.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), "making",
        "file creation properties");
  return Handle{H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access), H5Fclose, "creating", path};
}

}  // namespace

NewFile::NewFile(const std::string& path, WriteFailure& failure)
    : access{access_properties()},
      driver{use_file_driver(access.get(), failure)},
      file{create_file(path, access.get())} {}

}  // namespace crema::record
