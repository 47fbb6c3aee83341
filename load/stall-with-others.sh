#!/bin/bash
# Where load generators do not agree: a server that stalls for one second of ten, under wrk, hey, autocannon and gateway-load.
#
#   load/stall-with-others.sh
#
# At an even rate, a tenth of the calls fall into the stall, so the 99th percentile of what users would see is 0.9 s. A client that waits for its answers sends
# almost nothing meanwhile, and shows none of it, unless it makes up the calls that it did not send, as wrk and autocannon do. Needs what compare-with-others.sh
# needs; tools that are missing are left out. Ends with 1 when a tool says other than is expected of it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
load=${GATEWAY_LOAD:-$here/Gateway.Load/bin/Release/net10.0/gateway-load}
export PATH="${NPM_BIN:-$here/node_modules/.bin}:$PATH"
connections=5 seconds=10 rate=200
work=$(mktemp -d)
python3 "$here/stalling_server.py" > "$work/port" &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until [ -s "$work/port" ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat "$work/port")/
code=0

# row NAME P50 P99 MAX TRUTH: milliseconds; TRUTH is shows or hides.
row() {
  local verdict=as\ expected
  awk -v p99="$3" -v truth="$5" 'BEGIN { exit !(truth == "shows" ? p99 > 700 && p99 < 1100 : p99 < 300) }' || { verdict="NOT as expected ($5 it)"; code=1; }
  printf '| %-34s | %9.1f ms | %9.1f ms | %9.1f ms | %-5s | %s |\n' "$1" "$2" "$3" "$4" "$5" "$verdict"
  sleep 3
}
wrk_ms() { awk -v v="$1" 'BEGIN { n = v + 0; if (v ~ /us$/) n /= 1000; else if (v ~ /[0-9]s$/) n *= 1000; print n }'; }
ours() {
  "$load" "$url" --connections $connections --duration ${seconds}s --warm-up 0 --metrics none --accept-client-limit --report "$work/ours" "${@:3}" > "$work/out" 2>&1 || { echo "gateway-load ended with $?: $(tail -n 1 "$work/out")" >&2; exit 1; }
  read -r p50 p99 most < <(python3 - "$work/ours.md" <<'PY'
import sys
line = next(line for line in open(sys.argv[1]) if line.startswith('| /'))
cells = [cell.strip() for cell in line.strip('|\n ').split('|')]
head = [cell.strip() for cell in next(line for line in open(sys.argv[1]) if line.startswith('| ') and 'p50' in line).strip('|\n ').split('|')]
unit = {'µs': 1e-3, 'ms': 1, 's': 1e3}
print(*(float(n.replace(',', '')) * unit[u] for n, u in (cells[next(i for i, h in enumerate(head) if h.lower() == name)].split() for name in ('p50', 'p99', 'max'))))
PY
)
  row "$1" "$p50" "$p99" "$most" "$2"
}

echo "A server that stalls for one second of ten; at $rate calls a second, users see a p99 of 0.9 s"
echo
echo "| client                             | p50          | p99          | slowest      | stall | |"
echo "|---|---:|---:|---:|---|---|"
if command -v wrk > /dev/null; then
  wrk -t1 -c$connections -d${seconds}s --latency "$url" > "$work/wrk"
  row "wrk, $connections callers, corrected" "$(wrk_ms "$(awk '$1 == "50%" { print $2 }' "$work/wrk")")" "$(wrk_ms "$(awk '$1 == "99%" { print $2 }' "$work/wrk")")" "$(wrk_ms "$(awk '$1 == "Latency" { print $4 }' "$work/wrk")")" shows
fi
ours "gateway-load, closed, $connections callers" hides --concurrency $connections
if command -v hey > /dev/null; then
  hey -z ${seconds}s -c $connections -q $((rate / connections)) "$url" > "$work/hey"
  row "hey, paced to $rate/s" "$(awk '/50% in/ { print $3 * 1000 }' "$work/hey")" "$(awk '/99% in/ { print $3 * 1000 }' "$work/hey")" "$(awk '/Slowest/ { print $2 * 1000 }' "$work/hey")" hides
fi
if command -v autocannon > /dev/null; then
  for mode in hides shows; do
    [ $mode = hides ] && flag=-C || flag=
    autocannon --json -c $connections -R $rate -d $seconds $flag "$url" > "$work/cannon" 2> /dev/null
    read -r p50 p99 most < <(python3 -c 'import json, sys; l = json.load(open(sys.argv[1]))["latency"]; print(l["p50"], l["p99"], l["max"])' "$work/cannon")
    row "autocannon, $rate/s$([ $mode = hides ] && echo ', uncorrected' || echo ', corrected')" "$p50" "$p99" "$most" $mode
  done
fi
ours "gateway-load, open, $rate/s" shows --rate $rate --arrivals constant
exit $code
