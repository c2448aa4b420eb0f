// The series as a table: the same intervals as in the chart, for people and programs that cannot see it.

import { h } from './elements.js';
import { number, count } from './format.js';
import { timeElement } from './time.js';

/** So many rows are shown at most: a chart has about as many points as pixels. */
const MOST_ROWS = 2000;

/** The table of a series and its scores. */
export function seriesTable(sensor, series, scores) {
  const said = new Map(scores.time.map((time, i) => [time, { score: scores.score[i], isAnomaly: scores.anomaly[i] }]));
  const isExact = Math.abs(series.step_seconds - scores.interval_seconds) < 1e-6;
  const rows = [];
  for (let i = series.time.length - 1; i >= 0 && rows.length < MOST_ROWS; i -= 1) {
    const own = verdictOf(series.time[i]);
    rows.push(
      h('tr', { class: own.isAnomaly ? 'anomalous' : null },
        h('th', { scope: 'row' }, timeElement(series.time[i], 'full')),
        h('td', { class: 'number' }, number(series.mean[i])),
        h('td', { class: 'number' }, number(series.min[i])),
        h('td', { class: 'number' }, number(series.max[i])),
        h('td', { class: 'number' }, count(series.count[i])),
        h('td', { class: 'number' }, own.score === null ? '–' : own.score.toFixed(2)),
        h('td', {}, own.isAnomaly ? 'anomaly' : own.isScored ? 'usual' : 'not scored')),
    );
  }

  /** What was said of a point: of its interval, or of the worst of those that it stands for. */
  function verdictOf(start) {
    let [score, isAnomaly, isScored] = [null, false, false];
    const step = scores.interval_seconds;
    const intervals = isExact ? 1 : Math.round(series.step_seconds / step);
    for (let k = 0; k < intervals; k += 1) {
      const one = said.get(start + k * step);
      if (!one) continue;
      isScored = true;
      isAnomaly ||= one.isAnomaly;
      if (one.score !== null) score = Math.max(score ?? 0, one.score);
    }
    return { score, isAnomaly, isScored };
  }

  return h('div', { class: 'scroller series-table', tabindex: '0', role: 'region', 'aria-label': `Intervals of ${sensor}` },
    h('table', { class: 'list' },
      h('caption', {}, `${count(series.time.length)} rows, the newest first; each stands for ${stepWords(series.step_seconds)}.`),
      h('thead', {}, h('tr', {}, ...['Start', 'Mean', 'Lowest', 'Highest', 'Readings', 'Score', 'Verdict'].map((words, i) =>
        h('th', { scope: 'col', class: i > 0 && i < 6 ? 'number' : null }, words)))),
      h('tbody', {}, rows)));
}

function stepWords(seconds) {
  if (seconds % 3600 === 0) return seconds === 3600 ? 'one hour' : `${seconds / 3600} hours`;
  if (seconds % 60 === 0) return seconds === 60 ? 'one minute' : `${seconds / 60} minutes`;
  return `${number(seconds)} s`;
}
