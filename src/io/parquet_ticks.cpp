#include "io/parquet_ticks.hpp"

namespace crema::io {
namespace {

__extension__ typedef __int128 Wide;

}  // namespace

bool convert_ticks(std::int64_t from, const parquet::Ticks& unit, const parquet::Ticks& wanted, std::int64_t& to) {
  const Wide dividend = Wide{from} * unit.numerator * wanted.denominator;
  const Wide divisor = Wide{unit.denominator} * wanted.numerator;
  Wide ticks = dividend / divisor;
  if (dividend % divisor < 0) --ticks;
  if (ticks < wanted.lowest || ticks > wanted.highest) return false;
  to = static_cast<std::int64_t>(ticks);
  return true;
}

}  // namespace crema::io
