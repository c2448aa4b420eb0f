// One reject: why, the input itself, and what would become of it now.

import { post } from './api.js';
import { confirmation, h, replace } from './elements.js';
import { fact } from './fact_list.js';
import { number } from './format.js';
import { operatorButton, resultNote } from './operator.js';
import { routeTest } from './route_test.js';
import { timeElement } from './time.js';

/** The panel of a reject. */
export function rejectPanel(reject) {
  const note = resultNote();
  const result = h('section', { class: 'panel', 'aria-live': 'polite', 'aria-label': 'What becomes of it', hidden: true });
  let isReplayed = reject.is_replayed === true;

  async function test() {
    try {
      const answer = await post(`rejects/${encodeURIComponent(reject.id)}/test`);
      note.element.replaceChildren();
      show('What would become of it now', answer.result);
    } catch (problem) {
      note.sayProblem(problem);
    }
  }

  async function replay() {
    const again = isReplayed ? ' It was replayed before; what counts already does not count twice.' : '';
    if (!(await confirmation(`Take this input in as if it came now?${again}`, 'Replay'))) return;
    try {
      const answer = await post(`rejects/${encodeURIComponent(reject.id)}/replay${isReplayed ? '?again=true' : ''}`);
      isReplayed = true;
      note.say(`It was replayed. ${answer.result.words}`);
      show('What became of it', answer.result);
    } catch (problem) {
      note.sayProblem(problem);
    }
  }

  function show(words, test) {
    result.hidden = false;
    replace(result, h('h2', {}, words), routeTest(test));
  }

  const canBeTested = reject.payload !== null || Boolean(reject.reading);
  return [
    h('p', { class: 'reason is-now' }, reject.reason),
    h('section', { class: 'panel', 'aria-label': 'The input' },
      h('dl', { class: 'fact-list' },
        fact('Received', timeElement(reject.received, 'full')),
        fact('Kind', reject.kind.replaceAll('_', ' ')),
        fact('From', h('span', { class: 'code' }, reject.topic ?? reject.origin)),
        reject.reading && fact('Reading', `${reject.reading.sensor} ${number(reject.reading.value)} of `, timeElement(reject.reading.time, 'full')),
        reject.is_partial && fact('Part', 'one reading of its message; others may count'),
        reject.is_retained && fact('Retained', 'a broker kept it from earlier'),
        fact('Replayed', isReplayed ? 'yes' : 'no')),
      h('pre', { class: 'payload', tabindex: '0', 'aria-label': 'Input' }, payloadText(reject)),
      canBeTested
        ? h('div', { class: 'actions' }, h('button', { type: 'button', class: 'primary', onclick: test }, 'Test again'), operatorButton('Replay', replay))
        : h('p', { class: 'muted' }, 'The input was not kept whole, so it can be neither tested nor replayed.')),
    note.element, result,
  ];
}

function payloadText({ payload, excerpt }) {
  if (payload === null || payload === undefined) return excerpt;
  if (payload.base64 !== undefined) return `${payload.base64}\n(base64)`;
  try {
    return JSON.stringify(JSON.parse(payload.text), null, 2);
  } catch {
    return payload.text;
  }
}
