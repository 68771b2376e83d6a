#pragma once

#include "record/hdf5.hpp"

namespace crema::record {

/// The first write that the system refused.
struct WriteFailure {
  int error = 0;  ///< errno; 0: every write went well
};

/// Makes files created with the access properties go through a driver of our own, which reports refused writes in
/// `failure` and not to HDF5: HDF5 cannot close a file that cannot be written any more (1.10.8: segmentation faults,
/// an endless loop at exit). After a refused write the driver keeps what HDF5 writes in memory, so that HDF5 goes on
/// and closes in order; the file on disk is of no use then.
/// Whoever writes looks at `failure` after the work; `failure` outlives the file. Locks no files: nobody else knows a
/// temporary file, and on filesystems without locks HDF5's own fails.
/// Returns the driver, to be kept as long as the file is open.
Handle use_file_driver(hid_t access, WriteFailure& failure);

}  // namespace crema::record
