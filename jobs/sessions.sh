# Sourced by jobs/run: removes what dead starts of Open MPI have left on this host.
# shellcheck shell=bash

# Whether $1 is this user's, at least a minute old (nothing that begins now is met half made), and no living process has
# it, or a file below it, open or mapped.
is_dead() {
  local open
  [[ -O $1 && -n $(find "$1" -maxdepth 0 -mmin +1) ]] || return 1
  ! grep -qsF -e "$1" /proc/[0-9]*/maps || return 1
  # One process for all of them: there may be thousands.
  open=$(find /proc/[0-9]*/fd -maxdepth 1 -type l -printf '%l\n' 2>/dev/null)
  [[ $open != *"$1"* ]]
}

# Session folders and shared memory of this user on this host whose processes are gone: a SIGKILL of everything leaves
# them. What cannot be removed stays.
remove_dead_sessions() {
  local host path pid temporary=${TMPDIR:-/tmp} memory=${CREMA_SHARED_MEMORY:-/dev/shm}
  host=$(hostname)
  # Of Open MPI 4, and of Open MPI 5.
  for path in "$temporary/ompi.$host.$EUID"/pid.* "$memory/vader_segment.$host.$EUID".* \
    "$temporary/prterun.$host".*."$EUID" "$memory/sm_segment.$host.$EUID".*; do
    case $path in
      */pid.*) pid=${path##*.} ;;
      */prterun.*) pid=${path%.*} pid=${pid##*.} ;;
      *) pid="" ;;
    esac
    [[ -e $path && ! (-n $pid && -d /proc/$pid) ]] || continue
    if is_dead "$path"; then rm -rf -- "$path" 2>/dev/null || true; fi
  done
}
