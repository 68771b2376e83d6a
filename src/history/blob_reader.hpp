#pragma once

#include <string>

#include "history/records.hpp"
#include "wire/messages.hpp"

namespace crema::history {

/// A task that gives the value in a file of the journal, as `id`; it runs where there is room for the value, on any
/// rank that sees the folder. Fails where the file is not as it was written.
wire::TaskSpec blob_reader(TaskId id, TaskKey key, const Large& large, const std::string& folder);
bool is_blob_reader(const wire::TaskSpec& task);

}  // namespace crema::history
