#include "crema/part_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "crema/errors.hpp"
#include "crema/lane_context.hpp"
#include "crema/task.hpp"
#include "io/file.hpp"
#include "io/whole_file.hpp"

namespace crema::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& file, const std::string& why) {
  throw Error{fmt::format("writing \"{}\": {}", file.string(), why)};
}

/// What a process that was killed left of a part or a marker.
bool is_partial(const std::string& name) {
  if (!name.ends_with(".partial")) return false;
  return name.starts_with(".part-") || name.starts_with(std::string{"."} + finished_marker + ".") ||
         name.starts_with(std::string{"."} + unfinished_marker + ".");
}
bool is_part(const std::string& name) { return name.starts_with("part-") || is_partial(name); }

/// Makes the folder ready for parts, once: a start that goes on from a journal finds that it was.
void begin_parts(const std::string& name) {
  const fs::path folder{name};
  const auto refuse = [&](const std::string& why) {
    throw UsageError{fmt::format("writing a dataset to the folder \"{}\": {}", name, why)};
  };
  std::error_code error;
  fs::create_directories(folder, error);
  if (error == std::errc::not_a_directory || error == std::errc::file_exists)
    refuse("it, or what it lies in, is there and is not a folder; name another one");
  if (error) refuse("it cannot be made: " + error.message() + "; name one that you may write to");
  if (fs::exists(folder / finished_marker, error))
    refuse("it holds a finished one already, which is never overwritten; name another folder or remove it");
  const bool unfinished = fs::exists(folder / unfinished_marker, error);
  std::vector<fs::path> left;
  fs::directory_iterator entries{folder, error};
  if (error) refuse("it cannot be listed: " + error.message() + "; name one that you may write to");
  for (const auto& entry : entries) {
    const std::string file = entry.path().filename().string();
    if (file == unfinished_marker) continue;
    if (!is_partial(file) && !(unfinished && is_part(file)))
      refuse("it holds \"" + file + "\", which is not of crema; name an empty folder or a new one");
    left.push_back(entry.path());
  }
  write_whole_file(folder / unfinished_marker,
                   "crema is writing a dataset here, or was; it is whole once _SUCCESS is there\n");
  for (const fs::path& file : left) fs::remove(file);
}

/// How many bytes it has where these are not all that were written; empty: they are.
std::string other_size(const fs::path& file, std::uint64_t written) {
  std::error_code error;
  const std::uint64_t bytes = fs::file_size(file, error);
  if (!error && bytes == written) return "";
  return fmt::format("{} bytes and {}", written,
                     error ? "cannot be found: " + error.message() : fmt::format("has {}", bytes));
}

/// Whether there is other content than was written, of the same size.
bool is_other(const fs::path& path, const PartFile& part) {
  const File file{path.string()};
  XXH3_state_t read;
  XXH3_64bits_reset(&read);
  std::vector<char> buffer(std::min<std::uint64_t>(part.bytes, 1 << 20));
  for (std::uint64_t at = 0; at < part.bytes; at += buffer.size()) {
    const std::size_t size = std::min<std::uint64_t>(buffer.size(), part.bytes - at);
    file.read(at, buffer.data(), size);
    XXH3_64bits_update(&read, buffer.data(), size);
  }
  return XXH3_64bits_digest(&read) != part.digest;
}

/// Parts of earlier starts: nobody has looked after them since. A folder that is not there any more, or holds nothing
/// of the dataset, was taken away on purpose.
void check_parts(const std::string& name, const std::vector<PartFile>& parts) {
  const fs::path folder{name};
  std::error_code error;
  if (!fs::exists(folder / finished_marker, error) && !fs::exists(folder / unfinished_marker, error)) return;
  for (const PartFile& part : parts) {
    const fs::path file = folder / part.name;
    std::string found = other_size(file, part.bytes);
    if (found.empty() && is_other(file, part)) found = "other content than it has";
    if (!found.empty()) {
      fail(file, fmt::format("it was written with {}; nobody else may change it: put it back as it was, or start again "
                             "with --restart",
                             found));
    }
  }
}

/// Checks that all parts are there, and says so.
void finish_parts(const std::string& name, std::vector<PartFile> parts, const std::string& extension,
                  const std::string& without_rows) {
  if (parts.empty()) parts.push_back(write_part(name, 0, extension, 0, without_rows));
  const fs::path folder{name};
  std::set<std::string> names;
  std::string list = "name,rows,bytes,xxh3\n";
  for (const PartFile& part : parts) {
    const fs::path file = folder / part.name;
    if (const std::string found = other_size(file, part.bytes); !found.empty()) {
      fail(file, fmt::format("it was written with {}; the folder must be one that all ranks share, and nobody else may "
                             "change it: start again with --restart",
                             found));
    }
    names.insert(part.name);
    list += fmt::format("{},{},{},{:016x}\n", part.name, part.rows, part.bytes, part.digest);
  }
  for (const auto& entry : fs::directory_iterator{folder}) {
    const std::string file = entry.path().filename().string();
    if (is_part(file) && !names.contains(file)) fs::remove(entry.path());  // of an attempt that was lost
  }
  write_whole_file(folder / finished_marker, list);
  fs::remove(folder / unfinished_marker);
}

}  // namespace

PartFile write_part(const std::string& folder, std::uint64_t block, const std::string& extension, std::uint64_t rows,
                    std::string_view content) {
  PartFile part{.name = fmt::format("part-{:06}.{}", block, extension),
                .rows = rows,
                .bytes = content.size(),
                .digest = XXH3_64bits(content.data(), content.size())};
  write_whole_file(fs::path{folder} / part.name, content);
  return part;
}

void write_parts(const dataset::Plan& plan, const std::string& folder, const std::string& extension,
                 const std::string& without_rows) {
  try {
    with(TaskOptions{.name = "begin to write " + folder}).remote<begin_parts>(folder).get();
  } catch (const TaskError& error) {
    // Which folder it is was the caller's choice, wherever it was looked at.
    if (error.type() == demangle(typeid(UsageError).name())) throw UsageError{error.message()};
    throw;
  }
  std::vector<PartFile> parts;
  dataset::BlockStream blocks{plan};
  while (const std::optional<Bytes> block = blocks.next()) {
    ByteReader reader{*block};
    for (PartFile& part : decode<std::vector<PartFile>>(reader)) parts.push_back(std::move(part));
  }
  if (LaneContext::current().resumes()) check_parts(folder, parts);
  with(TaskOptions{.name = "finish writing " + folder})
      .remote<finish_parts>(folder, parts, extension, without_rows)
      .get();
}

}  // namespace crema::io
