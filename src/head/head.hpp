#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/bytes_slab.hpp"
#include "common/id_table.hpp"
#include "common/short_list.hpp"
#include "head/actor_service.hpp"
#include "head/actor_snapshots.hpp"
#include "head/attempts.hpp"
#include "head/calls_to_tell.hpp"
#include "head/clock_offsets.hpp"
#include "head/dispatcher.hpp"
#include "head/lane_holds.hpp"
#include "head/layout.hpp"
#include "head/lineage.hpp"
#include "head/object_directory.hpp"
#include "head/rebuilding.hpp"
#include "head/recorder.hpp"
#include "head/restored_names.hpp"
#include "head/unfinished_calls.hpp"
#include "head/waiters.hpp"
#include "head/waits.hpp"
#include "head/watches.hpp"
#include "history/keeper.hpp"
#include "history/past.hpp"
#include "lane/lane_main.hpp"
#include "store/object_store.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace crema::head {

/// The head: owns the table of tasks and values, hands out work, delivers results. Knows no MPI and no threads: frames
/// in, frames out. Every outcome passes through `complete` before anybody sees it. Used on the event loop's thread.
class Head {
 public:
  /// The monotonic clock in nanoseconds; tests bring their own.
  using Clock = std::int64_t (*)();

  struct Progress {
    std::uint64_t submitted = 0;
    std::uint64_t finished = 0;
    std::uint64_t running = 0;
    std::uint64_t calls_ended = 0;  ///< of actors, constructions too
  };

  /// Values up to this many bytes lie in the table; others in the store of this rank or of the one that made them.
  static constexpr std::size_t max_value_in_table = 512;

  /// `run_began`: what the recorded seconds count from, on `clock`. The layout names at least one worker and actor
  /// host. `store`: of this rank.
  Head(wire::Outbox& outbox, Recorder& recorder, store::ObjectStore& store, Layout layout, std::int64_t run_began,
       Clock clock);

  /// Writes the history of this start, and goes on from that of earlier ones. Before the first frame; `sink` outlives
  /// the head.
  void keep_history(journal::JournalSink& sink, history::Past past);
  /// A frame whose type is the head's. Throws Error when it cannot be understood.
  void on_frame(RankId from, wire::Frame frame);
  /// Ends waits whose time is over and, unless told not to, sends out what can run. Called once a turn of the loop,
  /// after all frames of that turn.
  void turn(bool dispatch = true);
  /// The rank is gone, and no frame of it follows. What it ran and held alone is made again elsewhere. Empty, or why
  /// the job cannot go on without it.
  std::string lose_rank(RankId rank, const std::string& host, const std::string& reason);
  /// Hands out nothing more: the job ends with what is done.
  void stop_dispatching();

  /// The driver has returned and all work it started, directly or not, is done; or the driver has failed.
  [[nodiscard]] bool finished() const;
  /// Requires finished(). What is still held and failed unheard counts as well; call once.
  int close();
  [[nodiscard]] const std::optional<lane::DriverResult>& driver() const { return driver_; }
  [[nodiscard]] Progress progress() const;
  /// For tests and measurements.
  [[nodiscard]] const Dispatcher& dispatcher() const { return dispatcher_; }
  [[nodiscard]] std::map<RankId, Use> uses() const { return resources_.uses(); }
  /// Who waits for what now. Takes time in proportion to what is unfinished; its functions hold until the next frame.
  [[nodiscard]] Waits waits();
  [[nodiscard]] const ActorDirectory& actors() const { return actors_.directory(); }
  /// How many calls of work that has ended the head waits for; 0 while it has itself to do something for them.
  [[nodiscard]] std::uint64_t open_calls() const;
  /// Calls that earlier starts have recorded, and that nobody has made in this one: the program did something else.
  /// Once finished().
  [[nodiscard]] std::vector<std::string> unclaimed_calls() const;
  /// Failures that nobody asked for, since the last call.
  std::vector<Failure> take_unheard_failures();

 private:
  /// One task, call or value.
  struct Entry {
    /// `ended`: has run, and its value is not there yet.
    enum class State : std::uint8_t { expected, waiting, ready, sent, ended, done, failed };

