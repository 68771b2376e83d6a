#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "crema/csv_reader.hpp"
#include "io/csv_cutter.hpp"
#include "io/partitioner.hpp"

namespace crema::csv {

/// Cuts CSV files into blocks of whole records; compressed files are left to tasks. Memory: the headers of the files
/// still to come, and what a Cutter takes.
class Partitioner : public io::Partitioner<Cutter> {
 public:
  /// Checks every file, in their order. Throws DataError where a pattern names none,
  /// one is no readable file or empty, or a header lacks one of the fields.
  Partitioner(const Paths& paths, std::span<const std::string> fields, std::uint64_t block_size = 0,
              const CsvOptions& options = {});
};

}  // namespace crema::csv
