#pragma once

#include <cstdint>

#include "crema/parquet_column.hpp"

namespace crema::io {

/// Turns numbers of ticks of one unit into such of another, rounded down; false where that is beyond the lowest and
/// highest of the other one. Thread safety: immutable.
class TickConversion {
 public:
  TickConversion(const parquet::Ticks& unit, const parquet::Ticks& wanted);

  bool operator()(std::int64_t from, std::int64_t& to) const {
    // Most units are multiples of each other, and division in 128 bits takes ten times as long.
    return multiplier_ == 1 ? divided(from, divisor_, to) : general(from, to);
  }

  /// Calls `work` with what converts as this does, faster where it divides by what units mostly differ by.
  template <class Work>
  void apply(Work&& work) const {
    const auto by = [this, &work]<std::int64_t divisor>() {
      work([this](std::int64_t from, std::int64_t& to) { return divided(from, divisor, to); });
    };
    if (multiplier_ == 1 && divisor_ == 1) return by.template operator()<1>();
    if (multiplier_ == 1 && divisor_ == 1'000) return by.template operator()<1'000>();
    if (multiplier_ == 1 && divisor_ == 1'000'000) return by.template operator()<1'000'000>();
    if (multiplier_ == 1 && divisor_ == 1'000'000'000) return by.template operator()<1'000'000'000>();
    work(*this);
  }

 private:
  [[nodiscard]] bool divided(std::int64_t from, std::int64_t divisor, std::int64_t& to) const {
    const std::int64_t ticks = from / divisor - (from % divisor < 0 ? 1 : 0);
    if (ticks < wanted_.lowest || ticks > wanted_.highest) return false;
    to = ticks;
    return true;
  }
  [[nodiscard]] bool general(std::int64_t from, std::int64_t& to) const;

  parquet::Ticks unit_;
  parquet::Ticks wanted_;
  std::int64_t multiplier_ = 0;  // ticks are multiplied by it, then divided; 0: beyond 64 bits
  std::int64_t divisor_ = 1;
};
}  // namespace crema::io
