#!/bin/bash
# Finds the highest rate that holds an objective three times, each time in a process of its own, and says how far the three lie apart.
#
#   load/knee-three-times.sh TARGET --model NAME --slo-p99 TIME [options of gateway-load capacity]
#
# Ends with 1 when they differ by more than a tenth of the median.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
load=${GATEWAY_LOAD:-$here/Gateway.Load/bin/Release/net10.0/gateway-load}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for i in 1 2 3; do
  "$load" capacity "$@" --repeats 1 --seed "$i" --report "$work/$i" > "$work/$i.out" || { cat "$work/$i.out" >&2; exit 1; }
done
python3 - "$work"/[123].json <<'PY'
import json, sys

runs = [json.load(open(name))['capacity']['settings'] for name in sys.argv[1:]]
widest = 0
for each in zip(*runs):
    knees = sorted(setting['knee'] for setting in each)
    spread = (knees[2] - knees[0]) / knees[1] if knees[1] else float('inf')
    widest = max(widest, spread)
    found = ', '.join('{:,.0f}/s'.format(setting['knee']) for setting in each)
    print(f"{each[0]['name']}: {found}: {100 * spread:.1f} % apart; {each[0]['limit']}")
sys.exit(widest > 0.1)
PY