    State state = State::expected;
    bool asked = false;         ///< somebody wanted the value
    bool cancelled = false;     ///< and has not ended yet
    bool stored = false;        ///< the value is in the store of a rank, not here
    bool maker_holds = true;    ///< the lane that made it is one of its holders
    bool unmade = false;        ///< an earlier start has made the value, and this one has not: see leave_unmade
    bool counted = false;       ///< among the children of its parent
    std::uint32_t holders = 1;  ///< lanes' handles: the maker's at first
    std::uint32_t pins = 0;     ///< unfinished work and gone values that need it, and values that hold it
    RankId worker;
    std::uint32_t children = 0;  ///< tasks that it has started, and that have not ended
    TaskId parent;
    std::uint64_t key = 0;
    std::int64_t submitted = 0;
    Dispatcher::Load load;
    std::uint32_t name = 0;
    std::uint64_t order = 0;  ///< of completion; 0: not known
    Bytes value;              ///< of a task that is sent: the task, should it have to be sent again
    ShortList<Waiter> waiters;
  };

  /// A task some of whose inputs are not there.
  struct Blocked {
    std::size_t missing = 0;
    RunOrder order;
    Dispatcher::Ready task;
    std::optional<Resources> wanted{};  ///< nothing: what is usual
  };
  /// What has ended and was not dealt with: a chain may be long, so it is a loop and no recursion.
  struct Completion {
    TaskId id;
    bool failed = false;
    Bytes value{};           ///< empty if it is an object
    TaskId object{};         ///< not zero: the value is this one's, in the store of a rank
    Bytes kept{};            ///< for the history: the value of an object of this rank
    history::Large large{};  ///< for the history: of another object
    bool forwarded = false;  ///< by other work, whose value it has
  };
  /// What has come of a task that has ended, and that runs again for what it had stored.
  struct Ended {
    Entry::State state;
    bool stored;
    Bytes value;
    TaskKey key;
  };

  void on_submit(wire::Frame& frame);
  void on_put(RankId from, const wire::Frame& frame);
  void on_cancel(const wire::Frame& frame);
  void on_outcome(RankId from, const wire::Frame& frame);
  void on_get(RankId from, const wire::Frame& frame);
  void on_unget(RankId from, const wire::Frame& frame);
  void on_retain(RankId from, const wire::Frame& frame);
  void on_release(RankId from, const wire::Frame& frame);
  void on_driver_done(const wire::Frame& frame);
  void on_create(RankId from, wire::Frame& frame);
  void on_wait(RankId from, const wire::Frame& frame);
  void on_sync(RankId from, const wire::Frame& frame);

  // In head_order.cpp.
  [[nodiscard]] std::uint64_t order_of(Named<TaskId> work);
  [[nodiscard]] std::uint64_t recorded_order(TaskKey key) const;
  [[nodiscard]] std::uint64_t order_before(TaskId parent, std::uint64_t key) const;
  std::uint64_t next_order();
  void keep_order(TaskId parent, std::uint64_t key, std::uint64_t order);
  void take_order(TaskId id, TaskId first);
  bool count_child(TaskId parent, int change);
  void order_value(const wire::Put& put);
  void keep_answer(const wire::Wait& wait, const std::vector<std::uint32_t>& places);

