// The view Most unusual: in a range of time that one marks, which sensors were the most unusual, what began together, and
// which devices it concerns.

import { ApiProblem, get } from './api.js';
import { sensorAddress } from './banner.js';
import { choice, emptyNote, h, heading, problemNote, replace, setText } from './elements.js';
import { count, counted, share } from './format.js';
import { groupBar } from './group_bar.js';
import { rangeStrip } from './range_strip.js';
import { rankedSensors } from './ranked_sensors.js';
import { link } from './router.js';
import { drawShares } from './strip.js';
import {
  clockWords, daemonNow, dateOf, dayWords, isUtcHere, noteDaemonTime, rfc3339, shortWords, span, timeElement, utcClock,
} from './time.js';

export const title = 'Most unusual';

const SHOWN = [['24', '24 h'], ['72', '3 days'], ['168', '7 days'], ['720', '30 days']];
const SENSORS = 50;
const DEVICES_AT_ONCE = 12;

export function view(root, { query, setQuery }) {
  const ending = new AbortController();
  let hours = SHOWN.some(([value]) => value === query.get('hours')) ? query.get('hours') : '24';
  let asked = null;
  let isAllDevices = false;

  const groups = groupBar(query.get('group'), (group) => {
    const isFirst = asked === null;
    setQuery({ group });
    if (!isFirst) begin();
  });
  const strip = rangeStrip(chosen);
  const words = h('p', { class: 'range-words', role: 'status' });
  const results = h('div', { class: 'results' });
  replace(root, heading('Most unusual', choice('Shown', SHOWN, hours, (value) => {
    hours = value;
    setQuery({ hours, since: null, until: null });
    begin();
  })),
  groups.element,
  h('section', { class: 'panel strip-panel', 'aria-label': 'Range of time' },
    h('p', { class: 'muted' }, 'Mark a range with the mouse, or move its ends with the arrow keys. A bar is a window: the taller it is, ',
      'the more sensors were anomalous; its colour is the highest score.'),
    strip.element, words),
  results);

  async function begin() {
    try {
      noteDaemonTime((await get('status', null, ending.signal)).now);
      await groups.refresh(ending.signal);
      const since = new Date(Math.floor((daemonNow() - hours * 3600e3) / 3600e3) * 3600e3);
      const answer = await get('timeline', { group: groups.chosen(), by: 'plant', since: rfc3339(since) }, ending.signal);
      // Where windows overlap, a bar stands for the time by which one ends behind the one before.
      const shared = (answer.window_seconds - answer.hop_seconds) * 1000;
      const windows = answer.windows.map((start) => dateOf(start).getTime() + shared);
      if (windows.length === 0) {
        replace(results, emptyNote('No window has been scored in this time. The view Runs says when the next one is due.'));
        return;
      }
      const cells = answer.rows[0]?.cells ?? windows.map(() => ({ score: null, anomalous: 0, scored: 0, failed: 0 }));
      const length = answer.hop_seconds * 1000;
      strip.show(windows, length, cells, rangeFrom(windows, length));
      ask(strip.range());
    } catch (problem) {
      showProblem(problem);
    }
  }

  function rangeFrom(windows, length) {
    const since = Date.parse(query.get('since') ?? '');
    const until = Date.parse(query.get('until') ?? '');
    const end = windows[windows.length - 1] + length;
    return Number.isFinite(since) && Number.isFinite(until) ? [since, until] : [windows[0], end];
  }

  function chosen([since, until]) {
    query.set('since', rfc3339(new Date(since)));
    query.set('until', rfc3339(new Date(until)));
    setQuery({ since: query.get('since'), until: query.get('until') });
    ask([since, until]);
  }

  async function ask([since, until]) {
    const own = {};
    asked = own;
    setText(words, rangeWords(since, until));
    results.classList.add('is-asking');
    try {
      const range = { since: rfc3339(new Date(since)), until: rfc3339(new Date(until)) };
      const answer = await get('unusual', { group: groups.chosen(), ...range, limit: SENSORS }, ending.signal);
      if (asked === own) show(answer);
    } catch (problem) {
      if (asked === own) showProblem(problem);
    }
    if (asked === own) results.classList.remove('is-asking');
  }

  function show(answer) {
    isAllDevices = false;
    const devices = h('section', { class: 'panel', 'aria-labelledby': 'shares-title' });
    replace(results,
      h('section', { class: 'panel ranking', 'aria-labelledby': 'ranking-title' },
        h('div', { class: 'heading' }, h('h2', { id: 'ranking-title' }, 'Sensors, the most unusual first')),
        answer.sensors.length === 0 ? emptyNote('No sensor was scored in this range.') : rankedSensors(answer.sensors)),
      h('div', { class: 'beside' },
        h('section', { class: 'panel', 'aria-labelledby': 'together-title' },
          h('div', { class: 'heading' }, h('h2', { id: 'together-title' }, 'Changed together')), together(answer)),
        devices));
    showDevices(devices, answer.devices);
  }

  function showDevices(panel, devices) {
    const shown = isAllDevices ? devices : devices.slice(0, DEVICES_AT_ONCE);
    replace(panel,
      h('div', { class: 'heading' },
        h('h2', { id: 'shares-title' }, 'Devices'), h('span', { class: 'muted' }, 'share of unusual sensors')),
      devices.length === 0 ? emptyNote('No device was scored in this range.')
        : h('ul', { class: 'shares' }, shown.map(deviceShare)),
      shown.length < devices.length && h('button', {
        class: 'quiet', type: 'button', onclick: () => { isAllDevices = true; showDevices(panel, devices); },
      }, `All ${count(devices.length)} devices`));
    for (const canvas of panel.querySelectorAll('canvas')) drawShares(canvas, devices[Number(canvas.dataset.device)].share);
  }

  function showProblem(problem) {
    if (problem.name === 'AbortError') return;
    if (!(problem instanceof ApiProblem)) console.error(problem);
    replace(results, problemNote(problem));
  }

  const repaint = () => strip.draw();
  document.addEventListener('theme', repaint, { signal: ending.signal });
  begin();
  return () => {
    ending.abort();
    strip.close();
  };
}

