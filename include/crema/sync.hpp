#pragma once

namespace crema {

/// Returns once all that was delivered so far, to anybody (values, answers, calls that have their places), is in the
/// journal on disk: whatever ends the job after that, a resume has it. The journal reaches the disk every 100 ms
/// anyway; this is for before something that cannot be undone. Waits for one round trip and the disk; without a journal
/// (--journal off) for the round trip. Throws UsageError outside the driver, tasks and actors.
void sync();

}  // namespace crema
