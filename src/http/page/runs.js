// When windows are scored, and what came of it: the schedule, windows that were missed, and all runs.

import { get, listen, poll } from './api.js';
import { filterBox, h, heading, problemNote, replace } from './elements.js';
import { fact } from './fact_list.js';
import { count, counted } from './format.js';
import { pagedList } from './paged_list.js';
import { closingWords, runStateBadge, tallyBar } from './run_facts.js';
import { runOrders } from './run_orders.js';
import { agoWords, clockWords, span, timeElement } from './time.js';

export const title = 'Runs';

export function view(root) {
  const schedule = h('section', { class: 'panel', 'aria-label': 'Schedule' });
  const list = pagedList({
    label: 'Runs',
    columns: [['Run', 'number'], ['Window'], ['State'], ['Why'], ['Outcomes of sensors', 'wide'], ['Anomalies', 'number'], ['Closed']],
    key: (run) => String(run.id),
    text: (run) => `${run.id} ${run.window.start} ${run.window.end} ${run.state} ${run.trigger} ${run.closing} ${run.group} ${clockWords(run.window.start)}`,
    row: (run) => [
      h('a', { href: `#/runs/${run.id}` }, String(run.id)),
      h('span', {}, timeElement(run.window.start, 'short'), ' to ', timeElement(run.window.end, 'clock'), run.revision > 0 && h('span', { class: 'muted' }, ` again, ${run.revision + 1}.`)),
      runStateBadge(run.state),
      run.trigger.replace('-', ' '),
      tallyBar(run),
      run.tally ? count(run.tally.anomalies) : '–',
      closingWords(run),
    ],
    ask: (after, signal) => get('runs', { after, limit: 100 }, signal),
    empty: () => 'No run yet. The schedule above says when the first is due.',
  });
  const orders = runOrders();
  replace(root,
    heading('Runs'),
    schedule,
    orders.element,
    h('div', { class: 'panel' },
      h('div', { class: 'toolbar' }, filterBox('Filter runs', list.filter, { placeholder: 'catch-up, 13:00, …' })),
      list.element));
  list.reload();
  const closeSchedule = poll(30, (signal) => get('schedule', {}, signal), (answer) => replace(schedule, scheduleFacts(answer)),
    (problem) => replace(schedule, problemNote(problem)));
  const stop = listen(['run'], null, () => list.refresh());
  return () => { closeSchedule(); orders.close(); stop(); list.close(); };
}

/** The last and the next firings of a group, by the clocks of its zone. */
function groupFirings(group) {
  const firing = (local, words) => h('li', {}, h('span', { class: 'code' }, local.replace('T', ' ')), h('span', { class: 'muted' }, ` ${words}`));
  return h('details', {}, h('summary', {}, `Firings of ${group.group}, in ${group.zone}`),
    h('ul', { class: 'plain-list' },
      [...group.last].reverse().map(({ local, words }) => firing(local, words)),
      group.next.map(({ local, windows, scored }) =>
        firing(local, `next: ${scored < windows ? `${scored} of ` : ''}${counted(windows, 'window')}`))),
    group.given_up.length > 0 && h('ul', { class: 'plain-list' }, group.given_up.map((given) => h('li', {},
      `${counted(given.windows, 'window')} given up, up to `, timeElement(given.last_end, 'short'), h('span', { class: 'muted' }, `: ${given.words}`)))));
}

function scheduleFacts(schedule) {
  const [next, ...later] = schedule.next;
  return [
    h('dl', { class: 'fact-list' },
      fact('Next run', next ? h('span', {}, timeElement(next.at, 'short'), h('span', { class: 'muted' }, ` ${agoWords(next.at)}`)) : 'when the readings of a window are complete'),
      fact('Schedule', h('span', {}, h('span', { class: 'code' }, schedule.cron), h('span', { class: 'muted' }, ` ${schedule.zone}`))),
      fact('Window', span(schedule.window_seconds)),
      fact('Interval', span(schedule.interval_seconds)),
      fact('Late readings', `accepted for ${span(schedule.lateness_seconds)}`),
      fact('Scored until', schedule.scored_until ? timeElement(schedule.scored_until, 'full') : '–')),
    later.length > 0 && h('details', {}, h('summary', {}, `The ${counted(later.length, 'run')} after it`),
      h('ul', { class: 'plain-list' }, later.map(({ at, window }) => h('li', {}, timeElement(at, 'full'), h('span', { class: 'muted' }, ' scores '), timeElement(window.start, 'short'), ' to ', timeElement(window.end, 'clock'))))),
    ...(schedule.groups ?? []).map(groupFirings),
    schedule.missed.length > 0 && h('div', { class: 'missed' },
      h('h2', {}, 'Windows that no run has scored'),
      h('ul', { class: 'plain-list' }, schedule.missed.map((missed) => {
        const { start, end } = missed.span ?? missed;
        return h('li', {}, timeElement(start, 'short'), ' to ', timeElement(end, 'short'), missed.words && h('span', { class: 'muted' }, `: ${missed.words}`));
      }))),
  ];
}
