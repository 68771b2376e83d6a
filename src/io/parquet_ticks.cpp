#include "io/parquet_ticks.hpp"

#include <limits>

namespace crema::io {
namespace {

__extension__ typedef __int128 Wide;

Wide common_divisor(Wide a, Wide b) { return b == 0 ? a : common_divisor(b, a % b); }

}  // namespace

TickConversion::TickConversion(const parquet::Ticks& unit, const parquet::Ticks& wanted)
    : unit_{unit}, wanted_{wanted} {
  const Wide multiplier = Wide{unit.numerator} * wanted.denominator;
  const Wide divisor = Wide{unit.denominator} * wanted.numerator;
  const Wide common = common_divisor(multiplier, divisor);
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  if (multiplier / common > most || divisor / common > most) return;
  multiplier_ = static_cast<std::int64_t>(multiplier / common);
  divisor_ = static_cast<std::int64_t>(divisor / common);
}

bool TickConversion::general(std::int64_t from, std::int64_t& to) const {
  const Wide dividend = Wide{from} * unit_.numerator * wanted_.denominator;
  const Wide divisor = Wide{unit_.denominator} * wanted_.numerator;
  Wide ticks = dividend / divisor;
  if (dividend % divisor < 0) --ticks;
  if (ticks < wanted_.lowest || ticks > wanted_.highest) return false;
  to = static_cast<std::int64_t>(ticks);
  return true;
}

}  // namespace crema::io