  // In head_history.cpp; all but the first two only where there is a history.
  void record_without_running(TaskId id, const Entry& entry, record::TaskState state);
  bool take_from_history(const wire::TaskHead& task, const Bytes& payload);
  void keep_in_history(const Completion& completion);
  void answer_syncs();
  void restore_names();
  static void add_names(const Arguments& arguments, std::vector<TaskKey>& named);
  void bring_back(std::vector<TaskKey> named, std::vector<wire::TaskSpec> to_start);
  TaskId name(TaskKey key);
  void restore(TaskId id, TaskKey key, const history::Past::Completion& completion);
  void name_blobs(wire::TaskSpec& task, wire::Frame& submission);
  [[nodiscard]] bool is_made_when_asked_for(TaskKey key, const Bytes& payload) const;
  void leave_unmade(TaskId id, const wire::TaskSpec& task);
  [[nodiscard]] bool differs_from_history(const wire::Outcome& outcome);
  void translate(Bytes& bytes, std::vector<Named<TaskId>>& carried, bool own = false);
  void start_unfinished(wire::TaskSpec task);
  void bind_name(Named<TaskId> work);
  // In head_history_calls.cpp.
  void on_taken(RankId from, const wire::Frame& frame);
  void claim(const wire::CallSpec& call, std::uint32_t attempt);
  bool claim_pool_call(const wire::Frame& frame);
  void arrive(TaskId caller, std::uint32_t attempt, std::optional<TaskKey> call);
  void repeat(const wire::Outcome& call);
  void end_call(RankId from, const wire::Outcome& outcome, bool is_repeat);
  void end_once_calls_are_recorded(RankId from, const wire::Outcome& outcome);
  void keep_repeatable(TaskId by, Named<TaskId> work, RankId host);
  void pin_for_attempts(TaskId by, TaskId work);
  void keep_outcome(RankId host, const wire::Outcome& outcome);
  [[nodiscard]] bool may_run_again(TaskId id);
  [[nodiscard]] bool has_called_too_often(TaskId task) const;
  void end_attempts(TaskId id, TaskId parent, bool failed, bool has_children = false);
  void forget_attempts(TaskId id);
  void tell_to_forget(const std::set<RankId>& hosts, TaskId id);
  void forget_name(Named<TaskId> work);
  void tell_what_is_recorded();
  void tell_placed(TaskId call, ActorId actor);
  [[nodiscard]] bool has_history(ActorId actor) const;
  void keep_creation(const wire::ActorSpec& actor);

  // In head_checkpoints.cpp.
  void on_checkpoint(const wire::Frame& frame);
  void on_restore(RankId from, const wire::Frame& frame);
  [[nodiscard]] bool are_recorded(const wire::Checkpoint& checkpoint) const;
  void keep_checkpoints_whose_calls_are_recorded(TaskId task);
  void keep_checkpoint(const wire::Checkpoint& checkpoint);
  void forget_checkpoints(TaskId task);

  // In head_rebuild.cpp.
  [[nodiscard]] const history::Past::Completion* recorded(TaskKey key) const;
  [[nodiscard]] const history::Past::Completion* recorded_value(TaskKey key) const;
  static TaskId construction_of(ActorId actor) { return TaskId{actor.number}; }
  void lose_actors(RankId rank, const std::string& reason);
  void lose_actor(ActorId actor, bool rank_lost);
  bool end_applied_again(ActorId actor);
  void lose_held_calls(RankId rank);
  void go_on_rebuilding();
  void teach_hosts();
  void on_taught(RankId from, const wire::Frame& frame);
  void build_anew(ActorId actor);
  ActorService::Recorded recorded_calls(const wire::ActorSpec& actor);
  wire::Frame recorded_call_at(ActorId actor, const history::Past::Call& call, bool own, bool covered, bool anew);
  [[nodiscard]] const history::Past::Snapshot* snapshot_of(ActorId actor) const;
  [[nodiscard]] wire::Frame recorded_call(const wire::CallSpec& spec, std::uint32_t attempt, bool skip) const;
  [[nodiscard]] bool is_under_way(TaskId id, TaskKey key) const;
  wire::Frame call_of_earlier_start(const history::Past::Call& call, bool anew);
  wire::Frame call_of_this_start(const history::Past::Call& call);
  void name_unfinished(const wire::TaskHead& task);

