#!/bin/bash
# The same target under wrk, hey, autocannon and gateway-load, one after another, and what each says of it.
#
#   load/compare-with-others.sh [URL] [SECONDS] [CONNECTIONS]
#
# Needs wrk and hey (apt-get install wrk hey) and autocannon (npm install --global autocannon, or in a folder with NPM_BIN naming its node_modules/.bin);
# those that are missing are left out. All of them keep CONNECTIONS callers that wait for their answers: the closed model, which is what they share. hey and
# gateway-load then offer half of that rate: hey paces its callers, gateway-load's calls are due whatever becomes of those before.
set -euo pipefail
url=${1:-http://localhost:8000/v2/health/live}
seconds=${2:-10}
connections=${3:-32}
here=$(cd "$(dirname "$0")" && pwd)
load=${GATEWAY_LOAD:-$here/Gateway.Load/bin/Release/net10.0/gateway-load}
export PATH="${NPM_BIN:-$here/node_modules/.bin}:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
row() { printf '| %-28s | %12s | %10s | %10s |\n' "$1" "$2" "$3" "$4"; }
milliseconds() { awk -v v="$1" 'BEGIN { n = v + 0; if (v ~ /us$/) n /= 1000; else if (v ~ /[0-9]s$/) n *= 1000; printf "%.3f ms", n }'; }
ours() {
  "$load" "$url" --connections "$connections" --duration "${seconds}s" --warm-up 1s --metrics none --accept-client-limit --report "$work/ours" "${@:2}" > /dev/null || true
  python3 - "$work/ours.csv" "$work/ours.md" "$1" <<'PY'
import re, sys
line = next(line for line in open(sys.argv[2]) if line.startswith('| /'))
cells = [cell.strip() for cell in line.strip('|\n ').split('|')]
print('| %-28s | %12s | %10s | %10s |' % (sys.argv[3], cells[2], cells[4], cells[6]))
PY
}

echo "$url, $connections connections, $seconds s"
row "" "answered/s" "p50" "p99"
row "---" "---:" "---:" "---:"
if command -v wrk > /dev/null; then
  wrk -t1 -c"$connections" -d"${seconds}s" --latency "$url" > "$work/wrk"
  row "wrk" "$(awk '/Requests\/sec/ { printf "%.0f", $2 }' "$work/wrk")" "$(milliseconds "$(awk '$1 == "50%" { print $2 }' "$work/wrk")")" "$(milliseconds "$(awk '$1 == "99%" { print $2 }' "$work/wrk")")"
fi
if command -v hey > /dev/null; then
  hey -z "${seconds}s" -c "$connections" "$url" > "$work/hey"
  row "hey" "$(awk '/Requests\/sec/ { printf "%.0f", $2 }' "$work/hey")" "$(awk '/50% in/ { printf "%.3f ms", $3 * 1000 }' "$work/hey")" "$(awk '/99% in/ { printf "%.3f ms", $3 * 1000 }' "$work/hey")"
fi
if command -v autocannon > /dev/null; then
  autocannon --json -c "$connections" -d "$seconds" "$url" > "$work/cannon" 2> /dev/null
  python3 - "$work/cannon" <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))
print('| %-28s | %12.0f | %7.3f ms | %7.3f ms |' % ('autocannon (whole ms)', run['requests']['average'], run['latency']['p50'], run['latency']['p99']))
PY
fi
ours "gateway-load, closed" --concurrency "$connections"
if [ -f "$work/ours.json" ]; then
  half=$(awk -F, 'NR > 1 && $3 == 0 { sum += $5; n++ } END { printf "%d", sum / n / 2 }' "$work/ours.csv")
  if command -v hey > /dev/null; then
    hey -z "${seconds}s" -c "$connections" -q "$((half / connections > 0 ? half / connections : 1))" "$url" > "$work/hey"
    row "hey, paced to $half/s" "$(awk '/Requests\/sec/ { printf "%.0f", $2 }' "$work/hey")" "$(awk '/50% in/ { printf "%.3f ms", $3 * 1000 }' "$work/hey")" "$(awk '/99% in/ { printf "%.3f ms", $3 * 1000 }' "$work/hey")"
  fi
  ours "gateway-load, open, even $half/s" --rate "$half" --arrivals constant
  ours "gateway-load, open, Poisson" --rate "$half"
fi
