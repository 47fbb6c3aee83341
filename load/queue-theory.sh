#!/bin/bash
# A real server of known service time under open load, and what queueing theory says of it: M/D/1, in real time, over real sockets.
#
#   load/queue-theory.sh [SECONDS] [MILLISECONDS]      (60 s at each load; a run takes 10 ms)
#
# Starts tests/Gateway.TimedServer, whose runs wait instead of computing, with one instance and batches of one row, and offers it Poisson arrivals at 30, 50, 70 and 80 % of what it can do, over frames. The
# service time is what the server's metrics say of it, for a timer wakes a little late. Theory (Pollaczek and Khinchine): mean = s + load × s / (2 (1 − load)), at the load that really came. Prints a Markdown
# table; ends with 1 where a mean is off by more than three standard errors (simulated with as many calls) and a millisecond, which is what sockets and threads may add.
set -euo pipefail
seconds=${1:-60} ms=${2:-10}
here=$(cd "$(dirname "$0")" && pwd)
load=${GATEWAY_LOAD:-$here/Gateway.Load/bin/Release/net10.0/gateway-load}
server=${TIMED_SERVER:-$here/../tests/Gateway.TimedServer/bin/Release/net10.0/Gateway.TimedServer}
[ -x "$server" ] || { echo "build it first: dotnet build -c Release tests/Gateway.TimedServer" >&2; exit 2; }
work=$(mktemp -d)
mkdir -p "$work/models/timed/1"
printf 'base %d row 0 width 1' $((ms * 1000)) > "$work/models/timed/1/model.onnx"
printf 'name: "timed"\nbackend: "onnxruntime"\nmax_batch_size: 1\ninput [ { name: "x" data_type: TYPE_INT64 dims: [ 1 ] } ]\noutput [ { name: "y" data_type: TYPE_INT64 dims: [ 1 ] } ]\n' > "$work/models/timed/config.pbtxt"
"$server" --model-repository "$work/models" --http-port 0 --grpc-port 0 --frames-port 0 --metrics-port 0 > "$work/server" 2>&1 &
pid=$!
trap 'kill $pid 2> /dev/null; rm -rf "$work"' EXIT
for _ in $(seq 300); do grep -q "Serving " "$work/server" && break; sleep 0.1; done
frames=$(grep -o 'frames on [0-9.:]*' "$work/server" | awk '{ print $3 }') || { cat "$work/server" >&2; exit 2; }
metrics=$(grep -o 'metrics on http://[0-9.:]*' "$work/server" | awk '{ print $3 }')
echo "| load | service | mean by theory | measured | off | allowed | |"
echo "|---:|---:|---:|---:|---:|---:|---|"
code=0
for share in 30 50 70 80; do
  rate=$(awk -v s="$share" -v ms="$ms" 'BEGIN { printf "%.3f", s / 100 * 1000 / ms }')
  "$load" "frames://$frames" --model timed --rate "$rate" --duration "${seconds}s" --warm-up 3s --seed "$share" --metrics "$metrics/metrics" --report "$work/run" > "$work/out" 2>&1 || { echo "ended with $?: $(tail -n 2 "$work/out")" >&2; code=1; continue; }
  python3 - "$work/run.json" <<'PY' || code=1
import json, random, statistics, sys

report = json.load(open(sys.argv[1]))
run = report['scenarios'][0]
service = next(stage['milliseconds'] for stage in report['server']['stages'] if stage['name'] == 'infer')
rate = run['offered'] / run['seconds']
load = rate * service / 1000
measured = run['latency']['sum'] / run['latency']['count'] / 1e6

def queue(seed):
    """Mean latency of as many calls in a simulated M/D/1, by Lindley's recursion: how much a mean of so few varies."""
    random.seed(seed)
    wait = total = 0.0
    for _ in range(run['offered']):
        total += wait + service
        wait = max(0.0, wait + service - random.expovariate(rate) * 1000)
    return total / run['offered']

theory = service + load * service / (2 * (1 - load))
error = statistics.stdev(queue(seed) for seed in range(100))
allowed = 3 * error + 1
off = measured - theory
good = run['answered'] == run['offered'] and abs(off) <= allowed
print(f"| {100 * load:.1f} % | {service:.3f} ms | {theory:.2f} ms | {measured:.2f} ms | {off:+.2f} ms ({100 * off / theory:+.1f} %) | ± {allowed:.2f} ms | {'as theory says' if good else '**NOT as theory says**'} |")
sys.exit(not good)
PY
done
exit $code
