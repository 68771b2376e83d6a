#pragma once

#include <sys/types.h>

namespace benchmark {

/// The process of the calling rank, of which this one is a child or grandchild where lanes are processes.
pid_t rank_process();

pid_t parent_of(pid_t process);

/// CPU time in seconds of a process and all that come of it. Threads that have ended do not count.
double cpu_seconds_of(pid_t process);

}  // namespace benchmark
