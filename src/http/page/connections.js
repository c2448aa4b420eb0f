// Who is connected, who failed to, and how the broker is.

import { get, poll } from './api.js';
import { emptyNote, filterBox, h, heading, problemNote, replace } from './elements.js';
import { fact } from './fact_list.js';
import { count } from './format.js';
import { stateShape } from './states.js';
import { timeElement } from './time.js';

export const title = 'Connections';

export function view(root) {
  let wanted = '';
  let answer = null;
  const servers = h('div', { class: 'servers' });
  const connected = h('div', {});
  const failed = h('div', {});

  function show() {
    if (!answer) return;
    replace(servers,
      server('Own endpoint', answer.listener, 'It is off; devices connect to the broker.'),
      server('Broker', answer.broker, 'None is configured; devices connect to the own endpoint.'));
    const fits = (...texts) => texts.some((text) => text?.toLowerCase().includes(wanted));
    const clients = answer.connected.filter(({ client, address }) => fits(client, address));
    replace(connected,
      h('h2', {}, 'Connected'),
      table('Connected devices', ['Client', 'From', 'Since', 'Messages', 'Last message'], clients, (one) => [
        h('span', { class: 'code' }, one.client), h('span', { class: 'code' }, one.address), timeElement(one.since, 'short'), count(one.messages),
        timeElement(one.last_message, 'ago'),
      ], wanted ? 'No connected device fits the filter.' : 'No device is connected to the own endpoint.'),
      answer.total > answer.connected.length && h('p', { class: 'muted' }, `${count(answer.connected.length)} of ${count(answer.total)} are shown.`));
    const failures = answer.failed.filter(({ client, address, reason }) => fits(client, address, reason));
    replace(failed,
      h('h2', {}, 'Failed'),
      table('Connections that failed', ['Last', 'Client', 'From', 'How often', 'Why, and what to do'], failures, (one) => [
        timeElement(one.last, 'ago'), one.client ? h('span', { class: 'code' }, one.client) : h('span', { class: 'muted' }, 'not told'),
        h('span', { class: 'code' }, one.address), count(one.count), one.reason,
      ], wanted ? 'No failure fits the filter.' : 'No connection failed.'));
  }

  replace(root,
    heading('Connections', filterBox('Filter connections', (words) => { wanted = words.toLowerCase(); show(); }, { placeholder: 'client, address, reason' })),
    servers,
    h('div', { class: 'panel' }, failed),
    h('div', { class: 'panel' }, connected));
  return poll(5, (signal) => get('connections', {}, signal), (next) => { answer = next; show(); }, (problem) => { if (!answer) replace(servers, problemNote(problem)); });
}

function server(words, one, off) {
  return h('section', { class: 'panel server', 'aria-label': words },
    h('h2', {}, words),
    one === null ? emptyNote(off) : [
      h('p', { class: 'server-state' }, stateShape(one.is_up ? 'ok' : 'failed'), h('b', {}, one.is_up ? 'reachable' : 'not reachable'),
        one.since && h('span', { class: 'muted' }, ' since ', timeElement(one.since, 'short'))),
      one.problem && h('p', { class: 'bad-words' }, one.problem),
      h('dl', { class: 'fact-list' }, fact('Address', h('span', { class: 'code' }, one.address)), fact('Messages since the start', count(one.messages))),
    ]);
}

function table(label, columns, entries, row, empty) {
  if (entries.length === 0) return emptyNote(empty);
  return h('div', { class: 'scroller', tabindex: '0', role: 'region', 'aria-label': label },
    h('table', { class: 'list cards' },
      h('thead', {}, h('tr', {}, columns.map((words) => h('th', { scope: 'col' }, words)))),
      h('tbody', {}, entries.map((entry) => h('tr', {}, row(entry).map((cell, i) => h('td', { 'data-label': columns[i], class: columns[i].startsWith('Why') ? 'wide' : null }, cell)))))));
}
