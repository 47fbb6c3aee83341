#!/bin/bash
# Finds the highest rate that holds an objective three times, each time in a process of its own, and says how far the three lie apart.
#
#   load/knee-three-times.sh TARGET --model NAME --slo-p99 TIME [options of gateway-load capacity]
#
# Prints a Markdown table. Ends with 1 when they differ by more than a tenth of the median, or when the client could not vouch for one of them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
load=${GATEWAY_LOAD:-$here/Gateway.Load/bin/Release/net10.0/gateway-load}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for i in 1 2 3; do
  "$load" capacity "$@" --repeats 1 --seed "$i" --report "$work/$i" > "$work/$i.out" 2>&1 || { echo "search $i ended with $?:" >&2; tail -n 15 "$work/$i.out" >&2; exit 1; }
done
python3 - "$work"/[123].json <<'PY'
import json, sys

reports = [json.load(open(name)) for name in sys.argv[1:]]
capacity = reports[0]['capacity']
print('| carrier | knee (p{:g} within {:g} ms), three times | apart | saturated | what limits | |'.format(100 * capacity['percentile'], capacity['objectiveMilliseconds']))
print('|---|---|---:|---:|---|---|')
bad = False
for each in zip(*(report['capacity']['settings'] for report in reports)):
    knees = sorted(setting['knee'] for setting in each)
    spread = (knees[2] - knees[0]) / knees[1] if knees[1] else float('inf')
    verdict = 'within a tenth'
    if spread > 0.1 or not knees[0]:
        verdict, bad = 'FURTHER APART than a tenth', True
    found = ', '.join('{}{:,.0f}/s'.format('≥ ' if setting['isAtLeast'] else '', setting['knee']) for setting in each)
    print(f"| {each[0]['name']} | {found} | {100 * spread:.1f} % | {sorted(setting['saturation'] for setting in each)[1]:,.0f}/s | {each[1]['limit'].split(' (')[0]} | {verdict} |")
for warning in sorted({warning for report in reports for warning in report['warnings']}):
    print(f'\n> {warning}')
sys.exit(bad)
PY
