#include "runtime/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace crema::runtime {
namespace {

using namespace std::chrono_literals;

constexpr auto quiet_at_first = 1s;
constexpr auto bar_interval = 200ms;
constexpr auto line_interval = 10s;
constexpr int bar_width = 30;

}  // namespace

std::string Progress::describe(const head::Head::Progress& progress, double seconds) {
  const double rate = static_cast<double>(progress.finished) / std::max(seconds, 1e-9);
  const auto percent = progress.submitted == 0 ? 0 : progress.finished * 100 / progress.submitted;
  std::string text = fmt::format("{}/{} tasks ({} %), {:.3g}/s, {} running", progress.finished, progress.submitted,
                                 percent, rate, progress.running);
  if (rate > 0 && progress.submitted > progress.finished)
    text += fmt::format(", about {:.0f} s left", static_cast<double>(progress.submitted - progress.finished) / rate);
  return text;
}

void Progress::update(const head::Head::Progress& progress, Clock::time_point now) {
  if (style_ == ProgressStyle::off || now - began_ < quiet_at_first) return;
  const bool bar = style_ == ProgressStyle::bar;
  const Clock::duration interval = bar ? Clock::duration{bar_interval} : Clock::duration{line_interval};
  if (now - std::max(shown_, began_) < interval) return;
  shown_ = now;
  const std::string text = describe(progress, std::chrono::duration<double>(now - began_).count());
  if (bar) {
    const auto filled =
        static_cast<int>(progress.submitted == 0 ? 0 : progress.finished * bar_width / progress.submitted);
    show(fmt::format("\r\x1b[K[{:#<{}}{:.<{}}] {}", "", filled, "", bar_width - filled, text));
    drawn_ = true;
  } else {
    show(text + "\n");
  }
}

void Progress::show(const std::string& text) {
  // Nobody is there to be told that it cannot be shown.
  std::fputs(text.c_str(), out_);
  std::fflush(out_);
}

void Progress::clear() {
  if (!drawn_) return;
  show("\r\x1b[K");
  drawn_ = false;
}

ProgressStyle progress_style(const std::string& option) {
  if (option == "bar") return ProgressStyle::bar;
  if (option == "plain") return ProgressStyle::plain;
  if (option == "off") return ProgressStyle::off;
  const char* told = std::getenv("CREMA_STDERR_IS_TERMINAL");
  const bool terminal = isatty(STDERR_FILENO) == 1 || (told != nullptr && std::string_view{told} == "1");
  return terminal ? ProgressStyle::bar : ProgressStyle::plain;
}

}  // namespace crema::runtime
