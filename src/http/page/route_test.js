// What becomes of a message, in words and reading by reading; and the form that asks it of any message.

import { post } from './api.js';
import { h, problemNote, replace } from './elements.js';
import { fact } from './fact_list.js';
import { number } from './format.js';
import { stateShape } from './states.js';
import { timeElement } from './time.js';

const JUDGEMENTS = {
  accepted: ['counts', 'ok'], passed_over: ['passed over', 'no_model'], held: ['waits for the clock', 'waiting'], rejected: ['rejected', 'failed'],
};

/** What became, or would become, of a message. */
export function routeTest(test) {
  return h('div', { class: 'route-test' },
    h('p', { class: 'route-words' }, test.words),
    h('dl', { class: 'fact-list' },
      fact('Topic', h('span', { class: 'code' }, test.topic)),
      fact('Route', test.route ? h('span', {}, h('span', { class: 'code' }, test.route), h('span', { class: 'muted' }, ` route ${test.number}`)) : 'none takes it'),
      fact('Format', test.format ?? '–')),
    test.readings.length > 0 && h('div', { class: 'scroller', tabindex: '0', role: 'region', 'aria-label': 'Readings' },
      h('table', { class: 'list cards' },
        h('thead', {}, h('tr', {}, ['What becomes of it', 'Sensor', 'Time', 'Value', 'Why'].map((words) => h('th', { scope: 'col' }, words)))),
        h('tbody', {}, test.readings.map(readingRow)))),
    lines('Rejected', test.rejects),
    lines('Passed over', test.passed_over),
    test.judged_by === 'configuration' && h('p', { class: 'muted' }, 'Judged by the configuration alone: lateness, repeats and deadbands depend on what came before.'));
}

function readingRow(reading) {
  const [words, shape] = JUDGEMENTS[reading.judgement];
  return h('tr', { class: reading.judgement === 'rejected' ? 'failed' : null },
    h('td', { 'data-label': 'What becomes of it' }, h('span', { class: 'badge' }, stateShape(shape), words)),
    h('td', { 'data-label': 'Sensor' }, reading.sensor),
    h('td', { 'data-label': 'Time' }, timeElement(reading.time, 'full')),
    h('td', { 'data-label': 'Value' }, number(reading.value)),
    h('td', { 'data-label': 'Why', class: 'wide' }, reading.reason));
}

function lines(words, entries) {
  return entries.length > 0 && h('div', {}, h('h3', {}, words), h('ul', { class: 'warnings' }, entries.map((entry) => h('li', {}, entry))));
}

/** The form: which route takes a message, what it holds, and what the filters say. Nothing is taken in. */
export function routeTestForm() {
  const topic = h('input', { class: 'code', required: true, placeholder: 'plant/press-1/flow', spellcheck: 'false', autocomplete: 'off' });
  const payload = h('textarea', { class: 'code', rows: '4', placeholder: '{"value": 4.1}', spellcheck: 'false' });
  const retained = h('input', { type: 'checkbox' });
  const result = h('div', { class: 'result', 'aria-live': 'polite' });
  async function submitted(event) {
    event.preventDefault();
    try {
      const message = { topic: topic.value, payload: { text: payload.value }, is_retained: retained.checked };
      replace(result, routeTest(await post('routes/test', message)));
    } catch (problem) {
      replace(result, problemNote(problem));
    }
  }
  return h('form', { class: 'route-form', onsubmit: submitted },
    h('label', {}, 'Topic', topic),
    h('label', {}, 'Payload', payload),
    h('label', { class: 'check' }, retained, 'a broker kept it (retained)'),
    h('div', { class: 'actions' }, h('button', { type: 'submit', class: 'primary' }, 'Test'), h('span', { class: 'muted' }, 'Nothing is taken in.')),
    result);
}
