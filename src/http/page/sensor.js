// One sensor: what it measured, what its model said of it and why, with the other sensors of its device beneath.

import { address, get, listen, poll, sensorPath, splitSensor } from './api.js';
import { emptyNote, h, problemNote, replace } from './elements.js';
import { conditionWord } from './condition_badges.js';
import { explanationElement, verdictWords } from './explanation.js';
import { fact } from './fact_list.js';
import { number } from './format.js';
import { modelFacts } from './model_facts.js';
import { rangeBar } from './range_bar.js';
import { link } from './router.js';
import { seriesTable } from './series_table.js';
import { chosen, iso, lastOf, panned, queryOf, rangeOf, zoomed } from './series_range.js';
import { sensorPlot } from './sensor_plot.js';
import { stateBadge } from './states.js';
import { daemonNow, noteDaemonTime, timeElement } from './time.js';

export const title = 'Sensor';

const NEIGHBOURS_AT_FIRST = 6;
const VERDICTS = 50;
const KEYS = 'Plus and minus zoom, the arrow keys move, Shift and an arrow key moves the cursor, comma and full stop go to '
  + 'the anomaly before and behind, 0 goes to the last day, T shows the table.';
/** The open window is drawn anew at most so often, in milliseconds, the neighbours more seldom. */
const OWN_PACE = 2000;
const NEIGHBOURS_PACE = 10000;

