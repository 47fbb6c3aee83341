#!/bin/bash
# What the client costs: the highest rate that one of its threads offers over each carrier, and its CPU time a call beside the server's.
#
#   load/client-cost.sh MODEL [RATE] [SECONDS] [HOST]
#
# A gateway must serve MODEL on the usual ports of HOST (8000 HTTP, 8001 gRPC, 8003 frames) with its metrics on 8002; CARRIERS names others than all. The server's CPU time is of its whole process while RATE
# calls a second (2,000) come over one carrier. Prints two Markdown tables. Ends with 1 when a call costs the client as much as the server, or a rate could not be offered.
set -euo pipefail
model=$1 rate=${2:-2000} seconds=${3:-5} host=${4:-127.0.0.1}
here=$(cd "$(dirname "$0")" && pwd)
load=${GATEWAY_LOAD:-$here/Gateway.Load/bin/Release/net10.0/gateway-load}
carriers=${CARRIERS:-http-binary http-json msgpack-http frames grpc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
target() { case $1 in frames) echo "frames://$host:8003" ;; grpc) echo "grpc://$host:8001" ;; *) echo "http://$host:8000" ;; esac; }

list=$(for carrier in $carriers; do echo "$carrier@$(target "$carrier")"; done | paste -sd,)
"$load" prove "http://$host:8000" --model "$model" --carrier "$list"
echo
echo "At $rate/s, of $model:"
echo "| carrier | client CPU a call | server CPU a call | client / server | p50 | |"
echo "|---|---:|---:|---:|---:|---|"
code=0
for carrier in $carriers; do
  "$load" "$(target "$carrier")" --carrier "$carrier" --model "$model" --rate "$rate" --duration "${seconds}s" --metrics "http://$host:8002/metrics" --skip-proof --report "$work/run" > "$work/out" 2>&1 \
    || { echo "| $carrier | | | | | ended with $?: $(tail -n 1 "$work/out") |"; code=1; continue; }
  python3 - "$work/run.json" "$work/run.md" "$carrier" <<'PY' || code=1
import json, sys

report = json.load(open(sys.argv[1]))
run, server = report['scenarios'][0], report['server']
client = run['clientCpuSeconds'] / run['sent'] * 1e6
line = [cell.strip() for cell in next(line for line in open(sys.argv[2]) if line.startswith('| ') and '---' not in line and 'offered/s' not in line).strip('|\n ').split('|')]
if server is None or server['cpuCores'] < 0:
    print(f'| {sys.argv[3]} | {client:.1f} µs | not known | | {line[4]} | the metrics could not be read |')
    sys.exit(1)
theirs = server['cpuCores'] * run['seconds'] / run['answeredInWindow'] * 1e6
cheaper = client < theirs
print(f"| {sys.argv[3]} | {client:.1f} µs | {theirs:.1f} µs | {client / theirs:.2f} | {line[4]} | {'cheaper than the server' if cheaper else 'NOT cheaper than the server'} |")
sys.exit(not cheaper)
PY
done
exit $code
