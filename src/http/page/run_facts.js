// How a run stands and how its outcomes are spread, as lists and the view of one run show it.

import { sensorPath } from './api.js';
import { h, s } from './elements.js';
import { count, seconds } from './format.js';
import { stateShape } from './states.js';

const RUN_STATES = { started: ['goes on', 'waiting'], finished: ['finished', 'ok'], cut_off: ['cut off', 'warning'] };

export function runStateBadge(state) {
  const [words, shape] = RUN_STATES[state] ?? [state, 'no_model'];
  return h('span', { class: 'badge' }, stateShape(shape), words);
}

/** How a run's window was closed; stands out when it was not on time. */
export function closingWords(run) {
  return h('span', { class: run.closing === 'on time' ? 'muted' : null }, run.closing);
}

/** How long the parts of a run took. */
export function runTimes(times) {
  const store = times.store_seconds === null ? '' : `, storing another ${seconds(times.store_seconds)}`;
  return h('span', {}, `${seconds(times.until_last_outcome_seconds)} until the last outcome${store}`,
    h('span', { class: 'muted' }, `; over all sensors, reading ${seconds(times.read_seconds)} and scoring ${seconds(times.score_seconds)}`));
}

/** The slowest sensors of a run, the slowest first. */
export function slowestSensors(run) {
  return h('ul', { class: 'plain-list' }, run.slowest.slice(0, 5).map((slow) => h('li', {},
    h('a', { href: `#/${sensorPath(slow.sensor)}` }, slow.sensor),
    h('span', { class: 'muted' }, ` ${seconds(slow.read_seconds + slow.score_seconds)}`))));
}

/** The outcomes in the order in which a bar shows them: the word, the member of the tally, the CSS class. */
export const OUTCOMES = [
  ['scored', 'scored'], ['too few readings', 'too_little_data'], ['no readings', 'no_data'], ['failed', 'failed'],
  ['timed out', 'timed_out'], ['not tried', 'quarantined'], ['not proven', 'unproven'],
];

/** A bar of a run's outcomes, with its figures in words. */
export function tallyBar(run) {
  if (!run.tally) return h('span', { class: 'muted' }, `${count(run.sensors)} sensors`);
  const parts = OUTCOMES.map(([words, member]) => ({ words, member, value: run.tally[member] })).filter(({ value }) => value > 0);
  const all = parts.reduce((sum, { value }) => sum + value, 0) || 1;
  let left = 0;
  const bars = parts.map(({ member, value }) => {
    const width = (value / all) * 100;
    left += width;
    return s('rect', { class: `tally-${member}`, x: left - width, y: 0, width: Math.max(width - 0.5, 0.8), height: 8 });
  });
  return h('span', { class: 'tally' },
    s('svg', { viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, bars),
    h('span', {}, parts.length === 0 ? 'no sensors' : parts.map(({ words, value }) => `${count(value)} ${words}`).join(', ')));
}
