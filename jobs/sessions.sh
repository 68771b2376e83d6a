# Sourced by jobs/run: removes what dead starts of Open MPI have left on this host.
# shellcheck shell=bash

# Whether $1 is this user's, at least a minute old (nothing that begins now is met half made), and no living process has
# it, or a file below it, open or mapped.
is_dead() {
  local link
  [[ -O $1 && -n $(find "$1" -maxdepth 0 -mmin +1) ]] || return 1
  ! grep -qsF -e "$1" /proc/[0-9]*/maps || return 1
  for link in /proc/[0-9]*/fd/*; do
    [[ $(readlink "$link" 2>/dev/null) != "$1"* ]] || return 1
  done
}

# Session folders and shared memory of this user on this host whose processes are gone: a SIGKILL of everything leaves
# them. What cannot be removed stays.
remove_dead_sessions() {
  local host path
  host=$(hostname)
  for path in "${TMPDIR:-/tmp}/ompi.$host.$EUID"/pid.* "${CREMA_SHARED_MEMORY:-/dev/shm}/vader_segment.$host.$EUID".*; do
    [[ -e $path && ! ($path == */pid.* && -d /proc/${path##*.}) ]] || continue
    if is_dead "$path"; then rm -rf -- "$path" 2>/dev/null || true; fi
  done
}