function rangeWords(since, until) {
  const beside = isUtcHere(since) ? ' UTC' : ` (${utcClock(new Date(since))} to ${utcClock(new Date(until))})`;
  const isOneDay = new Date(since).toDateString() === new Date(until).toDateString();
  const end = isOneDay ? clockWords(new Date(until)) : `${dayWords(new Date(until))} ${clockWords(new Date(until))}`;
  return `${dayWords(new Date(since))} ${clockWords(new Date(since))} to ${end}${beside}, ${span((until - since) / 1000)}`;
}

function together({ together: sets }) {
  if (sets.length === 0) return h('p', { class: 'muted' }, 'No anomalies of two sensors or more began together.');
  return h('ul', { class: 'together' }, sets.map(({ time, sensors }) => h('li', null,
    h('p', null, h('b', null, counted(sensors.length, 'sensor')), ' from ', timeElement(time), ' on, in this order'),
    h('ol', null, sensors.map((sensor) => h('li', null,
      h('a', { class: 'chip', href: sensorAddress(sensor, around(time)) }, sensor)))))));
}

function around(time) {
  const at = dateOf(time).getTime();
  return { since: rfc3339(new Date(at - 3600e3)), until: rfc3339(new Date(at + 2 * 3600e3)) };
}

function deviceShare({ device, sensors, unusual, share: shares, windows }, place) {
  const last = shares.length - 1;
  const now = shares[last] ?? null;
  const lastWindow = windows[last] ? `in the window from ${shortWords(windows[last])}` : 'in the last window';
  const words = `${device}: ${count(unusual)} of ${counted(sensors, 'sensor')} in the range; ${lastWindow} ${now === null ? 'none scored' : share(now)}`;
  return h('li', { title: words },
    h('a', { href: link('sensors', { pattern: `${device}/*` }) }, device),
    h('span', { class: 'number' }, `${count(unusual)} of ${count(sensors)}`),
    h('canvas', { role: 'img', 'aria-label': words, 'data-device': place }),
    h('span', { class: 'number' }, now === null ? '–' : share(now), h('span', { class: 'muted' }, ' last')));
}