export function view(root, { path, query, setQuery }) {
  const name = `${path[0]}/${path[1]}`;
  const { device, sensor } = splitSensor(name);
  const sync = `sensor-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const closing = [];
  const plots = new Map();
  const ending = new AbortController();

  let detail = null;
  let range = null;
  let isEventTime = false;
  let verdicts = [];
  let isTableShown = false;

  const badge = h('span', {});
  const tableButton = h('button', { class: 'quiet', type: 'button', 'aria-pressed': 'false', onclick: toggleTable }, 'Table');
  const csv = h('a', { class: 'button quiet', download: `${device}-${sensor}.csv` }, 'CSV');
  const facts = h('dl', { class: 'fact-list' });
  const reason = h('div', { class: 'reasons' });
  const ranges = rangeBar({
    choose: (next) => choose(next),
    last: (words) => choose(lastOf(words, end())),
    zoom: (factor) => choose(zoomed(range, factor)),
    pan: (share) => choose(panned(range, share)),
  });
  const own = h('div', { class: 'plot' });
  const table = h('div', { hidden: true });
  const charts = h('section', { class: 'panel charts', tabindex: '0', 'aria-label': `Chart of ${name}. ${KEYS}` },
    ranges.element, own, table, legend());
  const neighbours = h('section', { class: 'panel neighbours', 'aria-label': `Other sensors of ${device}` });
  const verdictList = h('section', { class: 'panel', 'aria-label': 'Verdicts' });
  const modelPanel = h('section', { class: 'panel', 'aria-label': 'Model' });
  const announced = h('p', { class: 'visually-hidden', 'aria-live': 'polite' });

  const actions = h('div', { class: 'actions' }, tableButton, csv);
  const columns = h('div', { class: 'sensor-columns' },
    h('div', { class: 'sensor-main' }, charts, neighbours),
    h('div', { class: 'sensor-side' }, verdictList, modelPanel));
  replace(root,
    h('nav', { class: 'crumbs', 'aria-label': 'Where this is' },
      h('a', { href: '#/sensors' }, 'Sensors'), ' / ', h('a', { href: link('sensors', { pattern: `${device}/*` }) }, device)),
    h('div', { class: 'heading' }, h('h1', {}, name), badge, actions),
    reason, facts,
    columns, announced);

  const ownPlot = sensorPlot(own, name, { height: 260, ribbonHeight: 26, sync, zoomed: drag, shown: showTable });
  plots.set(name, ownPlot);
  document.addEventListener('keydown', keyed, { signal: ending.signal });
  closing.push(poll(15, ask, showDetail, (problem) => {
    if (detail) return;
    replace(reason, problemNote(problem));
    [actions.hidden, columns.hidden] = [true, true];
  }));

  async function ask(signal) {
    const [answer, status, list] = await Promise.all([
      get(sensorPath(name), {}, signal),
      get('status', {}, signal),
      get(`${sensorPath(name)}/verdicts`, { since: '1970-01-01T00:00:00Z', limit: VERDICTS }, signal),
    ]);
    return { answer, status, list };
  }

  function showDetail({ answer, status, list }) {
    const isFirst = detail === null;
    const hasNewScores = list.items[0]?.run !== verdicts[0]?.run;
    detail = answer;
    [actions.hidden, columns.hidden] = [false, false];
    verdicts = list.items;
    noteDaemonTime(status.now);
    isEventTime = status.clock.source === 'event';
    replace(badge, stateBadge(detail.state));
    showReason();
    showFacts();
    showVerdicts();
    replace(modelPanel, h('h2', {}, 'Model'), modelFacts(detail.model));
    for (const plot of plots.values()) plot.setWindow(detail.window_seconds);
    ownPlot.describe(detail);
    if (isFirst) {
      showNeighbours();
      showFirst();
      closing.push(follow());
    } else {
      advance({ hasNewScores, isForAll: true });
    }
  }

  /** The time that counts as now: by event time the newest reading, so that a replay of last year shows last year. */
  function end() {
    const newest = Math.max(Date.parse(detail.last_seen ?? 0), Date.parse(detail.watermark ?? 0)) / 1000;
    return isEventTime && newest > 0 ? newest + detail.interval_seconds : daemonNow().getTime() / 1000;
  }

  function showReason() {
    const last = detail.verdict;
    const isAnomalous = last && last.anomalies > 0 && last.explanation;
    const worst = isAnomalous ? last : verdicts.find((verdict) => verdict.anomalies > 0 && verdict.explanation);
    replace(reason, stateReason(detail), detail.conditions.filter(({ condition }) => condition !== 'silent' || detail.state !== 'silent').map(conditionReason), worst && h('p', { class: `reason ${isAnomalous ? 'is-now' : 'is-past'}` },
      h('span', { class: 'muted' }, isAnomalous ? 'Why: ' : 'Last anomaly: '),
      explanationElement(worst.explanation, name), ' ',
      h('span', { class: 'muted' }, timeElement(worst.explanation.time, 'date')), ' ',
      h('button', { class: 'quiet small', type: 'button', onclick: () => goTo(worst) }, 'Show it')));
  }

  function showFacts() {
    replace(facts,
      fact('Last value', h('b', { class: 'big' }, number(detail.last_value)),
        detail.last_value === null && h('span', { class: 'muted' }, ' none since the start')),
      fact('Last seen', timeElement(detail.last_seen, isEventTime ? 'full' : 'ago'), clockNote(detail.lag_seconds)),
      detail.group !== 'default' && fact('Group', h('a', { href: `#/sensors?group=${encodeURIComponent(detail.group)}` }, detail.group)),
      fact('State since', detail.since ? timeElement(detail.since, 'full') : '–'),
      fact('Closed until', detail.watermark ? timeElement(detail.watermark, 'full') : '–'),
      fact('Stored since', detail.oldest ? timeElement(detail.oldest, 'short') : '–'));
  }

  function showVerdicts() {
    if (verdicts.length === 0) {
      return replace(verdictList, h('h2', {}, 'Verdicts'),
        emptyNote(detail.has_model ? 'No window was scored yet.' : 'This sensor has no model, so nothing is said of it.'));
    }
    const focused = [...verdictList.querySelectorAll('button')].indexOf(document.activeElement);
    replace(verdictList, h('h2', {}, 'Verdicts'),
      h('ol', { class: 'verdicts', onkeydown: verdictKeyed }, verdicts.map((verdict) =>
        h('li', { class: verdict.anomalies > 0 ? 'anomalous' : verdict.outcome },
          h('button', { type: 'button', class: 'verdict', onclick: () => goTo(verdict) },
            h('span', { class: 'verdict-time' }, timeElement(verdict.window.start, 'short'),
              verdict.score !== null && h('span', { class: 'number' }, verdict.score.toFixed(2))),
            h('span', { class: 'verdict-words' }, verdictWords(verdict)))))));
    if (focused >= 0) verdictList.querySelectorAll('button')[focused]?.focus();
  }

  function showNeighbours() {
    const others = detail.neighbours;
    if (others.length === 0) return neighbours.remove();
    const list = h('div', {});
    const more = h('button', { class: 'quiet', type: 'button' });
    const watcher = new IntersectionObserver((seen) => {
      for (const { target, isIntersecting } of seen) {
        if (!isIntersecting) continue;
        watcher.unobserve(target);
        openNeighbour(target);
      }
    }, { rootMargin: '200px' });
    closing.push(() => watcher.disconnect());
    const add = (names) => {
      for (const other of names) {
        const place = h('div', { class: 'neighbour', 'data-sensor': other },
          h('h3', {}, h('a', { href: `#/${sensorPath(other)}` }, splitSensor(other).sensor)), h('div', { class: 'plot' }));
        list.append(place);
        watcher.observe(place);
      }
    };
    add(others.slice(0, NEIGHBOURS_AT_FIRST));
    const rest = others.slice(NEIGHBOURS_AT_FIRST);
    more.textContent = `Show ${rest.length} more`;
    more.addEventListener('click', () => { add(rest); more.remove(); });
    replace(neighbours, h('h2', {}, `Other sensors of ${device}`), list, rest.length > 0 && more);
  }

  async function openNeighbour(place) {
    const other = place.dataset.sensor;
    const plot = sensorPlot(place.lastElementChild, other, { height: 104, ribbonHeight: 12, sync, hasTimes: false, zoomed: drag });
    plot.setWindow(detail.window_seconds);
    plots.set(other, plot);
    plot.load(range);
    try {
      plot.describe(await get(sensorPath(other), {}, ending.signal));
    } catch (problem) {
      if (problem.name !== 'AbortError') replace(place, problemNote(problem));
    }
  }

  let isLoading = false;
  /** Shows a range in all charts. What was chosen by hand stands in the address. */
  async function choose(next, isQuiet = false) {
    range = next;
    ranges.show(range);
    csv.href = address('export/intervals', { format: 'csv', sensor: name, since: iso(range.since), until: iso(range.until) });
    if (!isQuiet) {
      setQuery(queryOf(range));
      announced.textContent = ranges.words(range);
    }
    isLoading = true;
    await Promise.all([...plots.values()].map((plot) => plot.load(range)));
    isLoading = false;
  }

  /** The range of the address; or the last day, and less of it when only its end has readings. */
  async function showFirst() {
    await choose(rangeOf(query, end()), true);
    const first = ownPlot.content().series?.time[0];
    const isAsked = ['range', 'since', 'until'].some((key) => query.has(key));
    const isEndOnly = first > range.until - (range.until - range.since) / 3;
    if (!isAsked && isEndOnly && range.name) choose(lastOf('6h', end()), true);
  }

  function drag(since, until) {
    choose(chosen(since, until));
  }

  /** A window of a verdict, with as much again around it. */
  function goTo(verdict) {
    const [start, stop] = [Date.parse(verdict.window.start) / 1000, Date.parse(verdict.window.end) / 1000];
    choose(chosen(start - (stop - start), stop + (stop - start)));
    charts.scrollIntoView({ block: 'nearest' });
  }

  /** The anomalous window next to the middle of the range, later or earlier; from the last hours, the newest. */
  function goToAnomaly(isLater) {
    const middle = range.name ? range.until : (range.since + range.until) / 2;
    const anomalies = verdicts.filter((verdict) => verdict.anomalies > 0);
    const center = ({ window }) => (Date.parse(window.start) + Date.parse(window.end)) / 2000;
    const found = isLater
      ? anomalies.findLast((verdict) => center(verdict) > middle + 1)
      : anomalies.find((verdict) => center(verdict) < middle - 1);
    if (found) goTo(found);
    else announced.textContent = isLater ? 'No later anomaly.' : 'No earlier anomaly.';
  }

  function keyed(event) {
    if (!range || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input, select, textarea, dialog, nav, .scroller, .verdicts')) return;
    const actions = {
      '+': () => choose(zoomed(range, 0.5)),
      '=': () => choose(zoomed(range, 0.5)),
      '-': () => choose(zoomed(range, 2)),
      ArrowLeft: () => (event.shiftKey ? ownPlot.step(-1) : choose(panned(range, -0.25))),
      ArrowRight: () => (event.shiftKey ? ownPlot.step(1) : choose(panned(range, 0.25))),
      0: () => choose(lastOf('24h', end())),
      ',': () => goToAnomaly(false),
      '.': () => goToAnomaly(true),
      t: toggleTable,
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  function verdictKeyed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...verdictList.querySelectorAll('.verdict')];
    buttons[buttons.indexOf(document.activeElement) + step]?.focus();
    event.preventDefault();
  }

  function toggleTable() {
    isTableShown = !isTableShown;
    tableButton.setAttribute('aria-pressed', String(isTableShown));
    table.hidden = !isTableShown;
    own.hidden = isTableShown;
    showTable();
    if (!isTableShown && range) ownPlot.load(range);
  }

  function showTable() {
    const { series, scores } = ownPlot.content();
    if (isTableShown && series) replace(table, seriesTable(name, series, scores));
  }

  /** Brings the charts up to now, when the range goes up to now. */
  function advance({ hasNewScores, isForAll }) {
    if (document.hidden || isLoading || !range?.name) return;
    range = lastOf(range.name, end());
    for (const [other, plot] of plots) if (isForAll || other === name) plot.load(range, { hasNewScores });
  }

  /** Draws the open window anew while readings come; scores come with verdicts alone. */
  function follow() {
    let [othersDue, timer, hasNewScores] = [0, null, false];
    const later = () => {
      timer ??= setTimeout(() => {
        timer = null;
        const isForAll = hasNewScores || performance.now() >= othersDue;
        if (isForAll) othersDue = performance.now() + NEIGHBOURS_PACE;
        advance({ hasNewScores, isForAll });
        hasNewScores = false;
      }, OWN_PACE);
    };
    const stop = listen(['reading', 'verdict'], `${device}/*`, (event) => {
      if (event.kind === 'reading' && event.sensor === name) {
        detail.last_seen = event.time;
        detail.last_value = event.value;
        // The event does not say when it came; the next look at the sensor does.
        showFacts();
      }
      hasNewScores ||= event.kind === 'verdict';
      later();
    });
    return () => { clearTimeout(timer); stop(); };
  }

  return () => {
    ending.abort();
    for (const close of closing) close();
    for (const plot of plots.values()) plot.close();
  };
}

/** A device's clock that is off by more than this is told of. */
const CLOCK_OFF_SECONDS = 60;

/** What the newest reading's delay says of the device's clock. */
function clockNote(lag) {
  if (lag === null || Math.abs(lag) <= CLOCK_OFF_SECONDS) return false;
  const by = `${number(Math.round(Math.abs(lag)))} s`;
  return h('span', { class: 'muted' }, lag > 0
    ? ` It came ${by} after its time: the device's clock is behind, or it sends late.`
    : ` It came ${by} before its time: the device's clock is ahead.`);
}

/** Why nothing is said of a sensor now, when that is so. */
function stateReason({ state, last_seen: lastSeen, verdict }) {
  if (state === 'silent') {
    return h('p', { class: 'reason is-doubtful' }, h('span', { class: 'muted' }, 'Silent: '),
      lastSeen ? ['it has sent nothing since ', timeElement(lastSeen, 'full')] : 'it has sent nothing that is known');
  }
  if (state !== 'failed' && state !== 'sparse') return null;
  return verdict?.reason && h('p', { class: 'reason is-doubtful' }, h('span', { class: 'muted' }, 'Not scored: '), verdict.reason);
}

function conditionReason({ condition, severity, since, words }) {
  return h('p', { class: `reason ${severity === 'ok' ? 'is-past' : 'is-doubtful'}` },
    h('span', { class: 'muted' }, `${conditionWord(condition).replace(/^./, (letter) => letter.toUpperCase())}: `),
    words, ' ', h('span', { class: 'muted' }, 'since ', timeElement(since, 'full')));
}

function legend() {
  const entry = (kind, words) => h('li', {}, h('span', { class: `chart-key ${kind}`, 'aria-hidden': 'true' }), words);
  return h('ul', { class: 'chart-legend', 'aria-label': 'Legend' },
    entry('mean', 'mean'), entry('band', 'lowest to highest'), entry('usual', 'usual mean, as in training'),
    entry('anomaly', 'anomaly'), entry('open', 'still open from here'), entry('scale', 'score 0 to 1'));
}
