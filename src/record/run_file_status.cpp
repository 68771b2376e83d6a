#include <cstdlib>

#include "record/hdf5.hpp"
#include "record/run_file.hpp"

namespace crema::record {

bool is_complete(const std::filesystem::path& path) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  if (check(H5Fis_hdf5(path.c_str()), "reading", path.string()) == 0) return false;
  const Handle file{H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "reading", path.string()};
  if (check(H5Aexists(file.get(), "status"), "reading", path.string()) == 0) return false;
  const Handle status{H5Aopen(file.get(), "status", H5P_DEFAULT), H5Aclose, "reading the status of", path.string()};
  const Handle type = text_type();
  char* text = nullptr;
  check(H5Aread(status.get(), type.get(), static_cast<void*>(&text)), "reading the status of", path.string());
  const bool complete = text != nullptr && std::string_view{text} == "complete";
  check(H5free_memory(text), "reading the status of", path.string());
  return complete;
}

}  // namespace crema::record
