#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "figures.hpp"

namespace benchmark {

// What datasets cost beside pyarrow, pandas, plain MPI and a loop by hand.

inline constexpr Figure csv_scan{"csv_scan", "CSV scan, beside pyarrow", "MB/s"};
inline constexpr Figure csv_scan_cpu{"csv_scan_cpu", "the same, by CPU time", "MB/s"};
inline constexpr Figure csv_scan_pandas{"csv_scan_pandas", "CSV scan, beside pandas", "MB/s"};
inline constexpr Figure parquet_scan{"parquet_scan", "Parquet scan, beside pyarrow", "M rows/s"};
inline constexpr Figure parquet_scan_cpu{"parquet_scan_cpu", "the same, by CPU time", "M rows/s"};
inline constexpr Figure group_by_number{"group_by_number", "group_by number, beside pandas", "M rows/s"};
inline constexpr Figure group_by_number_cpu{"group_by_number_cpu", "the same, by CPU time", "M rows/s"};
inline constexpr Figure group_by_number_step{"group_by_number_step", "its grouping step alone", "M rows/s"};
inline constexpr Figure group_by_text{"group_by_text", "group_by text, beside pandas", "M rows/s"};
inline constexpr Figure group_by_text_cpu{"group_by_text_cpu", "the same, by CPU time", "M rows/s"};
inline constexpr Figure group_by_text_step{"group_by_text_step", "its grouping step alone", "M rows/s"};
inline constexpr Figure fused_map{"fused_map", "fused map of doubles, a row", "ns"};
inline constexpr Figure shuffle_large{"shuffle_large", "random_shuffle, rows of 1 KiB", "GB/s"};
inline constexpr Figure shuffle_doubles{"shuffle_doubles", "random_shuffle of doubles", "GB/s"};
inline constexpr Figure repartition_doubles{"repartition_doubles", "repartition of doubles", "GB/s"};
inline constexpr Figure sort_doubles{"sort_doubles", "sort of doubles", "GB/s"};
inline constexpr Figure shuffle_large_cpu{"shuffle_large_cpu", "random_shuffle of 1 KiB, by CPU time", "GB/s"};
inline constexpr Figure shuffle_doubles_cpu{"shuffle_doubles_cpu", "that of doubles, by CPU time", "GB/s"};
inline constexpr Figure repartition_doubles_cpu{"repartition_doubles_cpu", "repartition, by CPU time", "GB/s"};
inline constexpr Figure sort_doubles_cpu{"sort_doubles_cpu", "sort, by CPU time", "GB/s"};
inline constexpr Figure csv_scan_two_workers{"csv_scan_two_workers", "CSV scan, two workers to one", "MB/s"};
inline constexpr Figure fused_map_two_workers{"fused_map_two_workers", "fused map, two workers to one", "M rows/s"};

/// In the order of the table.
inline constexpr std::array dataset_figures{csv_scan,
                                            csv_scan_cpu,
                                            csv_scan_pandas,
                                            parquet_scan,
                                            parquet_scan_cpu,
                                            group_by_number,
                                            group_by_number_cpu,
                                            group_by_number_step,
                                            group_by_text,
                                            group_by_text_cpu,
                                            group_by_text_step,
                                            fused_map,
                                            shuffle_large,
                                            shuffle_large_cpu,
                                            shuffle_doubles,
                                            shuffle_doubles_cpu,
                                            repartition_doubles,
                                            repartition_doubles_cpu,
                                            sort_doubles,
                                            sort_doubles_cpu,
                                            csv_scan_two_workers,
                                            fused_map_two_workers};

// What was computed on the way: on every side the same.

inline constexpr Figure csv_rows{"csv_rows", "rows of the CSV file", "1"};
inline constexpr Figure csv_price{"csv_price", "sum of its prices", "1"};
inline constexpr Figure parquet_rows{"parquet_rows", "rows of the Parquet files", "1"};
inline constexpr Figure parquet_price{"parquet_price", "sum of their prices", "1"};
inline constexpr Figure number_groups{"number_groups", "groups by number", "1"};
inline constexpr Figure number_digest{"number_digest", "their sums, weighted by the keys", "1"};
inline constexpr Figure text_groups{"text_groups", "groups by text", "1"};
inline constexpr Figure text_digest{"text_digest", "their sums, weighted by the keys' lengths", "1"};
inline constexpr Figure map_sum{"map_sum", "sum of the mapped doubles", "1"};
inline constexpr std::array dataset_values{csv_rows,      csv_price,   parquet_rows, parquet_price, number_groups,
                                           number_digest, text_groups, text_digest,  map_sum};

struct DatasetAmounts {
  std::int64_t rows = 4'000'000;  ///< of orders, in files and in memory
  std::int64_t map_rows = 100'000'000;
  std::int64_t exchange_bytes = std::int64_t{256} << 20U;
  std::string folder;  ///< of the input files
};

}  // namespace benchmark
