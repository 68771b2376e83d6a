#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string_view>

#include "process/lane_memory.hpp"
#include "process/lane_output.hpp"
#include "process/zygote_messages.hpp"

extern char** environ;

namespace crema::process {
namespace {

/// Libraries install handlers when they are loaded, which would hide how a task died.
void restore_signals() {
  for (int signal = 1; signal <= SIGRTMAX; ++signal) std::signal(signal, SIG_DFL);
}

/// A launcher signals whole process groups; only their rank ends a zygote and its lanes. A lane stays in the rank's
/// group all the same: what suspends or kills the rank's group is to reach it and the programs its tasks start.
void ignore_the_launchers_signals() {
  for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP}) std::signal(signal, SIG_IGN);
  // Programs would inherit that a signal is ignored, but not this: `head` ends the program it reads from with it.
  struct sigaction nothing {};
  nothing.sa_handler = [](int) {};
  nothing.sa_flags = SA_RESTART;
  ::sigaction(SIGPIPE, &nothing, nullptr);
}

/// A program that a task starts is nobody's rank, though it may use MPI.
void forget_the_launcher() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    for (const std::string_view prefix : {"OMPI_", "PMIX_", "ORTE_"})
      if (text.starts_with(prefix)) names.emplace_back(text.substr(0, text.find('=')));
  }
  for (const std::string& name : names) ::unsetenv(name.c_str());
}

/// Each lane has two pipes here, and a rank may have a thousand lanes.
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// The rank's end comes as this signal, again and again: a zygote that waits for somebody to read what it passes on
/// (LaneOutput) stops waiting then. Its socket tells it the rest.
constexpr int rank_ended = SIGALRM;

void hear_of_the_ranks_end() {
  struct sigaction action {};
  action.sa_handler = [](int) {
    LaneOutput::give_up();
    ::alarm(1);
  };
  ::sigaction(rank_ended, &action, nullptr);
  ::prctl(PR_SET_PDEATHSIG, rank_ended);
}

/// Children of this process, which has one thread. Empty where the system does not tell.
std::vector<pid_t> all_children() {
  std::ifstream file{"/proc/thread-self/children"};
  return {std::istream_iterator<pid_t>{file}, {}};
}

struct Child {
  Child(LaneId id, Arena::Owner name, int memory_fd, Descriptor out_pipe, Descriptor errors_pipe)
      : lane{id},
        owner{name},
        memory{memory_fd},
        out{std::move(out_pipe), STDOUT_FILENO, false},
        errors{std::move(errors_pipe), STDERR_FILENO, true} {}

  LaneId lane;
  Arena::Owner owner;
  LaneMapping memory;
  LaneOutput out;
  LaneOutput errors;

  TaskId running() const { return TaskId{memory->running.load(std::memory_order_relaxed)}; }
};

class ZygoteLoop {
 public:
  ZygoteLoop(int socket, Board& board, int signals) : socket_{socket}, board_{board}, signals_{signals} {}

