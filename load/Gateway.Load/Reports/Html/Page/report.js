// The page of one report.
(() => {
  document.title = `${data.verdict.split(/\.(?: |$)/)[0]} – load report`;
  const badges = el('div', {});
  if (data.thresholds.length > 0) {
    const failed = data.thresholds.filter(threshold => !threshold.isKept).length;
    badges.append(el('span', { class: `badge ${failed ? 'bad' : 'good'}` }, failed ? `✗ ${failed} of ${data.thresholds.length} thresholds failed` : `✓ ${data.thresholds.length === 1 ? 'the threshold' : `all ${data.thresholds.length} thresholds`} kept`));
  }
  if (data.partial) badges.append(el('span', { class: 'badge bad' }, 'partial'));
  if (!data.vouched) badges.append(el('span', { class: 'badge warn' }, 'the client was the limit'));
  report.append(el('header', {},
    el('h1', {}, `Load report · ${new Date(data.started).toISOString().replace('T', ' ').slice(0, 16)} UTC${data.processes > 1 ? ` · ${data.processes} load processes` : ''}`),
    badges.childNodes.length ? badges : null,
    el('p', { class: 'verdict' }, data.verdict)));
  if (data.warnings.length > 0) report.append(el('ul', { class: 'notes' }, ...data.warnings.map(warning => el('li', {}, warning))));
  if (data.thresholds.length > 0) {
    report.append(el('h2', {}, 'Thresholds'), el('section', { class: 'card' }, table(
      [{ name: 'Threshold' }, { name: 'Scenario' }, { name: 'Value', number: true }, { name: '' }],
      data.thresholds.map(each => [each.text, each.scenario, each.value, { text: each.isKept ? '✓ kept' : '✗ failed', mark: each.isKept ? 'good' : 'bad' }]))));
  }
  if (data.capacity) capacity(data.capacity);
  if (data.tune) tune(data.tune);
  if (data.ofTheAnswered) report.append(el('p', { class: 'sub' }, data.ofTheAnswered));
  for (const scenario of data.scenarios) section(scenario);
  if (data.server) server(data.server);
  report.append(el('footer', {}, el('p', { class: 'sub' }, el('code', {}, data.command)), el('p', { class: 'sub' }, data.machine)));

  function section(scenario) {
    report.append(el('h2', {}, scenario.name), el('p', { class: 'sub' },
      `${scenario.carrier} to ${scenario.target} · ${scenario.simulations.join(', then ')} · ${scenario.connections} connections · ${scenario.threads === 1 ? 'one client thread' : `${scenario.threads} client threads`}`));
    const known = ms => scenario.hasLatency ? ms : null;
    const [p50, p50Unit] = split(time(known(scenario.p50)));
    const [p99, p99Unit] = split(time(known(scenario.p99)));
    const [max, maxUnit] = split(time(known(scenario.max)));
    report.append(el('div', { class: 'tiles' },
      tile('Answered', digits(scenario.throughput), '/s', `of ${digits(scenario.offeredRate)}/s offered`),
      scenario.timeoutMs ? tile('In time', digits(scenario.goodput), '/s', `within ${time(scenario.timeoutMs)}`) : null,
      tile('Half within', p50, p50Unit, 'p50'),
      tile('99 % within', p99, p99Unit, `p90 ${time(known(scenario.p90))}`),
      tile('Slowest', max, maxUnit, `p99.9 ${time(known(scenario.p999))}`),
      tile('Refused', ...split(share(scenario.refusedShare)), scenario.retries ? `${digits(scenario.retries)} retries` : 'told to come later'),
      tile('Errors', ...split(share(scenario.errorShare)), scenario.verified ? `${digits(scenario.verified)} answers checked${scenario.verifiedByShape ? `, ${digits(scenario.verifiedByShape)} by shape alone` : ''}` : 'of all calls'),
      tile('Client CPU', digits(scenario.clientCpu), 'µs', `a call; busy ${share(scenario.clientBusy)}`)));
    const warm = scenario.warmUp > 0 ? [{ from: 0, to: scenario.warmUp, name: 'warm-up' }] : [];
    const end = scenario.warmUp + scenario.seconds;
    const over = pick => scenario.points.filter(point => point.t + scenario.interval <= end + 1e-6).map(point => [point.t + scenario.interval / 2, pick(point)]);
    const flows = [
      { name: 'offered', colour: 'var(--soft)', dash: true, points: over(point => point.offered) },
      { name: 'answered', colour: colours[0], points: over(point => point.answered) }];
    if (scenario.timeoutMs) flows.push({ name: 'in time', colour: colours[2], points: over(point => point.good) });
    if (scenario.points.some(point => point.refused > 0)) flows.push({ name: 'refused', colour: colours[5], points: over(point => point.refused) });
    if (scenario.points.some(point => point.failed > 0)) flows.push({ name: 'failed', colour: colours[4], points: over(point => point.failed) });
    const latencies = [['slowest', colours[4], point => point.max], ['p99', colours[1], point => point.p99], ['p90', colours[3], point => point.p90], ['p50', colours[0], point => point.p50]]
      .map(([name, colour, pick]) => ({ name, colour, thin: name === 'slowest', points: over(pick) }));
    const limit = scenario.timeoutMs ? [{ y: scenario.timeoutMs, name: `deadline ${time(scenario.timeoutMs)}` }] : [];
    const x = { x: seconds, xTitle: 'time since the start', bands: warm, xLeast: 0, xMost: end };
    const nines = value => -Math.log10(Math.max(1 - value, 1e-6));
    const spread = scenario.distribution.filter(point => point[0] < 1 && (1 - point[0]) * scenario.answered >= 0.5);
    const curves = [{ name: scenario.isOpen ? 'from the intended time' : 'latency', colour: colours[0], points: spread.map(point => [nines(point[0]), point[1]]) }];
    if (scenario.isOpen) curves.push({ name: 'from sending only, as a client that waits sees it', colour: colours[1], dash: true, points: spread.map(point => [nines(point[0]), point[2]]) });
    const cards = [
      card('Throughput', 'Calls a second', lines(flows, { ...x, y: rate, label: 'Throughput over time' }), flows),
      card('Latency over time', scenario.isOpen ? 'From the time at which a call was to be sent' : 'From sending to the answer', lines(latencies, { ...x, y: time, yLog: true, levels: limit, label: 'Latency percentiles over time' }), latencies),
      card('Latency distribution', 'So much of the calls are answered within', lines(curves, {
        y: time, yLog: true, xTitle: 'share of the calls', xLeast: 0, levels: limit, label: 'Latency distribution',
        xTicks: [[0, '0'], [nines(0.5), '50 %'], [1, '90 %'], [2, '99 %'], [3, '99.9 %'], [4, '99.99 %'], [5, '99.999 %']].filter(tick => tick[0] <= Math.max(1, ...spread.map(point => nines(point[0])))),
        tipX: value => `${+(100 * (1 - Math.pow(10, -value))).toFixed(4)} % of the calls`
      }), curves)];
    if (scenario.kinds.length > 0) {
      cards.push(card('Refusals and errors', 'By kind, after the warm-up', el('div', {}, bars(scenario.kinds.map(kind => ({ name: kind.kind, value: kind.count, colour: kind.isRefusal ? colours[5] : colours[4] })), digits),
        el('details', {}, el('summary', {}, 'What the first of each said'), ...scenario.kinds.filter(kind => kind.sample).map(kind => el('p', { class: 'sub' }, `${kind.kind}: ${kind.sample}`))))));
    } else {
      cards.push(card('How far to believe this', 'What the client itself could do', facts(scenario)));
    }
    if (scenario.steps.length > 0) {
      cards.push(card('Steps', 'Each from when it was due', table([{ name: 'Step' }, { name: 'p50', number: true }, { name: 'p99', number: true }, { name: 'Calls', number: true }], scenario.steps.map(step => [step.name, time(step.p50), time(step.p99), digits(step.count)]))));
    }
    if (scenario.kinds.length > 0) cards.push(card('How far to believe this', 'What the client itself could do', facts(scenario)));
    if (cards.length % 2) cards[cards.length - 1].classList.add('wide');
    report.append(el('div', { class: 'grid' }, ...cards));
  }

  function facts(scenario) {
    return table([{ name: '' }, { name: '', number: true }], [
      ['Calls offered, after the warm-up', digits(scenario.offered)],
      scenario.isOpen ? ['Sent late by the client: 1 % by more than', time(scenario.lagP99)] : ['Model', 'closed: callers wait, and a stall hides'],
      ['Client thread busy', share(scenario.clientBusy)],
      ...(scenario.connectionsUp && scenario.connectionsUp < scenario.connections ? [[`Connections that were up, of ${scenario.connections}`, digits(scenario.connectionsUp)]] : []),
      ...(scenario.proof ? [['Tried out first', { text: scenario.proof, mark: 'sub' }]] : [['Tried out first', 'no']]),
    ].map(row => row[1] && row[1].text ? [el('span', {}, row[0], el('br'), el('span', { class: 'sub' }, row[1].text)), ''] : row));
  }

  function server(metrics) {
    report.append(el('h2', {}, 'Inside the server'), el('p', { class: 'sub' }, `From ${metrics.url}`));
    const names = { queue: 'queue', input: 'gather', infer: 'run', output: 'scatter' };
    const stages = metrics.stages.map((stage, i) => ({ name: `${names[stage.name] || stage.name} ${time(stage.milliseconds)}`, value: stage.milliseconds, colour: colours[[1, 3, 0, 2][i] ?? i], box: true }));
    const over = pick => metrics.points.map(point => [point.seconds, pick(point)]);
    const parts = [['queue', colours[1], point => point.queueMilliseconds], ['run', colours[0], point => point.inferMilliseconds]].map(([name, colour, pick]) => ({ name, colour, points: over(pick) }));
    const cards = [];
    if (stages.length) cards.push(card('Where a request spends its time', `${time(metrics.stages.reduce((sum, stage) => sum + stage.milliseconds, 0))} in the server on the average`, stack(stages, time), stages, true));
    cards.push(card('Batch sizes', `${digits(metrics.batchRows)} rows on the average; batches by rows, up to`, bars(metrics.batchSizes.map(size => ({ name: size.label, value: size.count, colour: colours[3] })), digits)));
    if (metrics.closeReasons.length) cards.push(card('Why batches were closed', 'Batches', bars(metrics.closeReasons.map(reason => ({ name: reason.label.replace(/_/g, ' '), value: reason.count, colour: colours[2] })), digits)));
    cards.push(card('Queue and run', 'Of a request, averages', lines(parts, { x: seconds, y: time, xTitle: 'time since the start', xLeast: 0, label: 'Queue and run time' }), parts));
    const busy = [{ name: 'server CPU, cores', colour: colours[0], points: over(point => Math.max(0, point.cpuCores)) }, { name: 'rows of a batch', colour: colours[3], points: over(point => point.batchRows) }];
    cards.push(card('CPU and batches', metrics.cpuCores >= 0 ? `${digits(metrics.cpuCores)} cores on the average` : 'The server does not export its CPU time', lines(busy, { x: seconds, xTitle: 'time since the start', xLeast: 0, label: 'CPU and batch size' }), busy));
    if (cards.length % 2 === (stages.length ? 0 : 1)) cards[cards.length - 1].classList.add('wide');
    report.append(el('div', { class: 'grid' }, ...cards));
  }

  function capacity(found) {
    const objective = `p${+(found.percentile * 100).toFixed(3)} within ${time(found.objectiveMilliseconds)}`;
    report.append(el('h2', {}, 'Capacity'), el('p', { class: 'sub' }, `The highest rate with ${objective}, refusals and errors counted as misses`));
    report.append(el('div', { class: 'tiles' }, ...found.settings.flatMap(setting => [
      tile(`Knee, ${setting.name}`, setting.knee ? `${setting.isAtLeast ? '≥ ' : ''}${digits(setting.knee)}` : setting.knees.length ? 'none' : 'not found', setting.knee ? '/s' : '', setting.knees.length > 1 ? `${setting.knees.length} times, within ${share(setting.spread)}` : objective),
      tile('Saturated', setting.saturation ? `${setting.isSaturationAtLeast ? '≥ ' : ''}${digits(setting.saturation)}` : '–', '/s', setting.knee ? `knee at ${share(setting.knee / Math.max(setting.saturation, 1e-9))} of it` : 'answers'),
      setting.machines ? tile(`Machines, ${setting.name}`, `${setting.machines.isAtMost ? '≤ ' : ''}${digits(setting.machines.machines)}`, '+ 1 spare', `for ${rate(setting.machines.rate)} with ${share(setting.machines.headroom)} of each free${setting.machines.least === setting.machines.most ? '' : `; ${digits(setting.machines.least)} to ${digits(setting.machines.most)} by the spread`}`) : null])));
    const series = [];
    found.settings.forEach((setting, i) => {
      const colour = colours[i % colours.length];
      const name = `${setting.name}, p${+(found.percentile * 100).toFixed(3)}`;
      const trials = setting.trials.filter(trial => trial.rate > 0 && !trial.hopeless && trial.objectiveMilliseconds > 0);
      series.push({ name, colour, points: medians(trials, trial => trial.objectiveMilliseconds) });
      series.push({ name: `${setting.name}, p50`, colour, dash: true, thin: true, points: medians(trials, trial => trial.p50Milliseconds) });
      for (const [kind, holds] of [['held', true], ['missed', false]]) {
        const some = trials.filter(trial => trial.holds === holds);
        if (some.length) series.push({ name: found.settings.length > 1 ? `${setting.name}: ${kind}` : `a trial that ${kind}`, colour: holds ? 'var(--good)' : 'var(--bad)', hollow: !holds, dots: true, noLine: true, box: true, points: some.map(trial => [trial.rate, trial.objectiveMilliseconds]) });
      }
    });
    report.append(el('div', { class: 'grid' },
      card('Latency against load', 'Each point is a stretch at one rate; the lines go through the middle ones', lines(series, {
        x: digits, y: time, yLog: true, xTitle: 'calls a second offered', xLeast: 0, height: 320, label: 'Latency against load',
        levels: [{ y: found.objectiveMilliseconds, name: `objective ${time(found.objectiveMilliseconds)}` }],
        markers: found.settings.filter(setting => setting.knee > 0).map((setting, i) => ({ x: setting.knee, name: `knee ${digits(setting.knee)}/s`, colour: colours[i % colours.length] })), tipX: rate
      }), series, true),
      ...found.settings.map(setting => card(setting.name, `${setting.limitText[0].toUpperCase()}${setting.limitText.slice(1)}${setting.connections ? `; measured over ${digits(setting.connections)} connections` : ''}`, table(
        [{ name: 'Rate', number: true }, { name: 'Answered', number: true }, { name: 'p50', number: true }, { name: `p${+(found.percentile * 100).toFixed(3)}`, number: true }, { name: '95 % sure', number: true }, { name: 'No answer', number: true }, { name: 'Server CPU', number: true }, { name: 'Batch', number: true }, { name: '' }],
        setting.trials.map(trial => [
          trial.rate ? rate(trial.rate) : 'saturated', rate(trial.throughput), trial.p50Milliseconds ? time(trial.p50Milliseconds) : '–', trial.objectiveMilliseconds ? time(trial.objectiveMilliseconds) : '–', trial.objectiveLeast > 0 ? `${time(trial.objectiveLeast)} to ${time(trial.objectiveMost)}` : '', share(trial.errorShare),
          trial.serverCpuCores >= 0 ? digits(trial.serverCpuCores) : '–', trial.batchRows ? digits(trial.batchRows) : '–',
          trial.rate === 0 ? '' : trial.hopeless ? { text: '✗ hopeless', mark: 'bad' } : { text: trial.holds ? '✓ holds' : '✗ misses', mark: trial.holds ? 'good' : 'bad' }])), null, true))));
  }

  /** Where a rate was tried several times, the middle one. */
  function medians(trials, pick) {
    const byRate = new Map();
    for (const trial of trials) byRate.set(trial.rate, [...(byRate.get(trial.rate) || []), pick(trial)]);
    return [...byRate].sort((a, b) => a[0] - b[0]).map(([at, values]) => [at, values.sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]]);
  }

  function tune(found) {
    const measured = found.points.filter(point => !point.problem);
    const front = measured.filter(point => point.isBest).sort((a, b) => a.throughput - b.throughput);
    const asGood = measured.filter(point => point.isAsGood);
    const series = [
      { name: 'on the front', colour: colours[2], dots: true, points: front.map(point => [point.throughput, point.p99Milliseconds, point.name]) },
      ...(asGood.length ? [{ name: 'as good', colour: colours[2], dots: true, noLine: true, hollow: true, points: asGood.map(point => [point.throughput, point.p99Milliseconds, point.name]) }] : []),
      { name: 'others', colour: 'var(--soft)', dots: true, noLine: true, hollow: true, points: measured.filter(point => !point.isBest && !point.isAsGood).map(point => [point.throughput, point.p99Milliseconds, point.name]) }];
    report.append(el('h2', {}, `Settings of ${found.model}`), el('div', { class: 'grid' },
      card('Throughput and latency', 'Further right and further down is better; no other setting is better in both than one on the front. One that is as good may be on it too: passes over it and over those that are better overlap', lines(series, { x: digits, y: time, yLog: true, xTitle: 'answers a second, saturated', yTitle: 'p99', xLeast: 0, height: 320, tipX: rate, label: 'Pareto front' }), series, true),
      card('All settings', found.rate ? `Latencies at ${rate(found.rate)}; the middle of the passes, and the least and most of them` : '', table(
        [{ name: 'Setting' }, { name: 'Saturated', number: true }, { name: 'Connections', number: true }, { name: 'p50', number: true }, { name: 'p99', number: true }, { name: 'Batch', number: true }, { name: 'No answer', number: true }, ...(found.percentile ? [{ name: `Knee, p${+(found.percentile * 100).toFixed(3)} within ${time(found.objectiveMilliseconds)}`, number: true }, { name: 'What limits it' }] : []), { name: '' }],
        found.points.map(point => point.problem ? [point.name, '', '', '', '', '', '', ...(found.percentile ? ['', ''] : []), { text: point.problem, mark: 'bad' }] : [point.name, rate(point.throughput) + between(rate(point.throughputLeast), rate(point.throughputMost)), point.connections ? digits(point.connections) : '–', time(point.p50Milliseconds), time(point.p99Milliseconds) + between(time(point.p99LeastMilliseconds), time(point.p99MostMilliseconds)), digits(point.batchRows), { text: share(point.missShare), mark: point.missShare > 0.01 ? 'bad' : '' }, ...(found.percentile ? [point.knee ? rate(point.knee) : 'none', point.limit || '–'] : []), point.isBest ? { text: '✓ front', mark: 'good' } : point.isAsGood ? '≈ as good' : ''])), null, true),
      ...front.map(point => card(point.name, 'config.pbtxt', el('pre', {}, point.config)))));
  }

  /** Least and most of the passes, where they differ. */
  function between(least, most) {
    return least === most ? '' : ` (${least} to ${most})`;
  }
})();
