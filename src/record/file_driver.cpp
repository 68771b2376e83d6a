#include "record/file_driver.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <unordered_map>

namespace crema::record {
namespace {

constexpr std::size_t page_bytes = 4096;
// What HDF5 may still write when the disk is full is its metadata cache (32 MiB) and chunk caches. Beyond this bound
// only raw data is left, which HDF5 need not find again.
constexpr std::size_t max_pages = (128U << 20U) / page_bytes;

using Page = std::array<std::byte, page_bytes>;

/// What H5Pset_driver copies.
struct DriverInfo {
  WriteFailure* failure = nullptr;
};

struct DriverFile : H5FD_t {
  int descriptor = -1;
  haddr_t end_of_allocation = 0;
  haddr_t end_of_file = 0;
  WriteFailure* failure = nullptr;
  std::unordered_map<haddr_t, std::unique_ptr<Page>> pages;  ///< by page number: written after the failure
};

DriverFile& file_of(H5FD_t* file) { return *static_cast<DriverFile*>(file); }
const DriverFile& file_of(const H5FD_t* file) { return *static_cast<const DriverFile*>(file); }

/// Reads from disk; beyond the end are zeros. False with errno where that fails.
bool read_disk(const DriverFile& file, haddr_t address, std::size_t size, std::byte* target) {
  while (size > 0) {
    const ssize_t count = ::pread(file.descriptor, target, size, static_cast<off_t>(address));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) {
      std::memset(target, 0, size);
      return true;
    }
    target += count;
    address += static_cast<haddr_t>(count);
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

/// False with errno where the system refuses.
bool write_disk(const DriverFile& file, haddr_t address, std::size_t size, const std::byte* source) {
  while (size > 0) {
    const ssize_t count = ::pwrite(file.descriptor, source, size, static_cast<off_t>(address));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    source += count;
    address += static_cast<haddr_t>(count);
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

/// Calls visit(page number, offset in the page, offset in the range, bytes) for every page the range touches.
template <class Visit>
bool for_each_page(haddr_t address, std::size_t size, Visit&& visit) {
  for (std::size_t done = 0; done < size;) {
    const haddr_t place = address + done;
    const auto in_page = static_cast<std::size_t>(place % page_bytes);
    const std::size_t count = std::min(page_bytes - in_page, size - done);
    if (!visit(place / page_bytes, in_page, done, count)) return false;
    done += count;
  }
  return true;
}

bool write_memory(DriverFile& file, H5FD_mem_t type, haddr_t address, std::size_t size, const std::byte* source) {
  return for_each_page(address, size, [&](haddr_t number, std::size_t in_page, std::size_t done, std::size_t count) {
    auto found = file.pages.find(number);
    if (found == file.pages.end()) {
      if (type == H5FD_MEM_DRAW && file.pages.size() >= max_pages) return true;
      auto page = std::make_unique<Page>();
      if (!read_disk(file, number * page_bytes, page_bytes, page->data())) return false;
      found = file.pages.emplace(number, std::move(page)).first;
    }
    std::memcpy(found->second->data() + in_page, source + done, count);
    return true;
  });
}

void lay_memory_over(const DriverFile& file, haddr_t address, std::size_t size, std::byte* target) {
  if (file.pages.empty()) return;
  for_each_page(address, size, [&](haddr_t number, std::size_t in_page, std::size_t done, std::size_t count) {
    const auto found = file.pages.find(number);
    if (found != file.pages.end()) std::memcpy(target + done, found->second->data() + in_page, count);
    return true;
  });
}

H5FD_t* open_file(const char* name, unsigned /*flags*/, hid_t access, haddr_t /*max_address*/) {
  const auto* info = static_cast<const DriverInfo*>(H5Pget_driver_info(access));
  if (info == nullptr) return nullptr;
  auto file = std::unique_ptr<DriverFile>{new (std::nothrow) DriverFile{}};
  if (file == nullptr) return nullptr;
  file->failure = info->failure;
  file->descriptor = ::open(name, O_RDWR | O_TRUNC | O_CLOEXEC);
  return file->descriptor < 0 ? nullptr : file.release();
}

herr_t close_file(H5FD_t* base) {
  const std::unique_ptr<DriverFile> file{static_cast<DriverFile*>(base)};
  // Network filesystems report late: at close.
  if (::close(file->descriptor) != 0 && file->failure->error == 0) file->failure->error = errno;
  return 0;
}

/// The features of HDF5's default driver, whose files these are.
herr_t query(const H5FD_t* /*file*/, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t get_end_of_allocation(const H5FD_t* file, H5FD_mem_t /*type*/) { return file_of(file).end_of_allocation; }

herr_t set_end_of_allocation(H5FD_t* file, H5FD_mem_t /*type*/, haddr_t address) {
  file_of(file).end_of_allocation = address;
  return 0;
}

haddr_t get_end_of_file(const H5FD_t* file, H5FD_mem_t /*type*/) { return file_of(file).end_of_file; }

herr_t read_file(H5FD_t* base, H5FD_mem_t /*type*/, hid_t /*transfer*/, haddr_t address, std::size_t size,
                 void* target) {
  const DriverFile& file = file_of(base);
  if (!read_disk(file, address, size, static_cast<std::byte*>(target))) return -1;
  lay_memory_over(file, address, size, static_cast<std::byte*>(target));
  return 0;
}

herr_t write_file(H5FD_t* base, H5FD_mem_t type, hid_t /*transfer*/, haddr_t address, std::size_t size,
                  const void* source) {
  DriverFile& file = file_of(base);
  const auto* bytes = static_cast<const std::byte*>(source);
  if (file.failure->error == 0 && !write_disk(file, address, size, bytes)) file.failure->error = errno;
  try {
    if (file.failure->error != 0 && !write_memory(file, type, address, size, bytes)) return -1;
  } catch (const std::bad_alloc&) {
    return -1;
  }
  file.end_of_file = std::max(file.end_of_file, address + size);
  return 0;
}

herr_t truncate_file(H5FD_t* base, hid_t /*transfer*/, hbool_t /*closing*/) {
  DriverFile& file = file_of(base);
  if (file.end_of_file == file.end_of_allocation) return 0;
  if (file.failure->error == 0 && ::ftruncate(file.descriptor, static_cast<off_t>(file.end_of_allocation)) != 0) {
    file.failure->error = errno;
  }
  file.end_of_file = file.end_of_allocation;
  return 0;
}

H5FD_class_t make_driver() {
  H5FD_class_t driver{};
#if H5_VERSION_GE(1, 13, 0)
  driver.version = H5FD_CLASS_VERSION;
  driver.value = 512;  // of the range HDF5 leaves to drivers that are not registered with it
#endif
  constexpr H5FD_mem_t one_file[H5FD_MEM_NTYPES] = H5FD_FLMAP_DICHOTOMY;
  driver.name = "crema";
  driver.maxaddr = static_cast<haddr_t>(INT64_MAX);
  driver.fc_degree = H5F_CLOSE_STRONG;
  driver.fapl_size = sizeof(DriverInfo);
  driver.open = open_file;
  driver.close = close_file;
  driver.query = query;
  driver.get_eoa = get_end_of_allocation;
  driver.set_eoa = set_end_of_allocation;
  driver.get_eof = get_end_of_file;
  driver.read = read_file;
  driver.write = write_file;
  driver.truncate = truncate_file;
  std::ranges::copy(one_file, driver.fl_map);
  return driver;
}

}  // namespace

Handle use_file_driver(hid_t access, WriteFailure& failure) {
  const H5FD_class_t driver = make_driver();
  Handle handle{H5FDregister(&driver), H5FDunregister, "registering", "the file driver"};
  const DriverInfo info{&failure};
  check(H5Pset_driver(access, handle.get(), &info), "choosing", "the file driver");
  return handle;
}

}  // namespace crema::record
