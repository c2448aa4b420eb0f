// The anomaly timeline: rows of devices or sensors, a column a window, the score as colour. Rows are fetched and drawn as
// they come in sight; a device's row can show its sensors below it.

import { get } from './api.js';
import { sensorAddress } from './banner.js';
import { choice, filterBox, h, replace, setText, setVariables } from './elements.js';
import { count, counted, score as scoreWords } from './format.js';
import { stateShape, stateWords } from './states.js';
import { drawStrip, hourLabels } from './strip.js';
import { clockWords, dateOf, daemonNow, isUtcHere, rfc3339, shortWords, utcClock } from './time.js';
import { TimelineRows } from './timeline_rows.js';
import { virtualRows } from './virtual_rows.js';

const ROW_HEIGHT = 26;
const AXIS_HEIGHT = 24;
const RANGES = [['24', '24 h'], ['72', '3 days'], ['168', '7 days']];
const SENSORS_OF_A_DEVICE = 200;

/** The panel of the timeline of the group that `group()` gives. What is chosen stands in the address. */
export function timeline(query, setQuery, group) {
  let by = query.get('by') === 'sensor' ? 'sensor' : 'device';
  let hours = RANGES.some(([value]) => value === query.get('hours')) ? query.get('hours') : '24';
  let filter = query.get('filter') ?? '';
  // Where the keyboard is: a row, and a column in it; a column of -1 is the row's name.
  let current = { row: 0, column: Infinity };
  const expanded = new Map();

  const note = h('p', { class: 'note', hidden: true });
  const total = h('span', { class: 'muted' });
  const axis = h('div', { class: 'axis', 'aria-hidden': 'true' });
  const marker = h('div', { class: 'marker', hidden: true });
  const readout = h('div', { class: 'readout', role: 'status', hidden: true });
  const scroller = h('div', { class: 'scroller timeline-rows' }, axis);
  const element = h('section', { class: 'panel timeline', 'aria-labelledby': 'timeline-title' },
    h('div', { class: 'heading' },
      h('h2', { id: 'timeline-title' }, 'Anomaly timeline'), total,
      h('div', { class: 'actions' },
        filterBox('Filter sensors', (text) => choose({ filter: text }), { value: filter, placeholder: 'press-1/*' }),
        choice('Rows', [['device', 'Devices'], ['sensor', 'Sensors']], by, (value) => choose({ by: value })),
        choice('Range', RANGES, hours, (value) => choose({ hours: value })))),
    note, scroller, legend(), readout);

  const rows = new TimelineRows(() => ({ group: group(), by, pattern: pattern(filter), ...range() }), changed);
  const list = virtualRows(scroller, {
    rowHeight: ROW_HEIGHT, count: 0, above: AXIS_HEIGHT, row: rowElement,
    onSight: (first, end) => rows.want(locate(first).index, locate(end).index + 1),
  });
  const grid = list.sizer;
  grid.append(marker);
  grid.setAttribute('role', 'grid');
  grid.setAttribute('aria-labelledby', 'timeline-title');
  grid.addEventListener('pointermove', (event) => point(event.target.closest('.strip'), event));
  grid.addEventListener('pointerleave', hideReadout);
  grid.addEventListener('click', clicked);
  grid.addEventListener('keydown', move);
  grid.addEventListener('focusin', focused);
  grid.addEventListener('focusout', hideReadout);
  scroller.addEventListener('scroll', hideReadout, { passive: true });
  const resized = new ResizeObserver(redraw);
  resized.observe(scroller);
  document.addEventListener('theme', redraw);

  function range() {
    if (hours === '24') return {};
    const since = daemonNow() - hours * 3600e3;
    return { since: rfc3339(new Date(Math.floor(since / 3600e3) * 3600e3)) };
  }

  function choose(chosen) {
    ({ by = by, hours = hours, filter = filter } = chosen);
    setQuery(chosen);
    forget();
    rows.refresh().catch(showProblem);
  }

  function forget() {
    rows.forget();
    expanded.clear();
    scroller.scrollTop = 0;
    current = { row: 0, column: Infinity };
  }

  function changed() {
    note.hidden = rows.total > 0;
    if (rows.total === 0) {
      setText(note, filter ? 'No sensor fits the filter. * stands for any characters: press-1/*.'
        : 'No device is known yet. Devices show as soon as a reading of theirs counts.');
    }
    setText(total, rows.total > 0 ? counted(rows.total, by) : '');
    grid.setAttribute('aria-rowcount', String(length()));
    current.column = Math.min(current.column, rows.windows.length - 1);
    list.setCount(length());
    redraw();
  }

  function redraw() {
    drawAxis();
    // A row that was given the focus has it again when it was made anew.
    list.refresh((row) => row.querySelector('[tabindex="0"]'));
  }

  // Rows of sensors stand between those of devices: which row is it?
  function locate(position) {
    let shift = 0;
    for (const [index, entry] of [...expanded].sort(([one], [other]) => one - other)) {
      const first = index + 1 + shift;
      if (position < first) break;
      if (position < first + entry.rows.length) return { index, row: entry.rows[position - first], isInner: true };
      shift += entry.rows.length;
    }
    const index = position - shift;
    return { index, row: rows.at(index), isInner: false };
  }

  function length() {
    return rows.total + [...expanded.values()].reduce((sum, entry) => sum + entry.rows.length, 0);
  }

  function rowElement(position) {
    const { index, row, isInner } = locate(position);
    const isCurrent = position === current.row;
    const canExpand = by === 'device' && !isInner;
    const name = row ? (isInner ? row.name.slice(row.name.lastIndexOf('/') + 1) : row.name) : '…';
    const place = row && (canExpand ? `#/sensors?pattern=${encodeURIComponent(`${row.name}/*`)}` : sensorAddress(row.name));
    const canvas = h('canvas');
    const tabindex = (isHere) => (isCurrent && isHere ? 0 : -1);
    const strip = h('div', {
      class: 'strip', role: 'gridcell', tabindex: tabindex(current.column >= 0), 'data-row': position,
    }, canvas);
    const header = h('div', { class: 'row-name', role: 'rowheader' },
      canExpand && h('button', {
        class: 'expand', type: 'button', tabindex: -1, 'aria-expanded': String(expanded.has(index)),
        'aria-label': `Sensors of ${name}`, 'data-expand': index,
      }),
      h('a', {
        href: place || '#/sensors', tabindex: tabindex(current.column < 0), title: row && `${row.name}: ${stateWords(row.state)}`,
      }, row && stateShape(row.state), h('span', null, name)));
    const element = h('div', {
      class: isInner ? 'timeline-row inner' : 'timeline-row', role: 'row', 'aria-rowindex': position + 1,
    }, header, strip);
    if (row) {
      strip.setAttribute('aria-label', cellWords(row, Math.max(0, current.column)));
      requestAnimationFrame(() => drawStrip(canvas, row.cells));
    }
    return element;
  }

  function drawAxis() {
    const room = h('div', { class: 'labels' });
    replace(axis, h('div'), room);
    // Where windows overlap, a column stands for the time by which one ends behind the one before.
    const shared = (rows.windowSeconds - rows.hopSeconds) * 1000;
    const starts = shared === 0 ? rows.windows : rows.windows.map((start) => rfc3339(new Date(dateOf(start).getTime() + shared)));
    const labels = hourLabels(starts, rows.hopSeconds, room.clientWidth || 800);
    replace(room, labels.map(({ part, words, isDay }) => h('span', {
      class: isDay ? 'day' : '', vars: { '--at': `${(part * 100).toFixed(3)}%` },
    }, words)));
  }

  function cellWords(row, column) {
    const start = rows.windows[column];
    const cell = row.cells[column];
    if (!start || !cell) return `${row.name}: no windows yet`;
    const end = new Date(dateOf(start).getTime() + rows.windowSeconds * 1000);
    const beside = isUtcHere(start) ? ' UTC' : ` (${utcClock(start)})`;
    return `${row.name}, ${shortWords(start)} to ${clockWords(end)}${beside}: ${judgement(row, cell)}`;
  }

  // The readout stands beside the cell that is pointed at or has the focus.
  function tell(position, column) {
    const { row } = locate(position);
    const strip = list.element(position)?.querySelector('.strip');
    if (!row || !strip || !row.cells[column]) return hideReadout();
    const words = cellWords(row, column);
    strip.setAttribute('aria-label', words);
    const [place, ...rest] = words.split(': ');
    replace(readout, h('b', null, place), h('span', null, rest.join(': ')));
    const width = strip.clientWidth / row.cells.length;
    const box = element.getBoundingClientRect();
    const stripBox = strip.getBoundingClientRect();
    setVariables(marker, {
      '--left': `${stripBox.left - grid.getBoundingClientRect().left + column * width}px`, '--top': `${position * ROW_HEIGHT}px`,
      '--width': `${Math.max(3, width)}px`, '--height': `${ROW_HEIGHT}px`,
    });
    marker.hidden = false;
    readout.hidden = false;
    const middle = stripBox.left - box.left + (column + 0.5) * width;
    const left = Math.max(8, Math.min(box.width - readout.offsetWidth - 8, middle - readout.offsetWidth / 2));
    setVariables(readout, { '--left': `${left}px`, '--top': `${stripBox.top - box.top - readout.offsetHeight - 4}px` });
  }

  function hideReadout() {
    readout.hidden = true;
    marker.hidden = true;
  }

  function columnAt(strip, event) {
    const box = strip.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * rows.windows.length);
    return Math.max(0, Math.min(rows.windows.length - 1, column));
  }

  function point(strip, event) {
    if (strip) tell(Number(strip.dataset.row), columnAt(strip, event));
    else hideReadout();
  }

  function clicked(event) {
    const button = event.target.closest('[data-expand]');
    if (button) return toggle(Number(button.dataset.expand));
    const strip = event.target.closest('.strip');
    if (strip) go(Number(strip.dataset.row), columnAt(strip, event));
  }

  function focused(event) {
    const row = event.target.closest('[aria-rowindex]');
    if (!row) return;
    const position = Number(row.getAttribute('aria-rowindex')) - 1;
    if (event.target.classList.contains('strip') && event.target.matches(':focus-visible')) {
      setCurrent(position, Math.max(0, current.column));
      tell(position, current.column);
    }
  }

  function setCurrent(row, column) {
    grid.querySelector('[tabindex="0"]')?.setAttribute('tabindex', '-1');
    current = { row, column };
    const element = list.reveal(row);
    const target = element?.querySelector(column < 0 ? '.row-name a' : '.strip');
    target?.setAttribute('tabindex', '0');
    return target;
  }

  function move(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const last = rows.windows.length - 1;
    const page = Math.max(1, Math.floor(scroller.clientHeight / ROW_HEIGHT) - 1);
    const steps = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-page, 0], PageDown: [page, 0],
      Home: [0, -Infinity], End: [0, Infinity],
    };
    if (event.key === 'Enter' && current.column >= 0 && event.target.classList.contains('strip')) {
      go(current.row, current.column);
    } else if (event.key === ' ') {
      const { index, isInner } = locate(current.row);
      if (by === 'device' && !isInner) toggle(index);
    } else if (steps[event.key]) {
      const [down, right] = steps[event.key];
      const row = Math.max(0, Math.min(length() - 1, current.row + down));
      const column = right === -Infinity ? 0 : Math.max(-1, Math.min(last, current.column + right));
      setCurrent(row, column)?.focus({ preventScroll: true });
      if (column >= 0) tell(row, column);
      else hideReadout();
    } else {
      return;
    }
    event.preventDefault();
  }

  async function toggle(index) {
    const device = rows.at(index);
    if (!device) return;
    if (expanded.has(index)) {
      expanded.delete(index);
    } else {
      try {
        expanded.set(index, { name: device.name, rows: (await askSensors(device.name)).rows });
      } catch (problem) {
        return showProblem(problem);
      }
    }
    const above = [...expanded].filter(([other]) => other < index);
    current.row = above.reduce((sum, [, entry]) => sum + entry.rows.length, index);
    changed();
  }

  function askSensors(device, span = range(), signal) {
    return get('timeline', { group: group(), by: 'sensor', pattern: `${device}/*`, limit: SENSORS_OF_A_DEVICE, ...span }, signal);
  }

  // To the sensor; from a device's cell, to the sensor that was its most unusual one there.
  async function go(position, column) {
    const { row, isInner } = locate(position);
    if (!row) return;
    const start = dateOf(rows.windows[column]).getTime();
    const length = rows.windowSeconds * 1000;
    const beside = Math.max(2 * length, 3600e3);
    const seen = { since: rfc3339(new Date(start - beside)), until: rfc3339(new Date(start + length + beside)) };
    let name = row.name;
    if (by === 'device' && !isInner) {
      try {
        const sensors = await askSensors(row.name, { since: rfc3339(new Date(start)), until: rfc3339(new Date(start + length)) });
        const worst = [...sensors.rows].sort((one, other) => (other.cells[0]?.score ?? -1) - (one.cells[0]?.score ?? -1))[0];
        if (!worst) return;
        name = worst.name;
      } catch (problem) {
        return showProblem(problem);
      }
    }
    location.hash = sensorAddress(name, seen);
  }

  function showProblem(problem) {
    if (problem.name === 'AbortError') return;
    // That the daemon is away is said by the banner.
    note.hidden = Boolean(problem.isAway);
    setText(note, problem.message);
  }

  return {
    element, showProblem, forget,
    async refresh(signal) {
      await rows.refresh(signal);
      for (const [index, entry] of expanded) {
        const answer = await askSensors(entry.name, range(), signal);
        if (rows.at(index) && rows.at(index).name !== entry.name) expanded.delete(index);
        else if (answer.rows.some((row, place) => row !== entry.rows[place])) {
          entry.rows = answer.rows;
          changed();
        }
      }
    },
    close() {
      resized.disconnect();
      document.removeEventListener('theme', redraw);
      list.close();
      rows.close();
    },
  };
}

function judgement({ sensors }, { score, anomalous, scored, failed }) {
  const failure = failed > 0 ? `, ${sensors === 1 ? 'scoring failed' : `${count(failed)} could not be scored`}` : '';
  if (scored === 0) return failed > 0 ? failure.slice(2) : 'nothing was scored';
  if (sensors === 1) return `score ${scoreWords(score)}, ${anomalous > 0 ? 'anomalous' : 'usual'}`;
  const all = counted(scored, 'sensor');
  const words = anomalous > 0 ? `${count(anomalous)} of ${all} anomalous` : `all of ${all} usual`;
  return `${words}, highest score ${scoreWords(score)}${failure}`;
}

// Sensors are named device/sensor; a word without stars is looked for anywhere.
function pattern(filter) {
  if (!filter) return null;
  return filter.includes('*') ? filter : `*${filter}*`;
}

function legend() {
  const steps = Array.from({ length: 8 }, (_, step) => h('i', { class: `step-${step}` }));
  return h('p', { class: 'legend muted' },
    h('span', null, 'Score'), h('span', { class: 'scale', 'aria-hidden': 'true' }, steps),
    h('span', null, '0 usual – above 0.5 an anomaly – 1'),
    h('span', { class: 'key' }, h('i', { class: 'anomalous' }), 'anomaly'),
    h('span', { class: 'key' }, h('i', { class: 'failed' }), 'not scored'),
    h('span', { class: 'key' }, h('i', { class: 'nothing' }), 'nothing to score'));
}

