// A sensor's chart with its ribbon beneath: asks for the series and the scores of a range, and shows both.

import { get, sensorPath, splitSensor } from './api.js';
import { chart } from './chart.js';
import { h, problemNote, replace } from './elements.js';
import { number } from './format.js';
import { scoreRibbon } from './score_ribbon.js';
import { iso } from './series_range.js';
import { timeElement } from './time.js';

/**
 * Builds the plot of `name` in `root`. `options`: `height`, `ribbonHeight`, `sync`, `hasTimes`, `zoomed(since, until)`,
 * `shown({ series, scores })` after each answer.
 * Returns `load(range, { hasNewScores })` → a promise; without new scores, those that are there stay; `describe({ model, watermark })`, `setWindow(seconds)`, `step(points)`, `content()`, `close()`.
 */
export function sensorPlot(root, name, options) {
  const readout = h('p', { class: 'plot-readout' });
  const chartRoot = h('div', { class: 'chart' });
  const ribbonRoot = h('div', { class: 'ribbon' });
  const note = h('div', { class: 'plot-note' });
  replace(root, readout, chartRoot, ribbonRoot, note);

  let usual = null;
  let windowSeconds = 3600;
  let openSince = null;
  let width = 800;
  let series = null;
  let scores = null;
  let asking = null;

  const plot = chart(chartRoot, {
    height: options.height,
    sync: options.sync,
    hasTimes: options.hasTimes,
    zoomed: options.zoomed,
    pointed: (index, left) => {
      ribbon.point(index === null ? null : left);
      showReadout(index);
    },
    resized: () => ribbon.repaint(),
  });
  const ribbon = scoreRibbon(ribbonRoot, { height: options.ribbonHeight, plot: () => plot.plot() });
  showReadout(null);

  async function load(range, { hasNewScores = true } = {}) {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    plot.frame(range.since, range.until);
    ribbon.frame(range.since, range.until);
    const times = { since: iso(range.since), until: iso(range.until) };
    // A chart that is hidden behind its table has no width.
    width = Math.min(Math.round(chartRoot.clientWidth) || width, 2000);
    try {
      // The scores may have to be computed again, so the series does not wait for them.
      const scoresComing = hasNewScores || !scores ? get(`${sensorPath(name)}/scores`, times, signal) : Promise.resolve(scores);
      scoresComing.catch(() => {});
      series = await get(`${sensorPath(name)}/series`, { ...times, width }, signal);
      show();
      scores = await scoresComing;
      show();
      replace(note, notes());
    } catch (problem) {
      if (problem.name !== 'AbortError') replace(note, problemNote(problem));
    }
  }

  function show() {
    const interval = scores?.interval_seconds ?? 0;
    const flagged = (scores?.time ?? []).filter((_, i) => scores.anomaly[i]);
    plot.show({
      series,
      usual,
      anomalous: joined(flagged, interval),
      forgotten: series.forgotten.map((start) => windowFrom(start)),
      openSince,
    });
    if (scores) ribbon.show(scores);
    showReadout(plot.index());
    options.shown?.({ series, scores });
  }

  function windowFrom(start) {
    const seconds = Date.parse(start) / 1000;
    return [seconds, seconds + windowSeconds];
  }

  function notes() {
    return [
      series.time.length === 0 && h('p', { class: 'muted' }, 'No readings in this range.'),
      series.forgotten.length > 0 && h('p', { class: 'muted' }, 'Hatched: nothing is stored of these windows any more.'),
      scores.missing.map((reason) => h('p', { class: 'muted' }, `Scores are missing: ${reason}`)),
    ];
  }

  /** What is below the cursor, in words; or what the newest point is. */
  function showReadout(index) {
    const at = index === null ? null : pointAt(index);
    if (!at) return replace(readout, ' ');
    replace(readout,
      options.hasTimes !== false && timeElement(series.time[at.i], 'full'),
      h('span', {}, 'mean ', h('b', {}, number(series.mean[at.i]))),
      h('span', { class: 'muted' }, `${number(series.min[at.i])} to ${number(series.max[at.i])}`),
      options.hasTimes !== false && h('span', { class: 'muted' }, `${series.count[at.i]} readings`),
      at.score !== null && h('span', { class: at.isAnomaly ? 'bad-words' : 'muted' }, `score ${at.score.toFixed(2)}${at.isAnomaly ? ', anomaly' : ''}`));
  }

  /** The point of the series below a place of the chart's columns, in which gaps have places too. */
  function pointAt(index) {
    const time = plot.timeAt(index);
    if (!series || time === undefined) return null;
    const start = time - series.step_seconds / 2;
    const i = nearest(series.time, start);
    if (i === null || Math.abs(series.time[i] - start) > series.step_seconds * 0.25) return null;
    let [score, isAnomaly] = [null, false];
    for (let k = firstNotBefore(scores?.time ?? [], series.time[i]); scores && scores.time[k] < series.time[i] + series.step_seconds; k += 1) {
      if (scores.score[k] !== null) score = Math.max(score ?? 0, scores.score[k]);
      isAnomaly ||= scores.anomaly[k];
    }
    return { i, score, isAnomaly };
  }

  return {
    load,
    setWindow(seconds) {
      windowSeconds = seconds;
    },
    /** What the chart shows of the model and of closed intervals. */
    describe(detail) {
      usual = usualOf(name, detail.model);
      openSince = detail.watermark ? Date.parse(detail.watermark) / 1000 : null;
      if (series) show();
    },
    /** Moves the cursor by so many points. */
    step(points) {
      const index = plot.index();
      plot.point(index === null ? plot.length() - 1 : Math.min(Math.max(index + points, 0), plot.length() - 1));
    },
    content: () => ({ series, scores }),
    close() {
      asking?.abort();
      plot.close();
      ribbon.close();
    },
  };
}

/** The training range of a sensor's own values: of its mean, or from its lowest to its highest. */
export function usualOf(name, model) {
  const { sensor } = splitSensor(name);
  const of = (statistic) => model?.usual.find(({ feature }) => feature === `${sensor}.${statistic}` || feature === `${name}.${statistic}` || feature === statistic);
  const mean = of('mean');
  if (mean) return { low: mean.low, high: mean.high };
  const [low, high] = [of('min'), of('max')];
  if (low && high) return { low: low.low, high: high.high };
  const own = model?.usual.find(({ feature }) => feature === sensor || feature === name);
  return own ? { low: own.low, high: own.high } : null;
}

/** Neighbouring intervals as one span. */
export function joined(starts, interval) {
  const spans = [];
  for (const start of starts) {
    const last = spans.at(-1);
    if (last && start <= last[1] + interval * 0.01) last[1] = start + interval;
    else spans.push([start, start + interval]);
  }
  return spans;
}

/** The index of the first entry of an ordered list that is not before `value`. */
function firstNotBefore(ordered, value) {
  let [low, high] = [0, ordered.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ordered[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function nearest(ordered, value) {
  if (ordered.length === 0) return null;
  const i = Math.min(firstNotBefore(ordered, value), ordered.length - 1);
  return i > 0 && value - ordered[i - 1] < ordered[i] - value ? i - 1 : i;
}
