// What the daemon does, in figures: readings, runs, sinks, disk and clock.

import { h, replace, s, setText, setVariables } from './elements.js';
import { bytes, count, counted, rate } from './format.js';
import { stateShape } from './states.js';
import { agoWords, clockWords, daemonNow, dateOf, isUtcHere, shortWords, span, utcClock } from './time.js';

const KEPT_RATES = 60;

/** The strip of figures. */
export function facts() {
  const cells = {
    readings: cell('Readings a second'), last: cell('Last run', 'runs'), next: cell('Next run', 'runs'),
    sinks: cell('Sinks'), disk: cell('Store', 'store'), clock: cell('Clock'), rejects: cell('Rejects', 'rejects'),
  };
  const element = h('section', { class: 'panel facts', 'aria-label': 'What the daemon does' },
    Object.values(cells).map((one) => one.element));
  const rates = [];
  let status = null;

  function show(answer) {
    status = answer;
    rates.push(answer.readings_per_second);
    if (rates.length > KEPT_RATES) rates.shift();
    if (rates.length > 3) replace(cells.readings.extra, sparkline(rates));
    showSinks(cells.sinks, answer.sinks);
    showDisk(cells.disk, answer.disk);
    cells.clock.tell(answer.clock.is_trusted ? 'believed' : 'in doubt', answer.clock.words);
    cells.clock.element.classList.toggle('is-bad', !answer.clock.is_trusted);
    cells.rejects.tell(count(answer.rejects), 'since the start');
    tick();
  }

  function tick() {
    if (!status) return;
    // When a reading came is told by the system's clock, also where the readings decide what time it is.
    const now = status.clock.source === 'event' ? new Date() : daemonNow();
    const { last_reading: last, running, last_run: ended, next_run: next } = status;
    cells.readings.tell(rate(status.readings_per_second),
      last ? `last one ${agoWords(last, now)}; ${count(status.readings)} since the start` : 'none since the start');
    if (ended) {
      const { tally } = ended;
      cells.last.tell(`${shortWords(ended.window.start)} – ${clockWords(ended.window.end)}`, tally && lastWords(ended, tally));
    } else {
      cells.last.tell('none yet', 'no window has been scored');
    }
    if (running) {
      cells.next.tell('running', `${counted(running.sensors, 'sensor')}, the window up to ${shortWords(running.window.end)}`);
    } else if (next) {
      const beside = isUtcHere() ? ' UTC' : ` (${utcClock(next.at)})`;
      cells.next.tell(dateOf(next.at) <= daemonNow() ? 'due' : agoWords(next.at), `at ${shortWords(next.at)}${beside}`);
    } else {
      cells.next.tell('by the readings', 'a window is scored when the readings have passed its end');
    }
  }

  return { element, show, tick };
}

function lastWords({ sensors }, { scored, anomalies, failed, no_data: without }) {
  return [`${count(scored)} of ${count(sensors)} scored`, counted(anomalies, 'anomaly', 'anomalies'),
    without > 0 && `${count(without)} without readings`, failed > 0 && `${count(failed)} failed`].filter(Boolean).join(', ');
}

function showSinks(cell, sinks) {
  if (sinks.length === 0) return cell.tell('none', 'verdicts are kept in the store only');
  const behind = sinks.filter((sink) => sink.runs_behind > 0);
  cell.tell(behind.length === 0 ? 'up to date' : `${behind.length} behind`, null);
  replace(cell.extra, h('ul', { class: 'sinks' }, sinks.map(sinkLine)));
}

function sinkLine({ name, state, runs_behind: behind, taken_until: until }) {
  const title = until && `it has all up to ${shortWords(until)} (${utcClock(until)})`;
  return h('li', null, stateShape(state === 'behind' ? 'warning' : 'ok'), name,
    h('span', { class: 'muted', title }, behind > 0 ? ` ${counted(behind, 'run')} behind` : ' up to date'));
}

function showDisk(cell, disk) {
  const used = disk.store_bytes / Math.max(1, disk.store_max_bytes);
  const pace = disk.written_bytes_per_day === null ? null : `${bytes(disk.written_bytes_per_day)} written a day`;
  const full = disk.full_at ? `full in ${span((dateOf(disk.full_at) - daemonNow()) / 1000)} at this pace` : null;
  const free = disk.free_bytes === null ? null : `${bytes(disk.free_bytes)} free on the disk`;
  cell.tell(bytes(disk.store_bytes), [`of ${bytes(disk.store_max_bytes)}`, full, free, pace].filter(Boolean).join(', '));
  const meter = h('div', { class: 'meter', 'aria-hidden': 'true' }, h('div'));
  setVariables(meter, { '--part': `${Math.min(100, used * 100).toFixed(1)}%` });
  replace(cell.extra, meter);
}

function cell(words, place) {
  const value = h('dd', { class: 'value' }, '–');
  const beside = h('dd', { class: 'beside muted' });
  const extra = h('dd', { class: 'extra' });
  const element = h('dl', { class: 'fact' },
    h('dt', null, place ? h('a', { href: `#/${place}` }, words) : words), value, extra, beside);
  return {
    element, extra,
    tell(figure, detail) {
      setText(value, figure);
      setText(beside, detail ?? '');
    },
  };
}

/** The course of a figure, without an axis: from 0 to its highest. */
function sparkline(values) {
  const [width, height] = [120, 22];
  const highest = Math.max(...values, 1e-9);
  const step = width / (KEPT_RATES - 1);
  const points = values.map((value, index) => {
    const x = width - (values.length - 1 - index) * step;
    const y = height - 1 - (value / highest) * (height - 3);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return s('svg', { class: 'sparkline', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('polyline', { points: points.join(' ') }));
}
