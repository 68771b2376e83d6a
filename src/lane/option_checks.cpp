#include "lane/option_checks.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "crema/errors.hpp"

namespace crema::lane {
namespace {

void check(const Resources& resources) {
  const auto makes_sense = [](double amount) { return std::isfinite(amount) && amount >= 0; };
  const bool whole_gpus = resources.gpus < 1 || resources.gpus == std::floor(resources.gpus);
  const bool custom_sense = std::all_of(resources.custom.begin(), resources.custom.end(),
                                        [&](const auto& custom) { return makes_sense(custom.second); });
  if (makes_sense(resources.cpus) && makes_sense(resources.gpus) && whole_gpus && custom_sense) return;
  throw UsageError{
      "asking for resources: an amount is a number of 0 or more, and gpus are a whole number or a fraction of one"};
}

}  // namespace

std::optional<wire::Occupation> occupation_of(const Resources& wanted, const Resources& usual) {
  if (wanted == usual) return std::nullopt;
  check(wanted);
  return wire::Occupation{wanted, {}};
}

std::optional<wire::Terms> terms_of(const TaskOptions& options) {
  const wire::Terms terms{
      .max_retries = options.max_retries,
      .retry_exceptions = options.retry_exceptions,
      .timeout = options.timeout ? std::chrono::nanoseconds{*options.timeout}.count() : 0,
      .journal = options.journal,
  };
  if (terms == wire::Terms{}) return std::nullopt;
  return terms;
}

void check_supported(const TaskOptions& options, bool isolated) {
  if (options.max_retries < 0) {
    throw UsageError{"starting a task with TaskOptions::max_retries = " + std::to_string(options.max_retries) +
                     ": it is a number of further attempts, 0 or more"};
  }
  if (options.timeout && options.timeout->count() <= 0) {
    throw UsageError{"starting a task with TaskOptions::timeout = " + std::to_string(options.timeout->count()) +
                     " ms: it is more than 0, or left out for no limit"};
  }
  if (options.timeout && !isolated) {
    throw UsageError{
        "starting a task with TaskOptions::timeout: only a process can be ended from outside, and the tasks of this "
        "run are threads; run with --isolation process on 2 or more ranks, or leave the timeout out"};
  }
}

void check_supported(const ActorOptions& options) {
  if (options.max_restarts < 0) {
    throw UsageError{"creating an actor with ActorOptions::max_restarts = " + std::to_string(options.max_restarts) +
                     ": it is a number of times, 0 or more"};
  }
  if (options.max_pending_calls < 0) {
    throw UsageError{
        "creating an actor with ActorOptions::max_pending_calls = " + std::to_string(options.max_pending_calls) +
        ": it is a number of calls, 1 or more, or 0 for no bound"};
  }
}

}  // namespace crema::lane
