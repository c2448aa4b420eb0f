// One run: what it was, and what came out for each sensor.

import { get, poll, sensorPath } from './api.js';
import { filterBox, h, heading, problemNote, replace } from './elements.js';
import { OUTCOME_WORDS } from './explanation.js';
import { fact } from './fact_list.js';
import { count, score } from './format.js';
import { pagedList } from './paged_list.js';
import { runLog } from './run_log.js';
import { closingWords, OUTCOMES, runStateBadge, runTimes, slowestSensors } from './run_facts.js';
import { timeElement } from './time.js';

export const title = 'Run';

const ROW_STATES = {
  scored: null, failed: 'failed', timed_out: 'failed', quarantined: 'failed', unproven: 'failed', no_data: 'sparse', too_little_data: 'sparse',
};

/** Whether nothing more comes of a run: it is finished, or was cut off. */
const isOver = (run) => run !== null && run.state !== 'started';

export function view(root, { path: [id], query, setQuery }) {
  let outcome = OUTCOMES.some(([, member]) => member === query.get('outcome')) ? query.get('outcome') : null;
  let run = null;
  const state = h('span', {});
  const facts = h('dl', { class: 'fact-list' });
  const chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Outcomes' });
  const list = pagedList({
    label: `Outcomes of run ${id}`,
    columns: [['Sensor'], ['Outcome'], ['Score', 'number'], ['Anomalies', 'number'], ['Why not', 'wide']],
    key: (one) => one.sensor,
    text: (one) => `${one.sensor} ${one.reason ?? ''} ${OUTCOME_WORDS[one.outcome]}`,
    rowClass: (one) => (one.anomalies > 0 ? 'anomalous' : ROW_STATES[one.outcome]),
    row: (one) => [
      h('a', { href: sensorLink(one.sensor) }, one.sensor),
      OUTCOME_WORDS[one.outcome] ?? one.outcome,
      score(one.score),
      one.outcome === 'scored' ? count(one.anomalies) : '–',
      one.reason,
    ],
    ask: (after, signal) => get(`runs/${encodeURIComponent(id)}/outcomes`, { outcome, after, limit: 200 }, signal),
    empty: () => (outcome ? 'No sensor has this outcome.' : 'No sensor has an outcome yet.'),
  });

  /** The sensor's view of the run's window, with as much again around it. */
  function sensorLink(sensor) {
    if (!run) return `#/${sensorPath(sensor)}`;
    const [start, end] = [Date.parse(run.window.start), Date.parse(run.window.end)];
    const since = new Date(2 * start - end).toISOString();
    const until = new Date(2 * end - start).toISOString();
    return `#/${sensorPath(sensor)}?since=${since}&until=${until}`;
  }

  function showChips() {
    if (!run.tally) return;
    const focused = chips.contains(document.activeElement) ? document.activeElement.dataset.outcome : null;
    replace(chips, OUTCOMES.filter(([, member]) => run.tally[member] > 0 || member === outcome).map(([words, member]) =>
      h('button', { type: 'button', class: 'chip', 'data-outcome': member, 'aria-pressed': String(member === outcome), onclick: () => choose(member) },
        words, h('b', {}, count(run.tally[member])))));
    if (focused) chips.querySelector(`[data-outcome="${focused}"]`)?.focus();
  }

  function choose(next) {
    outcome = outcome === next ? null : next;
    setQuery({ outcome });
    showChips();
    list.reload();
  }

  function show(answer) {
    const isFirst = run === null;
    const hadEnded = isOver(run);
    run = answer;
    replace(state, runStateBadge(run.state));
    replace(facts,
      fact('Window', h('span', {}, timeElement(run.window.start, 'full'), ' to ', timeElement(run.window.end, 'full'))),
      fact('Why', `${run.trigger.replace('-', ' ')}${run.revision > 0 ? `; ${run.revision} before it over the same window` : ''}`),
      run.request && fact('Asked for', run.request),
      fact('Began', run.begun ? timeElement(run.begun, 'full') : 'not known: an earlier version wrote it'),
      run.ended && fact('Ended', timeElement(run.ended, 'full')),
      run.times && fact('Took', runTimes(run.times)),
      run.slowest.length > 0 && fact('Slowest', slowestSensors(run)),
      fact('Closed', closingWords(run)),
      fact('Sensors', count(run.sensors)),
      run.tally && fact('Rows', `${count(run.tally.rows)}, of which ${count(run.tally.anomalies)} are anomalies`),
      fact('Group', run.group),
      fact('Settings', h('span', { class: 'code', title: run.settings }, run.settings.slice(0, 12))),
      fact('Models', h('span', { class: 'code', title: run.models }, run.models.slice(0, 12))));
    showChips();
    if (isFirst || !hadEnded) list.reload();
  }

  replace(root,
    h('nav', { class: 'crumbs', 'aria-label': 'Where this is' }, h('a', { href: '#/runs' }, 'Runs')),
    heading(`Run ${id}`, state), facts,
    h('div', { class: 'panel' },
      h('div', { class: 'toolbar' }, filterBox('Filter sensors', list.filter), chips), list.element),
    runLog(id));
  const close = poll(5, async (signal) => (isOver(run) ? run : get(`runs/${encodeURIComponent(id)}`, {}, signal)),
    (answer) => { if (answer !== run) show(answer); }, (problem) => { if (!run) replace(facts, problemNote(problem)); });
  return () => { close(); list.close(); };
}
