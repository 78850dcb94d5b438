#!/bin/sh
# Runs a program as a job of Slurm: follows what it prints, ends as it ends, and cancels the job when this is stopped.
# sh slurm.sh <program> [argument]… <request.json>, in the folder of the program; nodes see both folders, as on most clusters.
# SHEIKH_SLURM_OPTIONS: more options of `sbatch`, "--partition=gpu --gres=gpu:1 --time=02:00:00".

# Else Python holds lines back until it has some kilobytes.
export PYTHONUNBUFFERED=1
for request in "$@"; do :; done
folder=$(dirname "$request")
printf '#!/bin/sh\nexec "$@"\n' > "$folder/job.sh"
: > "$folder/job.out"
stopping=
trap 'stopping=1' TERM INT

# Deaf to TERM: ended while it submits, it would leave a job that nobody cancels.
# shellcheck disable=SC2086 # options are words
(trap '' TERM INT; exec sbatch --parsable --wait --output "$folder/job.out" ${SHEIKH_SLURM_OPTIONS-} "$folder/job.sh" "$@" \
  > "$folder/job.id") &
submission=$!
(trap '' TERM INT; exec tail -n +1 -s 0.2 -f --pid "$submission" "$folder/job.out") &
output=$!
wait "$submission"
code=$?

if [ -n "$stopping" ]; then
  # The id is there as soon as the job is; of a submission that has failed there is none.
  while kill -0 "$submission" 2>/dev/null; do
    id=$(cut -d ';' -f 1 "$folder/job.id")
    [ -z "$id" ] || scancel "$id"
    sleep 0.5
  done
  wait "$submission"
  code=1
fi
wait "$output"
exit "$code"
