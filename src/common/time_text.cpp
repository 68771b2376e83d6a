#include "crema/time_text.hpp"

#include <fmt/format.h>

namespace crema::detail {

std::string time_text(std::chrono::sys_days day, std::chrono::nanoseconds since_midnight) {
  const std::chrono::year_month_day date{day};
  std::string text = fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  const auto nanoseconds = since_midnight.count();
  if (nanoseconds == 0) return text;
  const auto seconds = nanoseconds / 1'000'000'000;
  text += fmt::format("T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (nanoseconds % 1'000'000'000 != 0) {
    std::string fraction = fmt::format("{:09}", nanoseconds % 1'000'000'000);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += "." + fraction;
  }
  return text;
}

}  // namespace crema::detail
