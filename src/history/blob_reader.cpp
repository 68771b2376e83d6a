#include "history/blob_reader.hpp"

#include <filesystem>

#include "crema/registry.hpp"
#include "journal/blob.hpp"

namespace crema::history {
namespace {

/// Arguments: path text, size, digest.
struct ReadBlob {
  static Bytes body(void*, ByteReader& arguments) {
    const std::filesystem::path path{arguments.get_text()};
    const auto size = arguments.get<std::uint64_t>();
    return journal::read_blob(path, size, arguments.get<Digest>());
  }
};

}  // namespace

wire::TaskSpec blob_reader(TaskId id, TaskKey key, const Large& large, const std::string& folder) {
  ByteBuffer arguments;
  arguments.put_text((std::filesystem::path{folder} / journal::blob_name(key, large.blob)).string());
  arguments.put(large.size);
  arguments.put(large.digest);
  return {.id = id,
          .key = key,
          .function = crema::detail::registered_id<ReadBlob>,
          .depth = 1,
          .label = "value from the journal",
          .arguments = {.bytes = Bytes{std::move(arguments)}}};
}

bool is_blob_reader(const wire::TaskSpec& task) { return task.function == crema::detail::registered_id<ReadBlob>; }

}  // namespace crema::history
