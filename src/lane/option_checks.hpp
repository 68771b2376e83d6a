#pragma once

#include <optional>

#include "crema/options.hpp"
#include "wire/messages.hpp"

namespace crema::lane {

/// What the head has to place; nothing for what is usual. Throws UsageError for amounts that make no sense.
std::optional<wire::Occupation> occupation_of(const Resources& wanted, const Resources& usual);

/// What the head and the worker have to know of a task's attempts; nothing for the defaults.
std::optional<wire::Terms> terms_of(const TaskOptions& options);

/// Throw UsageError for what this version does not have.
/// `isolated`: tasks have processes of their own.
void check_supported(const TaskOptions& options, bool isolated);
void check_supported(const ActorOptions& options);

}  // namespace crema::lane
