#pragma once

#include <cstdint>

#include "crema/parquet_columns.hpp"

namespace crema::io {

/// A number of ticks of one unit in another, rounded down; false where that is beyond the lowest and highest of the
/// other one.
bool convert_ticks(std::int64_t from, const parquet::Ticks& unit, const parquet::Ticks& wanted, std::int64_t& to);

}  // namespace crema::io
