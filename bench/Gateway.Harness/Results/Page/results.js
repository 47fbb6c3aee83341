// The page of recorded results: one section a scenario, one chart a case that was measured more than once.
(() => {
  const when = run => new Date(run.date).toISOString().replace('T', ' ').slice(0, 16);
  const stamp = run => `${when(run)}${run.commit ? `, ${run.commit}` : ''}`;
  const figure = (series, value) => `${digits(value)}${series.unit ? ` ${series.unit}` : ''}`;
  const spread = series => `${figure(series, series.median)} [${digits(series.min)} … ${digits(series.max)}]`;
  const budget = each => each.limit === null ? '' : `${each.isFloor ? '≥' : '≤'} ${digits(each.limit)}`;
  const verdict = each => each.isMet === null ? '' : { text: each.isMet ? '✓\u00a0met' : '✗\u00a0missed', mark: each.isMet ? 'good' : 'bad' };
  const scenarios = new Map();
  for (const run of data.runs) {
    for (const each of run.cases) {
      const cases = scenarios.get(run.scenario) || scenarios.set(run.scenario, new Map()).get(run.scenario);
      const key = `${each.name}: ${each.outcome.name}`;
      (cases.get(key) || cases.set(key, []).get(key)).push({ run, each });
    }
  }

  const latest = [...scenarios].flatMap(([scenario, cases]) => [...cases.values()].map(history => ({ scenario, ...history[history.length - 1] })));
  const judged = latest.filter(entry => entry.each.limit !== null);
  const missed = judged.filter(entry => !entry.each.isMet);
  const commits = new Set(data.runs.map(run => run.commit).filter(Boolean));
  report.append(el('header', {},
    el('h1', {}, data.runs.length ? `Recorded results · ${when(data.runs[0])} to ${when(data.runs[data.runs.length - 1])} UTC` : 'Recorded results'),
    el('p', { class: 'verdict' }, data.runs.length ? `${judged.length - missed.length} of ${judged.length} budgets are met in the latest run of each scenario.` : 'Nothing has been recorded yet.'),
    el('p', { class: 'sub' }, 'A bar behind a point is the smallest and largest of its rounds. Ratios of one run can be compared with those of another; figures of different machines hardly: where the ground changes its shade, so does the machine.')));
  report.append(el('div', { class: 'tiles' },
    tile('Runs', digits(data.runs.length), '', `of ${scenarios.size} scenarios`), tile('Commits', digits(commits.size), ''),
    tile('Budgets met', digits(judged.length - missed.length), '', `of ${judged.length}`), tile('Machines', digits(new Set(data.runs.map(run => run.machine)).size), '')));
  if (judged.length > 0) {
    report.append(el('h2', {}, 'Where the budgets stand'), el('section', { class: 'card' }, table(
      [{ name: '' }, { name: 'Scenario' }, { name: 'Case' }, { name: 'Measured', number: true }, { name: 'Budget', number: true }, { name: 'When' }],
      judged.map(({ scenario, run, each }) => [verdict(each), scenario, `${each.name}: ${each.outcome.name}`, spread(each.outcome), budget(each), stamp(run)]))));
  }
  for (const [scenario, cases] of scenarios) section(scenario, [...cases]);
  report.append(el('footer', {}, el('p', { class: 'sub' }, 'Made by ', el('code', {}, 'dotnet run -c Release --project bench/Gateway.Harness -- page'))));

  function section(scenario, cases) {
    const runs = data.runs.filter(run => run.scenario === scenario);
    report.append(el('h2', {}, scenario), el('p', { class: 'sub' }, el('code', {}, runs[runs.length - 1].command)));
    const cards = cases.filter(([, history]) => history.length > 1).map(([, history]) => card(
      history[0].each.name, history[0].each.outcome.name, el('div', {}, chart(history), el('details', {}, el('summary', {}, `${history.length} runs`), rows(history)))));
    if (cards.length % 2) cards[cards.length - 1].classList.add('wide');
    if (cards.length > 0) report.append(el('div', { class: 'grid' }, ...cards));
    const once = cases.filter(([, history]) => history.length === 1).map(([, history]) => history[0]);
    if (once.length === 0) return;
    report.append(el('section', { class: 'card' }, el('h3', {}, 'Measured once'), table(
      [{ name: 'Case' }, { name: 'Outcome' }, { name: 'Measured', number: true }, { name: 'Budget', number: true }, { name: '' }, { name: 'When' }],
      once.map(({ run, each }) => [each.name, each.outcome.name, spread(each.outcome), budget(each), verdict(each), stamp(run)]))));
  }

  function chart(history) {
    const outcome = history[0].each.outcome;
    const series = [{ name: 'median', colour: colours[0], dots: true, ranges: true, points: history.map(({ each }, i) => [i, each.outcome.median, `[${digits(each.outcome.min)} … ${digits(each.outcome.max)}]`, each.outcome.min, each.outcome.max]) }];
    const limit = history[history.length - 1].each;
    const bands = [];
    let shaded = false;
    history.forEach(({ run }, i) => {
      if (i > 0 && run.machine !== history[i - 1].run.machine) shaded = !shaded;
      if (shaded) bands.push({ from: i - 0.5, to: i + 0.5 });
    });
    return lines(series, {
      y: value => digits(value), yTitle: outcome.unit || 'ratio', xLeast: -0.5, xMost: history.length - 0.5, bands, label: `${limit.name} over time`,
      levels: limit.limit === null ? [] : [{ y: limit.limit, name: `budget ${budget(limit)}` }],
      xTicks: history.map(({ run }, i) => [i, when(run).slice(5)]), tipX: i => stamp(history[i].run), height: 210
    });
  }

  function rows(history) {
    return table([{ name: 'When' }, { name: 'Measured', number: true }, { name: '' }, { name: 'Beside' }, { name: 'Machine, command' }], history.map(({ run, each }) => [
      stamp(run), spread(each.outcome), verdict(each), each.sides.map(side => `${side.name}: ${spread(side)}`).join('; '),
      el('span', {}, `${run.machine}: `, el('code', {}, run.command))]));
  }
})();
