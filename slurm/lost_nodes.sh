# Sourced by the batch scripts that are submitted with --no-kill, for their nodes may fail.
# shellcheck shell=bash

# Steps go on as well, and mpirun's own daemons are one. No other word than "set" will do.
export SLURM_NO_KILL=set

# A job with --no-kill keeps its other nodes when the first one has failed, and with it the head and the batch script: until
# the time limit nothing would run there. So the others watch, and put the job back into the queue.
watch_first_node() {
  local others=$((SLURM_JOB_NUM_NODES - 1)) end="scontrol requeue"
  ((others)) || return 0
  [[ $(scontrol show job --oneliner "$SLURM_JOB_ID") == *" Requeue=1 "* ]] || end=scancel
  # The further nodes look more rarely, so that a thousand of them ask Slurm little more than one does.
  # shellcheck disable=SC2016  # for the shells on the other nodes
  local watch='
    while nodes=$(squeue --noheader --jobs="$SLURM_JOB_ID" --states=RUNNING --format=%N); [[ -z $nodes ]] ||
      scontrol show hostnames "$nodes" | grep -qx "$0"; do sleep $(((SLURM_PROCID + 1) * ${CREMA_WATCH_SECONDS:-60})); done
    $1 "$SLURM_JOB_ID"'
  srun --overlap --mem=0 --mpi=none --nodes="$others" --ntasks="$others" --ntasks-per-node=1 \
    --exclude="$SLURMD_NODENAME" bash -c "$watch" "$SLURMD_NODENAME" "$end" </dev/null &>/dev/null &
}
