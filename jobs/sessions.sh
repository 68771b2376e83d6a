# Sourced by jobs/run: removes what dead starts, of jobs/run and of Open MPI, have left on this host.
# shellcheck shell=bash

# Exit files, session folders and shared memory of this user on this host whose processes are gone: a SIGKILL of
# everything leaves them. What cannot be removed stays.
remove_dead_sessions() {
  local host path pid open temporary=${TMPDIR:-/tmp} memory=${CREMA_SHARED_MEMORY:-/dev/shm}
  local -a left=()
  host=$(hostname)
  # Of jobs/run, of Open MPI 4, and of Open MPI 5.
  for path in "$temporary/crema-exit.$host".* "$temporary/ompi.$host.$EUID"/pid.* \
    "$memory/vader_segment.$host.$EUID".* "$temporary/prterun.$host".*."$EUID" "$memory/sm_segment.$host.$EUID".*; do
    case $path in
      */pid.*) pid=${path##*.} ;;
      */crema-exit.* | */prterun.*) pid=${path%.*} pid=${pid##*.} ;;
      *) pid="" ;;
    esac
    [[ ! -O $path || (-n $pid && -d /proc/$pid) ]] || left+=("$path")
  done
  ((${#left[@]})) || return 0

  # Once for all of them: there may be thousands. A minute old at least: nothing that begins now is met half made.
  mapfile -t left < <(find "${left[@]}" -maxdepth 0 -mmin +1 2>/dev/null)
  ((${#left[@]})) || return 0
  # What living processes have open or mapped, of any such name.
  open=$({
    find /proc/[0-9]*/fd -maxdepth 1 -type l -printf '%l\n'
    cat /proc/[0-9]*/maps
  } 2>/dev/null | grep -aF ".$host." | grep -ao '/.*' | sort -u) || true
  for path in "${left[@]}"; do
    [[ $open == *"$path"* ]] || rm -rf -- "$path" 2>/dev/null || true
  done
}
