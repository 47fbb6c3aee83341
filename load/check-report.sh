#!/bin/bash
# Opens reports in headless Chromium and looks at them as a reader would: no errors on the console, every chart drawn with its labels whole, nothing wider than the window.
#
#   load/check-report.sh [SCREENSHOT.png] REPORT.html…
#
# Each page at 1280 and at 400 pixels wide, light and dark; in each there must be CHARTS charts at least (1), and something of data in every one: axes alone are none. Ends with 1 when something is wrong, with 0
# and a word of it where there is no Chromium (apt-get install chromium). The first page is also drawn into SCREENSHOT.png, where one is named.
set -euo pipefail
browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$browser" ]; then
  echo "skipped: no Chromium here (apt-get install chromium)"
  exit 0
fi
least=${CHARTS:-1}
shot=""
if [[ ${1:-} == *.png ]]; then shot=$(realpath -m "$1"); shift; fi
[ $# -gt 0 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
code=0
chrome() { timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" --virtual-time-budget=3000 "$@"; }

# What a page says of itself once it is drawn. Headless windows may be no narrower than 500 pixels, so the page is looked at in a frame of the width asked for.
probe='<script>window.errors = []; addEventListener("error", e => errors.push(e.message)); const old = console.error; console.error = (...a) => { errors.push(a.join(" ")); old(...a); };
addEventListener("load", () => setTimeout(() => {
  const charts = [...document.querySelectorAll(".chart")];
  // A line needs two points; one point alone is a circle, and bars have a width.
  const isDrawn = mark => mark.tagName === "circle" || (mark.tagName === "path" ? /L/.test(mark.getAttribute("d")) : mark.getAttribute("width") >= 1);
  const empty = charts.filter(chart => ![...chart.querySelectorAll("svg .data")].some(isDrawn)).length;
  const flat = [...document.querySelectorAll(".chart svg path")].filter(path => /NaN|undefined|Infinity/.test(path.getAttribute("d") || "")).length;
  const cut = [...document.querySelectorAll("svg text")].filter(text => text.getBoundingClientRect().left < 0).length;
  const text = /\b(NaN|undefined|null|Infinity)\b/.exec(document.body.innerText);
  parent.postMessage(JSON.stringify({ width: innerWidth, scroll: document.documentElement.scrollWidth, charts: charts.length, empty, flat, cut, text: text && text[0], errors }), "*");
}, 700));</script>'
for page in "$@"; do
  for width in 1280 400; do
    for scheme in light dark; do
      python3 - "$page" "$work/page.html" "$work/frame.html" "$width" "$probe" <<'PY'
import html, sys
page = open(sys.argv[1], encoding='utf-8').read()
# Before anything of the page's own runs.
probed = page.replace('<head>', '<head>' + sys.argv[5], 1) if '<head>' in page else sys.argv[5] + page
open(sys.argv[3], 'w', encoding='utf-8').write('<!DOCTYPE html><meta charset="utf-8"><body style="margin:0"><iframe style="border:0" width="%s" height="2000" srcdoc="%s"></iframe><pre id="said"></pre><script>addEventListener("message", e => document.getElementById("said").textContent = "SAID" + e.data + "END");</script>' % (sys.argv[4], html.escape(probed)))
PY
      dark=(); [ $scheme = dark ] && dark=(--blink-settings=preferredColorScheme=0)
      chrome --window-size=1400,2100 "${dark[@]}" --dump-dom "file://$work/frame.html" > "$work/dom" 2> "$work/err" || { echo "$page, $width px: Chromium ended with $?"; tail -n 3 "$work/err"; code=1; continue; }
      python3 - "$work/dom" "$(basename "$page"), $width px, $scheme" "$width" "$least" <<'PY' || code=1
import html, json, re, sys
found = re.search(r'SAID(.*?)END', open(sys.argv[1], encoding='utf-8').read(), re.S)
if not found:
    print(f'{sys.argv[2]}: the page said nothing')
    sys.exit(1)
said = json.loads(html.unescape(found.group(1)))
wrong = []
if said['width'] != int(sys.argv[3]): wrong.append(f"was {said['width']} px wide")
if said['errors']: wrong.append(f"errors: {said['errors'][:3]}")
if said['scroll'] > said['width']: wrong.append(f"scrolls to {said['scroll']} px")
if said['empty'] or said['flat']: wrong.append(f"{said['empty']} charts empty, {said['flat']} lines that are none")
if said['charts'] < int(sys.argv[4]): wrong.append(f"{said['charts']} charts, where {sys.argv[4]} at least are to be")
if said['cut']: wrong.append(f"{said['cut']} labels cut off on the left")
if said['text']: wrong.append(f"says '{said['text']}'")
print(f"{sys.argv[2]}: {'; '.join(wrong) if wrong else '%d charts drawn' % said['charts']}")
sys.exit(bool(wrong))
PY
    done
  done
done
if [ -n "$shot" ]; then chrome --window-size=1280,1700 --screenshot="$shot" "file://$(realpath "$1")" > /dev/null 2>&1 && echo "$shot"; fi
exit $code