  void run() {
    while (true) {
      std::vector<pollfd> watched{{socket_, POLLIN, 0}, {signals_, POLLIN, 0}};
      for (const auto& [pid, child] : children_) {
        watched.push_back({child->out.descriptor(), POLLIN, 0});
        watched.push_back({child->errors.descriptor(), POLLIN, 0});
      }
      if (::poll(watched.data(), watched.size(), -1) < 0) continue;
      pass_output_on(watched);
      if (watched[1].revents != 0) reap();
      if (watched[0].revents != 0 && !take_requests()) break;
    }
    for (const auto& [pid, child] : children_) ::kill(pid, SIGKILL);
    while (true) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, 0);
      if (pid < 0 && errno != EINTR) break;
      end_left_programs();
      if (pid > 0) end(pid, status);
    }
  }

 private:
  void pass_output_on(const std::vector<pollfd>& watched) {
    std::size_t at = 2;
    for (auto& [pid, child] : children_) {
      // A pipe whose writers are gone is looked at when its lane is reaped, which comes at once.
      if ((watched[at++].revents & POLLIN) != 0) child->out.pass_on(child->running());
      if ((watched[at++].revents & POLLIN) != 0) child->errors.pass_on(child->running());
    }
  }

  void reap() {
    signalfd_siginfo signal{};
    while (::read(signals_, &signal, sizeof(signal)) > 0) {
    }
    int status = 0;
    for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG)) {
      end_left_programs();
      end(pid, status);
    }
  }

  /// A lane adopts what the programs that its tasks start leave behind, and the zygote all that a lane leaves behind.
  /// What those leave behind comes with their own end.
  void end_left_programs() {
    for (const pid_t pid : all_children())
      if (!children_.contains(pid)) ::kill(pid, SIGKILL);
  }

  void end(pid_t pid, int status) {
    const auto found = children_.find(pid);
    if (found == children_.end()) return;
    Child& child = *found->second;
    // At once: where memory has run out, others would be killed for what it had.
    Arena::of_process().release_claims(child.owner);
    for (LaneOutput* output : {&child.out, &child.errors}) {
      output->pass_on(child.running());
      output->finish();
    }
    report(child.lane, status, 0, child.errors.kept());
    children_.erase(found);
  }

  void report(LaneId lane, int status, int refused, std::string_view text) {
    ZygoteReport message{.lane = lane, .wait_status = status, .refused = refused};
    message.text_size = static_cast<std::uint32_t>(text.copy(message.text.data(), message.text.size()));
    // A rank that is gone needs no report.
    send_message(socket_, std::as_bytes(std::span{&message, 1}), {}, true);
    board_.mark_report();
    board_.bell().ring();
  }

  /// False: the rank is gone.
  bool take_requests() {
    ZygoteRequest request;
    while (auto message = receive_message(socket_, std::as_writable_bytes(std::span{&request, 1}), false)) {
      if (message->size != sizeof(request)) return false;
      if (request.kind == ZygoteRequest::Kind::start && message->descriptors.size() == 1) {
        start(request, std::move(message->descriptors[0]));
      } else if (request.kind == ZygoteRequest::Kind::kill) {
        for (const auto& [pid, child] : children_)
          if (child->lane == request.lane) ::kill(pid, SIGKILL);
      }
    }
    return true;
  }

  void start(const ZygoteRequest& request, Descriptor memory) try {
    auto [out_read, out_write] = pipe();
    auto [errors_read, errors_write] = pipe();
    auto child =
        std::make_unique<Child>(request.lane, request.owner, memory.get(), std::move(out_read), std::move(errors_read));
    const pid_t pid = ::fork();
    if (pid < 0) return report(request.lane, 0, errno, {});
    if (pid > 0) {
      children_.emplace(pid, std::move(child));
      return;
    }
    become_a_lane(out_write, errors_write);
    run_lane(request, board_, std::move(memory));
  } catch (const std::exception&) {
    report(request.lane, 0, errno == 0 ? ENOMEM : errno, {});
  }

  /// In the new process.
  void become_a_lane(const Descriptor& out, const Descriptor& errors) {
    const pid_t zygote = ::getppid();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != zygote) ::_exit(1);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::signal(rank_ended, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(out.get(), STDOUT_FILENO);
    ::dup2(errors.get(), STDERR_FILENO);
    ::close(socket_);
    ::close(signals_);
    children_.clear();
  }

  static std::pair<Descriptor, Descriptor> pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::bad_alloc{};
    return {Descriptor{ends[0]}, Descriptor{ends[1]}};
  }

  const int socket_;
  Board& board_;
  const int signals_;
  std::map<pid_t, std::unique_ptr<Child>> children_;
};

}  // namespace

void run_zygote(int socket, Board& board, pid_t rank) {
  restore_signals();
  hear_of_the_ranks_end();
  if (::getppid() != rank) return;
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ignore_the_launchers_signals();
  forget_the_launcher();
  allow_many_descriptors();
  // Nobody is to read what the launcher sends to rank 0.
  if (const Descriptor nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; nothing.get() >= 0)
    ::dup2(nothing.get(), STDIN_FILENO);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &children, nullptr);
  const Descriptor signals{::signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC)};
  ZygoteLoop{socket, board, signals.get()}.run();
}

}  // namespace crema::process
