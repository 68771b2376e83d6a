#include "io/whole_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "crema/errors.hpp"
#include "record/publish.hpp"

namespace crema::io {

void write_whole_file(const std::filesystem::path& target, std::string_view content) {
  record::TemporaryFile file{target,
                             record::TemporaryFile::Existing::replaced,
                             {.what = "the file",
                              .give_a_file = "name another one",
                              .choose_another = "name a folder that all ranks share and may write",
                              .or_begin_anew = "",
                              .content = "its content is"}};
  const int descriptor = ::open(file.path().c_str(), O_WRONLY | O_CLOEXEC);
  int error = descriptor < 0 ? errno : 0;
  for (std::size_t done = 0; error == 0 && done < content.size();) {
    const ::ssize_t count = ::write(descriptor, content.data() + done, content.size() - done);
    if (count >= 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  // Here, where a full disk that is noticed late leaves nothing behind.
  if (error == 0 && ::fsync(descriptor) != 0 && errno != EINVAL) error = errno;
  if (descriptor >= 0 && ::close(descriptor) != 0 && error == 0) error = errno;
  if (error != 0) {
    const bool full = error == ENOSPC || error == EDQUOT;
    throw Error{fmt::format("writing \"{}\": {}; nothing of it is left behind{}", target.string(),
                            std::generic_category().message(error),
                            full ? "; make room there and start again, with --resume where there is a journal" : "")};
  }
  file.publish();
}

}  // namespace crema::io
