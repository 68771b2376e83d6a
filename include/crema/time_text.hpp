#pragma once

#include <chrono>
#include <string>

namespace crema::detail {

/// ISO 8601 in UTC, with no more digits than it takes: "2012-01-31", "2012-01-31T08:15:30.5".
std::string time_text(std::chrono::sys_days day, std::chrono::nanoseconds since_midnight);

template <class D>
std::string time_text(const std::chrono::time_point<std::chrono::system_clock, D>& time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  return time_text(day, std::chrono::duration_cast<std::chrono::nanoseconds>(time - day));
}

}  // namespace crema::detail
