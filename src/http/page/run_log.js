// What was logged of a run while it went on, which is asked for when one opens it.

import { get } from './api.js';
import { emptyNote, filterBox, h, problemNote, replace } from './elements.js';
import { count } from './format.js';
import { stateShape } from './states.js';
import { timeElement } from './time.js';

const URGENCIES = { error: ['error', 'failed'], warning: ['warning', 'warning'], info: ['info', 'ok'] };

/** A panel that opens. */
export function runLog(id) {
  const body = h('tbody', {});
  const note = h('div', {});
  let log = null;
  let wanted = '';

  function show() {
    const fits = (line) => `${line.sensor ?? ''} ${line.text}`.toLowerCase().includes(wanted);
    const lines = log.lines.filter(fits);
    replace(body, lines.map((line) => {
      const [words, shape] = URGENCIES[line.urgency];
      return h('tr', { class: line.urgency === 'error' ? 'failed' : null },
        h('td', { 'data-label': 'Time' }, timeElement(line.at, 'time')),
        h('td', { 'data-label': 'Urgency' }, h('span', { class: 'badge' }, stateShape(shape), words)),
        h('td', { 'data-label': 'Sensor' }, line.sensor ?? '–'),
        h('td', { 'data-label': 'What happened', class: 'wide' }, line.text));
    }));
    replace(note, lines.length === 0 && emptyNote('No line fits.'),
      log.left_out > 0 && h('p', { class: 'muted' }, `${count(log.left_out)} more lines did not fit (store.run_log); the daemon's own log has them.`));
  }

  async function opened(event) {
    if (!event.currentTarget.open || log) return;
    try {
      log = await get(`runs/${encodeURIComponent(id)}/log`);
      show();
    } catch (problem) {
      replace(note, problemNote(problem));
    }
  }

  return h('section', { class: 'panel', 'aria-label': 'Log' },
    h('details', { ontoggle: opened }, h('summary', {}, 'Log'),
      h('div', { class: 'toolbar' }, filterBox('Filter lines', (words) => { wanted = words.toLowerCase(); if (log) show(); }, { placeholder: 'press-1/flow, failed, …' })),
      h('div', { class: 'scroller', tabindex: '0', role: 'region', 'aria-label': 'Lines of the log' },
        h('table', { class: 'list cards' },
          h('thead', {}, h('tr', {}, ['Time', 'Urgency', 'Sensor', 'What happened'].map((words) => h('th', { scope: 'col' }, words)))),
          body)),
      note));
}
