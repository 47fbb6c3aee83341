#!/bin/bash
# The same target under wrk, hey, autocannon and gateway-load, in turns, and what each says of it: medians of ROUNDS (3).
#
#   load/compare-with-others.sh [URL] [SECONDS] [CONNECTIONS]
#
# Needs wrk and hey (apt-get install wrk hey) and autocannon (npm install --global autocannon, or in a folder with NPM_BIN naming its node_modules/.bin);
# those that are missing are left out and named. All of them keep CONNECTIONS callers that wait for their answers: the closed model, which is what they share. hey, autocannon and
# gateway-load then offer half of that rate, or of what the slowest of them can offer where that is less: hey and autocannon (-R, and -C: latencies from sending, which on a server that does not stall are the
# same) pace their callers, gateway-load's calls are due whatever becomes of those before.
#
# Prints a Markdown table. Ends with 1 where tools that measure the same thing do not agree: in the closed model wrk's rate and p50 within a fifth of gateway-load's (hey and autocannon cost more than many a
# server: they may be slower, not faster by more than a tenth); at half of that rate, 98 % of it answered, and hey's p50 within a half or 0.3 ms, autocannon's, which has whole milliseconds, within one. Their p99
# are within a factor of two or 1 ms (autocannon's 2): a hundredth of the calls hangs on few moments of the machine.
set -euo pipefail
url=${1:-http://localhost:8000/v2/health/live}
seconds=${2:-10}
connections=${3:-32}
rounds=${ROUNDS:-3}
here=$(cd "$(dirname "$0")" && pwd)
load=${GATEWAY_LOAD:-$here/Gateway.Load/bin/Release/net10.0/gateway-load}
export PATH="${NPM_BIN:-$here/node_modules/.bin}:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missing=""
for tool in wrk hey autocannon; do command -v $tool > /dev/null || missing="$missing $tool"; done
has() { [[ $missing != *" $1"* ]]; }

# note NAME RATE P50 P99: a line of the results, in calls a second and milliseconds.
note() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >> "$work/results"; }
wrk_ms() { awk -v v="$1" 'BEGIN { n = v + 0; if (v ~ /us$/) n /= 1000; else if (v ~ /[0-9]s$/) n *= 1000; print n }'; }
hey_note() { note "$1" "$(awk '/Requests\/sec/ { print $2 }' "$work/hey")" "$(awk '/50% in/ { print $3 * 1000 }' "$work/hey")" "$(awk '/99% in/ { print $3 * 1000 }' "$work/hey")"; }
cannon_note() { note "$1" $(python3 -c 'import json, sys; run = json.load(open(sys.argv[1])); print(run["requests"]["average"], run["latency"]["p50"], run["latency"]["p99"])' "$work/cannon"); }
ours() {
  # In the closed model against a light target the client may well be what limits, which is the point here: its figures are taken as they are.
  "$load" "$url" --connections "$connections" --duration "${seconds}s" --warm-up 1s --metrics none --accept-client-limit --report "$work/ours" "${@:2}" > "$work/out" 2>&1 || { echo "gateway-load ended with $?: $(tail -n 1 "$work/out")" >&2; exit 1; }
  python3 - "$work/ours.csv" "$work/ours.md" "$1" >> "$work/results" <<'PY'
import sys
head, row = ([cell.strip() for cell in line.strip('|\n ').split('|')] for line in open(sys.argv[2]) if line.startswith('| ') and 'threshold' not in line)
unit = {'µs': 1e-3, 'ms': 1, 's': 1e3}
def ms(name):
    number, of = row[head.index(name)].split()
    return float(number.replace(',', '')) * unit[of]
print(sys.argv[3], row[head.index('answered/s')].replace(',', ''), ms('p50'), ms('p99'), sep='\t')
PY
}

half=0
for round in $(seq "$rounds"); do
  if has wrk; then
    wrk -t1 -c"$connections" -d"${seconds}s" --latency "$url" > "$work/wrk"
    note "wrk" "$(awk '/Requests\/sec/ { print $2 }' "$work/wrk")" "$(wrk_ms "$(awk '$1 == "50%" { print $2 }' "$work/wrk")")" "$(wrk_ms "$(awk '$1 == "99%" { print $2 }' "$work/wrk")")"
  fi
  if has hey; then
    hey -z "${seconds}s" -c "$connections" "$url" > "$work/hey"
    hey_note "hey"
  fi
  if has autocannon; then
    autocannon --json -c "$connections" -d "$seconds" "$url" > "$work/cannon" 2> /dev/null
    cannon_note "autocannon (whole ms)"
  fi
  ours "gateway-load, closed" --concurrency "$connections"
  [ "$half" -gt 0 ] || half=$(awk -F'\t' '$1 == "gateway-load, closed" || $1 == "hey" || $1 ~ /^autocannon/ { if (!least || $2 < least) least = $2 } END { printf "%d", least / 2 }' "$work/results")
  if has hey; then
    hey -z "${seconds}s" -c "$connections" -q "$((half / connections > 0 ? half / connections : 1))" "$url" > "$work/hey"
    hey_note "hey, paced to half"
  fi
  if has autocannon; then
    autocannon --json -c "$connections" -d "$seconds" -R "$half" -C "$url" > "$work/cannon" 2> /dev/null
    cannon_note "autocannon (whole ms), paced to half"
  fi
  ours "gateway-load, open, even, half" --rate "$half" --arrivals constant
  ours "gateway-load, open, Poisson, half" --rate "$half"
done

echo "$url, $connections connections, $rounds rounds of $seconds s; half: $half/s${missing:+; not here:$missing}"
echo
python3 - "$work/results" "$half" <<'PY'
import statistics, sys

rounds = {}
for line in open(sys.argv[1]):
    name, *values = line.rstrip('\n').split('\t')
    rounds.setdefault(name, []).append([float(value) for value in values])
median = {name: [statistics.median(column) for column in zip(*values)] for name, values in rounds.items()}
half = float(sys.argv[2])
ours = median['gateway-load, closed']
even = median['gateway-load, open, even, half']

def near(one, other, factor, milliseconds):
    return one <= factor * other and other <= factor * one or abs(one - other) <= milliseconds

def judge(name, rate, p50, p99):
    if name == 'wrk':
        return near(rate, ours[0], 1.25, 0) and near(p50, ours[1], 1.25, 0) and near(p99, ours[2], 2, 1), 'as gateway-load, closed'
    if name in ('hey', 'autocannon (whole ms)'):
        return rate <= 1.1 * ours[0], 'not faster'
    if name == 'hey, paced to half':
        return abs(p50 - even[1]) <= max(0.3, 0.5 * even[1]) and near(p99, even[2], 2, 1), 'as gateway-load, even'
    if name.startswith('autocannon') and 'paced' in name:
        return rate >= 0.98 * half and abs(p50 - even[1]) <= 1 and near(p99, even[2], 2, 2), 'as gateway-load, even'
    if name.startswith('gateway-load, open'):
        return rate >= 0.98 * half, 'all answered'
    return True, ''

print('| | answered/s | p50 | p99 | spread of the rate | expected | |')
print('|---|---:|---:|---:|---:|---|---|')
bad = False
for name, (rate, p50, p99) in median.items():
    good, expected = judge(name, rate, p50, p99)
    bad |= not good
    rates = [values[0] for values in rounds[name]]
    print(f"| {name} | {rate:,.0f} | {p50:.3f} ms | {p99:.3f} ms | {100 * (max(rates) - min(rates)) / rate:.0f} % | {expected} | {'' if not expected else 'yes' if good else '**NO**'} |")
sys.exit(bad)
PY
