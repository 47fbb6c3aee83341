'use strict';
// Small charts as inline SVG: drawn at the width there is, and again when it changes, so that text keeps its size. What stands for data, and not for axes, has the class data.
const report = document.getElementById('report');
const data = JSON.parse(document.getElementById('data').textContent);
const colours = ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)', 'var(--c6)'];

function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === 'style') node.style.cssText = value; else node.setAttribute(key, value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

function svg(name, attributes, text) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

const digits = value => {
  if (value === null || value === undefined || !isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return String(+value.toFixed(1));
  if (size >= 0.1 || size === 0) return String(+value.toFixed(2));
  return String(+value.toPrecision(2));
};
const time = ms => ms === null || ms === undefined || ms < 0 || !isFinite(ms) ? '–' : ms === 0 ? '0' : ms < 1 ? `${digits(ms * 1000)} µs` : ms < 1000 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
const rate = value => `${digits(value)}/s`;
const share = value => value === null || !isFinite(value) ? '–' : value === 0 ? '0 %' : value < 0.0001 ? '< 0.01 %' : `${digits(value * 100)} %`;
const seconds = value => `${digits(value)} s`;

/** Steps of 1, 2 or 5 from 0, about `count` of them. */
function linearTicks(most, count) {
  const rough = most / count;
  const power = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = power * [1, 2, 5, 10].find(each => each * power >= rough);
  const ticks = [];
  for (let tick = 0; tick <= most * 1.0001; tick += step) ticks.push(+tick.toPrecision(12));
  return ticks;
}

function logTicks(least, most, height) {
  const ticks = [];
  const steps = Math.log10(most / least) < 2.2 && height > 120 ? [1, 2, 5] : [1];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
    for (const step of steps) {
      const tick = step * Math.pow(10, power);
      if (tick >= least * 0.999 && tick <= most * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

/** Keeps a drawing as wide as its place. */
function responsive(draw) {
  const place = el('div', { class: 'chart' });
  let drawn = 0;
  const again = () => {
    const width = Math.floor(place.clientWidth);
    if (width < 40 || width === drawn) return;
    drawn = width;
    place.replaceChildren(...draw(width, place));
  };
  // In the next frame: drawing within the notification would change what is being watched.
  new ResizeObserver(() => requestAnimationFrame(again)).observe(place);
  return place;
}

function legendOf(series) {
  const legend = el('div', { class: 'legend' });
  series.forEach(each => legend.append(el('span', { style: `--mark:${each.colour}`, class: each.box ? 'box' : each.dash ? 'dash' : '' }, each.name)));
  return legend;
}

function card(title, sub, content, legend, wide) {
  return el('section', { class: wide ? 'card wide' : 'card' }, el('h3', {}, title), sub ? el('p', { class: 'sub' }, sub) : null, legend ? legendOf(legend) : null, content);
}

/**
 * Lines over one axis. Series: {name, colour, points: [[x, y|null, text, least, most]], dash, dots, noLine, ranges}. Options: x and y formats, axis titles, log scales, vertical bands and
 * lines, and ticks of one's own.
 */
function lines(series, options) {
  const all = series.flatMap(each => each.points.filter(point => point[1] !== null && (!options.yLog || point[1] > 0)));
  if (all.length === 0) return el('p', { class: 'sub' }, 'Nothing to draw.');
  return responsive((width, place) => {
    const height = options.height || (width < 460 ? 210 : 250);
    const yFormat = options.y || digits;
    const xFormat = options.x || digits;
    const xs = all.map(point => point[0]);
    const ys = [...all.map(point => point[1]), ...(options.levels || []).map(level => level.y), ...series.filter(each => each.ranges).flatMap(each => each.points.map(point => point[4]))];
    const xLeast = options.xLeast ?? Math.min(...xs);
    let xMost = options.xMost ?? Math.max(...xs);
    if (xMost <= xLeast) xMost = xLeast + 1;
    let yMost = Math.max(...ys) || 1;
    let yLeast = options.yLog ? Math.min(...ys) : 0;
    if (options.yLog) { yLeast /= 1.25; yMost *= 1.25; if (yMost / yLeast < 10) { const middle = Math.sqrt(yMost * yLeast); yLeast = middle / 3.4; yMost = middle * 3.4; } } else yMost *= 1.08;
    const yTicks = options.yLog ? logTicks(yLeast, yMost, height) : linearTicks(yMost, 5);
    const left = Math.max(...yTicks.map(tick => yFormat(tick).length)) * 6.6 + 12;
    const right = 14, top = 24, bottom = 40;
    const X = value => left + (width - left - right) * (value - xLeast) / (xMost - xLeast);
    const Y = value => options.yLog
      ? top + (height - top - bottom) * (1 - Math.log(Math.max(value, yLeast) / yLeast) / Math.log(yMost / yLeast))
      : top + (height - top - bottom) * (1 - value / yMost);
    const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, height, role: 'img', 'aria-label': options.label || '' });
    for (const band of options.bands || []) {
      root.append(svg('rect', { x: X(band.from), y: top, width: Math.max(0, X(band.to) - X(band.from)), height: height - top - bottom, fill: 'var(--grid)', opacity: 0.75 }));
      if (band.name) root.append(svg('text', { x: X(band.from) + 4, y: height - bottom - 6 }, band.name));
    }
    for (const tick of yTicks) {
      root.append(svg('line', { x1: left, x2: width - right, y1: Y(tick), y2: Y(tick), stroke: 'var(--grid)' }));
      root.append(svg('text', { x: left - 7, y: Y(tick) + 4, 'text-anchor': 'end' }, yFormat(tick)));
    }
    const xTicks = options.xTicks || linearTicks(xMost - xLeast, width < 460 ? 4 : 7).map(tick => tick + xLeast);
    let lastEnd = -Infinity;
    for (const tick of xTicks) {
      const at = X(options.xTicks ? tick[0] : tick);
      const label = options.xTicks ? tick[1] : xFormat(tick);
      root.append(svg('line', { x1: at, x2: at, y1: height - bottom, y2: height - bottom + 4, stroke: 'var(--line)' }));
      const isLast = at > width - right - 12;
      if (at - label.length * (isLast ? 6.6 : 3.3) < lastEnd + 6) continue;
      lastEnd = at + label.length * 3.3;
      root.append(svg('text', { x: at, y: height - bottom + 17, 'text-anchor': isLast ? 'end' : 'middle' }, label));
    }
    root.append(svg('line', { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, stroke: 'var(--line)' }));
    root.append(svg('text', { x: left, y: 12, class: 'title' }, options.yTitle || ''));
    root.append(svg('text', { x: width - right, y: height - 5, 'text-anchor': 'end', class: 'title' }, options.xTitle || ''));
    for (const level of options.levels || []) {
      root.append(svg('line', { x1: left, x2: width - right, y1: Y(level.y), y2: Y(level.y), stroke: level.colour || 'var(--bad)', 'stroke-dasharray': '6 4', 'stroke-width': 1.4 }));
      root.append(svg('text', { x: width - right - 2, y: Y(level.y) - 5, 'text-anchor': 'end', style: `fill:${level.colour || 'var(--bad)'}` }, level.name));
    }
    for (const marker of options.markers || []) {
      root.append(svg('line', { x1: X(marker.x), x2: X(marker.x), y1: top, y2: height - bottom, stroke: marker.colour || 'var(--good)', 'stroke-dasharray': '2 3', 'stroke-width': 1.4 }));
      const isRight = X(marker.x) > width * 0.6;
      root.append(svg('text', { x: X(marker.x) + (isRight ? -5 : 5), y: height - bottom - 6, 'text-anchor': isRight ? 'end' : 'start', style: `fill:${marker.colour || 'var(--good)'}` }, marker.name));
    }
    for (const each of series) {
      let path = '';
      let pen = 'M';
      for (const [x, y] of each.points) {
        if (y === null || (options.yLog && y <= 0)) { pen = 'M'; continue; }
        path += `${pen}${X(x).toFixed(1)} ${Y(y).toFixed(1)}`;
        pen = 'L';
      }
      if (!each.noLine) root.append(svg('path', { class: 'data', d: path, fill: 'none', stroke: each.colour, 'stroke-width': each.thin ? 1.2 : 2, 'stroke-linejoin': 'round', 'stroke-dasharray': each.dash ? '5 4' : 'none' }));
      if (each.ranges) {
        for (const [x, y, , least, most] of each.points) if (y !== null) root.append(svg('line', { x1: X(x), x2: X(x), y1: Y(least), y2: Y(most), stroke: each.colour, 'stroke-width': 5, opacity: 0.25, 'stroke-linecap': 'round' }));
      }
      if (each.dots || each.points.length < 3) {
        for (const point of each.points) {
          if (point[1] !== null && (!options.yLog || point[1] > 0)) root.append(svg('circle', { class: 'data', cx: X(point[0]), cy: Y(point[1]), r: each.noLine ? 4.5 : 3.2, fill: each.hollow ? 'var(--card)' : each.colour, stroke: each.colour, 'stroke-width': 1.6 }));
        }
      }
    }
    const cross = svg('line', { y1: top, y2: height - bottom, stroke: 'var(--soft)', opacity: 0 });
    root.append(cross);
    const tip = el('div', { class: 'tip', hidden: '' });
    const hide = () => { tip.hidden = true; cross.setAttribute('opacity', 0); };
    root.addEventListener('pointerleave', hide);
    root.addEventListener('pointermove', event => {
      const box = root.getBoundingClientRect();
      const at = event.clientX - box.left;
      let nearest = null;
      for (const point of all) if (nearest === null || Math.abs(X(point[0]) - at) < Math.abs(X(nearest) - at)) nearest = point[0];
      const rows = [];
      for (const each of series) {
        const point = each.points.find(candidate => candidate[0] === nearest && candidate[1] !== null);
        if (!point) continue;
        const row = el('div', {}, el('i', { style: `background:${each.colour}` }), `${each.name} `, el('b', {}, yFormat(point[1])));
        if (point[2]) row.append(` ${point[2]}`);
        rows.push(row);
      }
      tip.replaceChildren(el('div', { class: 'sub' }, (options.tipX || xFormat)(nearest)), ...rows);
      tip.hidden = false;
      const x = X(nearest);
      cross.setAttribute('x1', x); cross.setAttribute('x2', x); cross.setAttribute('opacity', 0.5);
      const fits = x + 14 + tip.offsetWidth < place.clientWidth;
      tip.style.left = `${Math.max(0, fits ? x + 14 : x - 14 - tip.offsetWidth)}px`;
      tip.style.top = `${top}px`;
    });
    return [root, tip];
  });
}

/** Horizontal bars: rows of {name, value, colour}. A name that has no room beside its bar stands above it. */
function bars(rows, format) {
  if (rows.length === 0) return el('p', { class: 'sub' }, 'Nothing to draw.');
  return responsive(width => {
    const step = 24;
    const room = row => row.name.length * 6.8 + 12;
    const left = Math.min(width * 0.42, Math.max(...rows.map(room)));
    const above = row => room(row) > left ? 17 : 0;
    const height = rows.reduce((sum, row) => sum + step + above(row), 6);
    const valueWidth = Math.max(...rows.map(row => format(row.value).length)) * 7 + 10;
    const most = Math.max(...rows.map(row => row.value)) || 1;
    const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, height, role: 'img' });
    let y = 4;
    for (const row of rows) {
      const long = Math.max(1, (width - left - valueWidth) * row.value / most);
      root.append(above(row) ? svg('text', { x: 0, y: y + 13 }, row.name) : svg('text', { x: left - 8, y: y + 13, 'text-anchor': 'end' }, row.name));
      y += above(row);
      root.append(svg('rect', { class: 'data', x: left, y: y + 1, width: long, height: step - 9, rx: 3, fill: row.colour || 'var(--c1)' }));
      root.append(svg('text', { x: left + long + 7, y: y + 13 }, format(row.value)));
      y += step;
    }
    return [root];
  });
}

/** One bar of parts: {name, value, colour}. */
function stack(parts, format) {
  const sum = parts.reduce((total, part) => total + part.value, 0) || 1;
  return responsive(width => {
    const root = svg('svg', { viewBox: `0 0 ${width} 34`, height: 34, role: 'img' });
    let x = 0;
    for (const part of parts) {
      const long = width * part.value / sum;
      const box = svg('rect', { class: 'data', x, y: 4, width: Math.max(0.5, long - 1), height: 26, fill: part.colour, rx: 2 });
      box.append(svg('title', {}, `${part.name}: ${format(part.value)}`));
      root.append(box);
      x += long;
    }
    return [root];
  });
}

function table(columns, rows) {
  const head = el('tr', {}, ...columns.map(column => el('th', { class: column.number ? 'n' : '' }, column.name)));
  return el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, head), el('tbody', {}, ...rows.map(row =>
    el('tr', {}, ...row.map((cell, i) => el('td', { class: `${columns[i].number ? 'n' : ''} ${cell && cell.mark || ''}` }, cell && cell.text !== undefined ? cell.text : cell ?? '')))))));
}

function tile(name, value, unit, more) {
  return el('div', { class: 'tile' }, el('div', { class: 'name' }, name), el('div', { class: 'value' }, value, unit ? el('small', {}, unit) : null), more ? el('div', { class: 'more' }, more) : null);
}

/** A number and its unit apart, so that the unit can be small. */
function split(text) {
  const at = text.lastIndexOf(' ');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
