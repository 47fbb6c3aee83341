// The page of two reports.
(() => {
  const both = [['before', data.before, data.beforeName, colours[1]], ['after', data.after, data.afterName, colours[0]]];
  report.append(el('header', {}, el('h1', {}, `Comparison · ${data.beforeName} and ${data.afterName}`),
    el('p', { class: 'verdict' }, data.verdict)));
  report.append(el('div', { class: 'grid' }, ...both.map(([name, each, file]) => card(`${name[0].toUpperCase()}${name.slice(1)}: ${file}`, each.machine, el('div', {}, el('p', {}, each.verdict), el('p', { class: 'sub' }, el('code', {}, each.command)))))));
  report.append(el('section', { class: 'card' }, table([{ name: '' }, { name: 'Before', number: true }, { name: 'After', number: true }, { name: 'Change', number: true }],
    data.values.map(value => [value.name, value.before, value.after, { text: value.change, mark: value.isBetter === true ? 'good' : value.isBetter === false ? 'bad' : '' }]))));
  data.before.scenarios.forEach((scenario, i) => {
    const other = data.after.scenarios.find(each => each.name === scenario.name) || data.after.scenarios[i];
    if (!other) return;
    const nines = value => -Math.log10(Math.max(1 - value, 1e-6));
    const pair = [['before', scenario, colours[1]], ['after', other, colours[0]]];
    const spread = pair.map(([name, each, colour]) => ({ name, colour, points: each.distribution.filter(point => point[0] < 1 && (1 - point[0]) * each.answered >= 0.5).map(point => [nines(point[0]), point[1]]) }));
    const over = pick => pair.map(([name, each, colour]) => ({ name, colour, points: each.points.map(point => [point.t + each.interval / 2, pick(point)]) }));
    const x = { x: seconds, xTitle: 'time since the start', xLeast: 0 };
    report.append(el('h2', {}, scenario.name), el('div', { class: 'grid' },
      card('Latency distribution', 'So much of the calls are answered within', lines(spread, { y: time, yLog: true, xLeast: 0, xTitle: 'share of the calls', xTicks: [[0, '0'], [nines(0.5), '50 %'], [1, '90 %'], [2, '99 %'], [3, '99.9 %'], [4, '99.99 %']], tipX: value => `${+(100 * (1 - Math.pow(10, -value))).toFixed(4)} %`, label: 'Latency distribution' }), spread, true),
      card('Throughput', 'Answers a second', lines(over(point => point.answered), { ...x, y: rate, label: 'Throughput' }), over(() => 0)),
      card('p99', 'Over time', lines(over(point => point.p99), { ...x, y: time, yLog: true, label: 'p99' }), over(() => 0))));
  });
  report.append(el('footer', {}, el('p', { class: 'sub' }, 'Change is of the second against the first; green is better.')));
})();