  // In head_losses.cpp.
  bool try_again(TaskId id, Entry& entry, bool lost);
  std::uint32_t next_attempt(TaskId id, bool lost = true);
  [[nodiscard]] static Blocked blocked(const wire::TaskSpec& task, Bytes payload);
  [[nodiscard]] Bytes after_attempts(Failure failure) const;
  void lose_lane(RankId rank, LaneId lane);
  void lose_attempts(RankId rank, const std::string& host, const std::string& reason);
  void give_up(ActorId actor, const std::string& reason);
  void give_up_impossible();
  [[nodiscard]] std::vector<RankId> all_ranks() const;
  std::set<TaskId> take_back_held(RankId rank);
  void leave_children(GlobalLane lane, TaskId parent);
  void leave(TaskId id, Entry& entry);
  void drop_holds(TaskId first, TaskId last, const std::vector<std::pair<TaskId, std::uint32_t>>& retained);
  void drop(TaskId id, Entry& entry, std::uint32_t holders);
  bool take_over(const wire::TaskHead& task);
  void refuse(const wire::TaskSpec& task);
  // In head_lost_values.cpp.
  void make_again(TaskId id);
  [[nodiscard]] std::string why_not_again(const wire::TaskSpec& task, const Entry& entry);
  void pin_for_making(TaskId id);
  void remember_recipe(TaskId id, const Entry& entry);
  void remember_blob(Named<TaskId> value, RankId from, const history::Large& large);
  void remember_stored(RankId from, const wire::Put& put);
  bool take_put(RankId from, LaneId by, const wire::Put& put);
  std::vector<Named<TaskId>> stored_before(TaskId task);
  [[nodiscard]] std::vector<TaskId> given_to(TaskId task) const;
  void start_again(const wire::TaskSpec& task);
  bool end_run_for_stored(Completion& completion);
  void store_lost_again(TaskId task);
  [[nodiscard]] bool has_value_already(TaskId task) const;
  [[nodiscard]] Bytes lost_value(TaskId id, const Entry& entry, const std::string& reason) const;
  bool put_off(Dispatcher::Assignment& assignment);
  /// The entry, made where there was none; what a lane has made that is lost has no holder there.
  Entry& entry_of(TaskId id);
  [[nodiscard]] bool is_gone(TaskId id, const Entry& entry) const {
    return entry.state == Entry::State::done && entry.stored && !objects_.is_there(id);
  }

  void record_failure(const Bytes& bytes);
  void end(RankId from, const wire::Outcome& outcome);
  void keep(TaskId id, RankId from, const history::Large& stored, const Bytes& value);
  void keep_contents(TaskId id, const std::vector<Named<TaskId>>& carried);
  void pin_until_done(TaskId work, const std::vector<TaskId>& ids);
  void on_pin(const wire::Frame& frame);
  void unpin_of(TaskId work);
  void expect_again(RankId lost);
  void unpin(std::vector<TaskId> ids);
  void block_or_add(Blocked blocked, const std::vector<TaskId>& inputs);
  void finish_without_running(TaskId id, const Bytes& failure);
  void forward(TaskId id, const Bytes& value);
  void yield(TaskId id, TaskId source);
  void complete(Completion completion);
  void complete_one(Completion completion);
  void wake_dependents(const Completion& completion);
  void add_ready(Blocked task);
  void on_handed_back(RankId from, const wire::Frame& frame);
  void ask_stuck_workers(std::int64_t now);
  void add_values(wire::TaskSpec& task, wire::Frame& frame, RankId worker);
  [[nodiscard]] bool is_there(TaskId id) {
    const Entry* entry = entries_.find(id.number);
    return entry != nullptr && entry->state >= Entry::State::done;
  }
  [[nodiscard]] static bool is_needed(const Entry& entry) {
    return entry.holders > 0 || entry.pins > 0 || !entry.waiters.empty();
  }
  void deliver(TaskId id, const Entry& entry, Waiter waiter);
  void forget_if_unneeded(TaskId id, const Entry& entry);
  void forget(TaskId id, const Entry& entry);
  [[nodiscard]] Bytes other_value(TaskId id);
  [[nodiscard]] Bytes cancelled_failure(TaskId id, const Entry& entry) const;
  void unheard(const Bytes& failure);
  [[nodiscard]] wire::Reply describe_cluster() const;
  void count_calls(TaskId caller, std::int64_t calls);
  /// The time at which this turn began, about: a clock costs more than much of what is done for a task.
  [[nodiscard]] std::int64_t now() {
    if (!now_) now_ = clock_();
    return *now_;
  }
  [[nodiscard]] Offer offer_of(RankId rank) const;
  double seconds(std::int64_t nanoseconds) const;
  [[nodiscard]] static Failure decode(const Bytes& failure);
  std::uint32_t name_of(FunctionId function, const std::string& label);

  // Constant after construction.
  wire::Outbox& outbox_;
  Recorder& recorder_;
  store::ObjectStore& store_;
  const Layout layout_;
  const std::int64_t run_began_;
  const Clock clock_;

