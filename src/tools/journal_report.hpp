#pragma once

#include <filesystem>
#include <ostream>

namespace crema::tools {

/// Checks a journal and tells what is in it and what a resume would use; changes nothing. `records`: each record, too.
/// Returns the exit code: 0 whole, 1 damaged. Throws UsageError where the folder holds no journal, Error where it
/// cannot be read.
int report_journal(const std::filesystem::path& folder, bool records, std::ostream& out);

}  // namespace crema::tools
