// Run now: windows that are over are scored again with the models of today. A form that asks for it, and how far each
// order is and how its anomalies differ from those that stood.

import { get, poll, post, sensorPath } from './api.js';
import { confirmation, h, problemNote, replace } from './elements.js';
import { count, counted } from './format.js';
import { operatorButton, resultNote } from './operator.js';
import { stateShape } from './states.js';
import { rfc3339, timeElement } from './time.js';

const STATES = {
  waiting: ['waits', 'waiting'], goes_on: ['goes on', 'waiting'], cancelling: ['ends with its window', 'waiting'],
  finished: ['finished', 'ok'], cancelled: ['cancelled', 'no_model'], failed: ['given up', 'failed'],
};

/** A section with the form and the orders. Returns `element`, `close()`. */
export function runOrders() {
  const result = resultNote();
  const list = h('div', { class: 'run-orders' });
  const group = h('input', { spellcheck: 'false', autocomplete: 'off', placeholder: 'all groups' });
  const sensors = h('input', { spellcheck: 'false', autocomplete: 'off', placeholder: 'all, or press-1/*' });
  const from = h('input', { type: 'datetime-local' });
  const to = h('input', { type: 'datetime-local' });
  const dry = h('input', { type: 'checkbox', checked: true });

  async function ask() {
    const time = (input) => (input.value ? rfc3339(new Date(input.value)) : null);
    const isDry = dry.checked;
    const order = { group: group.value.trim() || null, sensors: sensors.value.trim() || null, since: time(from), until: time(to), is_dry_run: isDry };
    // The text counts as it was typed: what is published must not be of more sensors than those named.
    const whose = order.sensors ? `the sensors that fit ${order.sensors}` : 'all sensors';
    if (!isDry && !(await confirmation(`Score these windows of ${whose} again, and publish the verdicts as their next revision?`, 'Run now'))) return;
    try {
      const asked = await post('run-orders', order);
      result.say(`Order ${asked.id}: ${counted(asked.windows, 'window')} to score.`);
      refresh();
    } catch (problem) {
      result.sayProblem(problem);
    }
  }

  async function cancel(id) {
    try {
      await post(`run-orders/${id}/cancel`);
      refresh();
    } catch (problem) {
      result.sayProblem(problem);
    }
  }

  /** The sensors that differ are in the answer about one order only. */
  async function showChanged(event, id) {
    const place = event.currentTarget.querySelector('.changed');
    if (!event.currentTarget.open || place.childElementCount > 0) return;
    try {
      const { comparison } = await get(`run-orders/${id}`, {});
      replace(place, changedTable(comparison));
    } catch (problem) {
      replace(place, problemNote(problem));
    }
  }

  function row(order) {
    const [words, shape] = STATES[order.state] ?? [order.state, 'no_model'];
    const isOver = ['finished', 'cancelled', 'failed'].includes(order.state);
    const { comparison: { new: now, gone, unchanged, changed_sensors: changed }, current } = order;
    return h('li', { 'data-order': order.id },
      h('span', { class: 'badge' }, stateShape(shape), words), ` ${order.request}. `,
      h('progress', { max: order.windows, value: order.windows_done + (current && current.sensors > 0 ? current.answered / current.sensors : 0), 'aria-label': `Windows of order ${order.id} that are done` }),
      ` ${count(order.windows_done)} of ${counted(order.windows, 'window')}. `,
      h('b', {}, `${count(now)} new, ${count(gone)} gone, ${count(unchanged)} unchanged`), ' anomalies. ',
      order.first_run !== null && h('a', { href: `#/runs/${order.last_run}` }, `Run ${order.last_run}`),
      order.problem && h('p', { class: 'note problem' }, order.problem),
      !isOver && operatorButton('Cancel', () => cancel(order.id), 'quiet'),
      isOver && changed > 0 && h('details', { ontoggle: (event) => showChanged(event, order.id) },
        h('summary', {}, `${counted(changed, 'sensor')} differ${changed === 1 ? 's' : ''}`), h('div', { class: 'changed' })));
  }

  let shown = '';
  function show({ items }) {
    const key = JSON.stringify(items);
    if (key === shown) return;
    shown = key;
    replace(list, items.length > 0 && h('ul', { class: 'plain-list' }, items.map(row)));
  }
  const refresh = () => get('run-orders', {}).then(show, () => {});
  const close = poll(2, (signal) => get('run-orders', {}, signal), show, (problem) => replace(list, problemNote(problem)));
  const element = h('section', { class: 'panel', 'aria-label': 'Run now' },
    h('details', {},
      h('summary', {}, 'Run now'),
      h('p', { class: 'muted' }, 'Windows that were scored are scored again with the models of today, whenever no run is due. Without times it is the last window.'),
      h('form', { class: 'export-form', onsubmit: (event) => event.preventDefault() },
        h('label', {}, 'Group', group), h('label', {}, 'Sensors', sensors), h('label', {}, 'From', from), h('label', {}, 'to', to),
        h('label', { class: 'check' }, 'Only compare, store nothing', dry),
        operatorButton('Score again', ask, 'primary')),
      result.element),
    list);
  return { element, close };
}

function changedTable(comparison) {
  return h('div', { class: 'scroller', tabindex: '0', role: 'region', 'aria-label': 'Sensors that differ' },
    h('table', { class: 'list cards' },
      h('thead', {}, h('tr', {}, ['Sensor', 'New', 'Gone', 'Unchanged'].map((words) => h('th', { scope: 'col' }, words)))),
      h('tbody', {}, comparison.most_changed.map((one) => h('tr', {},
        h('td', { 'data-label': 'Sensor' }, h('a', { href: `#/${sensorPath(one.sensor)}` }, one.sensor)),
        h('td', { 'data-label': 'New', class: 'number' }, count(one.new)),
        h('td', { 'data-label': 'Gone', class: 'number' }, count(one.gone)),
        h('td', { 'data-label': 'Unchanged', class: 'number' }, count(one.unchanged)))))));
}
