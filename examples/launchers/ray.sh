#!/bin/sh
# Runs a program as a Ray job: follows what it prints, ends as it ends, and stops the job when this is stopped.
# sh ray.sh <program> [argument]… <request.json>, in the folder of the program, which Ray copies to its workers.
# RAY_API_SERVER_ADDRESS names the cluster. SHEIKH_RAY_OPTIONS: more options of `ray job submit`, "--entrypoint-num-gpus 1".

# Else Ray's client holds lines back until it has some kilobytes.
export PYTHONUNBUFFERED=1
id=sheikh-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
stopping=
trap 'stopping=1' TERM INT

# Deaf to TERM: ended while it submits, it would leave a job that nobody stops.
# shellcheck disable=SC2086 # options are words
(trap '' TERM INT; exec ray job submit --submission-id "$id" --working-dir . ${SHEIKH_RAY_OPTIONS-} -- "$@") &
submission=$!
wait "$submission"
code=$?

# "Stopped by somebody" and "the connection was lost" end with 0 too.
if [ -z "$stopping" ] && [ "$code" -eq 0 ] && ray job status "$id" | grep -q succeeded; then exit 0; fi

# Fails as long as the job is not submitted; of a job that has ended it asks nothing.
until ray job stop "$id"; do
  kill -0 "$submission" 2>/dev/null || break
  sleep 1
done
wait "$submission"
[ "$code" -ne 0 ] || code=1
exit "$code"
