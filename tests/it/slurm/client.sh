#!/bin/sh
# Slurm's commands over processes of this host, for answers that no cluster gives on request. $FAKE_SLURM has a folder for each task,
# JOB_INDEX, a log of all commands and ends, and switches:
#   times-out   the next sbatch submits the array and says that it got no answer
#   limit       maximum number of tasks of an array
#   array-json  array.json cannot be written
#   fails       the next squeue fails, with these words
#   delay       seconds from a cancellation to its signal
set -eu
state=$FAKE_SLURM
program=${0##*/}
echo "$program $*" >>"$state/log"

refuse() {
    echo "sbatch: error: Batch job submission failed: $1" >&2
    exit 1
}

# The lab ends the process group of a command that has ended: until then, what goes on must have left it.
await() {
    while [ ! -s "$1" ]; do sleep 0.05; done
}

submit() {
    for argument; do
        case $argument in
        --job-name=*) name=${argument#*=} ;;
        --array=0-*) last=${argument##*-} ;;
        esac
        script=$argument
    done
    if [ -e "$state/limit" ] && [ "$last" -ge "$(cat "$state/limit")" ]; then
        refuse "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
    fi
    if [ -e "$state/array-json" ]; then
        mkdir "${script%/*}/array.json"
    fi
    job=1
    while [ -d "$state/${job}_0" ]; do job=$((job + 1)); done
    for index in $(seq 0 "$last"); do
        task=$state/${job}_$index
        mkdir "$task"
        echo "$name" >"$task/name"
        SLURM_ARRAY_TASK_ID=$index SLURMD_NODENAME=n1 setsid sh -c '
            sh "$2" &
            echo $! >"$1/pid"
            wait $! && code=0 || code=$?
            echo "end ${1##*/}" >>"$3"
            echo "$code" >"$1/exit"' - "$task" "$script" "$state/log" \
            >"${script%/*}/$index.log" 2>&1 </dev/null &
        await "$task/pid"
    done
    if [ -e "$state/times-out" ]; then
        rm "$state/times-out"
        refuse "Socket timed out on send/recv operation"
    fi
    echo "$job"
}

list() {
    for task in "$state"/*_*; do
        [ -e "$task/name" ] || continue
        code=0
        word=RUNNING
        [ ! -e "$task/cancelled" ] || word=COMPLETING
        if [ -e "$task/exit" ]; then
            code=$(cat "$task/exit")
            word=COMPLETED
            [ "$code" = 0 ] || word=FAILED
            [ ! -e "$task/cancelled" ] || word=CANCELLED
        fi
        id=${task##*/}
        echo "${id%_*}|${id#*_}|$word|$((code * 256))|n1|None|$(cat "$task/name")|"
    done
}

end() {
    signal=TERM
    for argument; do
        case $argument in
        --state=PENDING) return ;;
        --signal=*) signal=${argument#*=} ;;
        -*) ;;
        *)
            for task in "$state/${argument}_"*; do
                [ ! -e "$task/exit" ] || continue
                delay=0
                if [ "$signal" = TERM ]; then
                    touch "$task/cancelled"
                    [ ! -e "$state/delay" ] || delay=$(cat "$state/delay")
                fi
                rm -f "$task/sender"
                setsid sh -c 'echo $$ >"$4/sender"; sleep "$1"; kill -s "$2" "$3"' \
                    - "$delay" "$signal" "$(cat "$task/pid")" "$task" >/dev/null 2>&1 </dev/null &
                await "$task/sender"
            done
            ;;
        esac
    done
}

case $program in
sbatch) submit "$@" ;;
squeue)
    if [ -e "$state/fails" ]; then
        cat "$state/fails" >&2
        rm "$state/fails"
        exit 1
    fi
    list
    ;;
scancel) end "$@" ;;
scontrol) echo "MaxArraySize            = 1001" ;;
esac
