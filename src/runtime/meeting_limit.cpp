#include "runtime/meeting_limit.hpp"

#include <unistd.h>

#include <csignal>
#include <string_view>

namespace crema::runtime {
namespace {

struct sigaction before;

void give_up(int /*signal*/) {
  constexpr std::string_view why =
      "crema: starting MPI: the ranks have not met within the time they have, so one was lost or not started; this "
      "rank "
      "ends. Look at the messages above, and start the job again\n";
  // Nothing can be done about an error here.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, why.data(), why.size());
  ::_exit(1);
}

}  // namespace

MeetingLimit::MeetingLimit(std::chrono::seconds limit) {
  struct sigaction action {};
  action.sa_handler = &give_up;
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, &before);
  ::alarm(static_cast<unsigned>(limit.count()));
}

MeetingLimit::~MeetingLimit() {
  ::alarm(0);
  sigaction(SIGALRM, &before, nullptr);
}

}  // namespace crema::runtime