  // The event loop's thread only.
  ResourcePool resources_;
  Dispatcher dispatcher_;
  ActorService actors_;
  ObjectDirectory objects_;
  Watches watches_;
  Attempts attempts_;
  LaneHolds holds_;
  Lineage lineage_;
  std::unordered_map<TaskId, Ended> run_for_stored_;  // tasks that have ended, and run again for what they had stored
  std::vector<RankId> workers_;                       // that are not lost
  int ranks_lost_ = 0;
  IdTable<Entry> entries_;
  std::unordered_map<TaskId, Pins> pinned_by_;                       // by unfinished work or gone value
  std::unordered_map<TaskKey, TaskId> made_again_;                   // calls of lost ranks that may never have arrived
  std::unordered_map<TaskId, std::vector<Named<TaskId>>> contents_;  // futures inside a value, by value
  std::unordered_map<TaskId, Blocked> blocked_;
  std::unordered_map<TaskId, std::vector<Dependent>> dependents_;  // by value
  std::deque<Completion> completions_;
  bool completing_ = false;
  std::vector<TaskId> unneeded_;  // by no recipe any more, and not looked at yet
  bool forgetting_ = false;
  BytesSlab waiting_tasks_;                    // encoded: short ones outlive the packet they came in
  BytesSlab delivered_;                        // values on their way to a lane
  std::vector<std::uint32_t> function_names_;  // by FunctionId; 0: not named yet, else number + 1
  ClockOffsets clock_offsets_{clock_};
  std::optional<std::int64_t> now_;                      // of this turn
  std::unordered_map<TaskId, std::int64_t> open_calls_;  // by caller: calls reported less outcomes that came; no zeros
  std::unordered_set<ActorId> constructing_;
  std::uint64_t submitted_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t calls_ended_ = 0;
  std::int64_t asked_stuck_workers_ = 0;  // when
  std::uint64_t storing_ = 0;             // values for which the store has no room yet
  std::uint64_t unheard_count_ = 0;
  std::vector<Failure> unheard_;
  std::optional<lane::DriverResult> driver_;
  std::uint64_t last_order_ = 0;           // of completion: next_order()
  history::Past past_;                     // what earlier starts have done
  history::Past own_;                      // what this one had done when an actor was last built anew
  std::optional<history::Keeper> keeper_;  // nothing: no history is kept
  std::unordered_map<TaskKey, RestoredName> names_;
  RestoredIds restored_ids_;
  std::unordered_map<TaskId, PlacedCall> calls_;
  std::unordered_map<TaskId, ActorId> applied_again_;  // that have ended, while calls they have made are on their way
  ActorSnapshots snapshots_{[this](const wire::Snapshot& snapshot) { keeper_->snapshot(snapshot); }};
  std::deque<Sync> syncs_;                     // the first to come in front: at most each lane once, which waits
  std::unordered_set<TaskKey> placed_before_;  // calls that are recorded
  std::unordered_set<TaskKey> claimed_;        // recorded calls that were made again
  std::unordered_map<TaskId, ArrivedCalls> arrived_;
  std::unordered_map<TaskId, std::deque<wire::Checkpoint>> checkpoints_to_keep_;  // until the calls before have arrived
  std::unordered_map<TaskId, TaskKey> with_checkpoint_;                           // unfinished tasks
  std::unordered_map<TaskKey, Bytes> checkpoints_;                                // the newest of each, encoded
  std::unordered_set<TaskId> lethal_calls_;  // that have ended their lanes, and are not recorded yet
  std::unordered_map<TaskId, std::pair<RankId, wire::Outcome>> held_;  // until all calls of the work have arrived
  std::map<RankId, std::uint64_t> places_;                             // recorded, by host
  std::set<RankId> hosts_to_tell_;
  CallsToTell calls_to_tell_{outbox_};
  Rebuilding rebuilding_;
  std::unordered_map<TaskId, Repeatable> repeatable_;
  std::unordered_set<TaskId> repeats_;  // calls that stand for one of an earlier attempt, which has not ended
  bool dispatching_ = true;
};

}  // namespace crema::head
