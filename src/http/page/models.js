// The models: which are at work, since when, whether they are proven, and what is odd about them.

import { get, listen, post, sensorPath } from './api.js';
import { confirmation, filterBox, h, heading, replace } from './elements.js';
import { MODEL_STATES, modelFacts } from './model_facts.js';
import { operatorButton, resultNote } from './operator.js';
import { pagedList } from './paged_list.js';
import { patternOf } from './sensor_filter.js';
import { stateShape } from './states.js';
import { timeElement } from './time.js';

export const title = 'Models';

/** A reload reads all files; the list is asked again when most will have been read. */
const RELOAD_TAKES = 1500;

export function view(root, { query, setQuery }) {
  let text = query.get('pattern') ?? '';
  let state = query.get('state') ?? '';
  let timer;
  const result = resultNote();
  const list = pagedList({
    label: 'Models',
    columns: [['State'], ['Sensor', 'nowrap'], ['Detector', 'nowrap'], ['Proof'], ['At work since'], ['What is odd', 'wide'], ['More', 'nowrap wide']],
    key: (model) => model.sensor,
    rowClass: (model) => MODEL_STATES[model.state]?.[1] ?? null,
    row: (model) => [
      h('span', { class: 'badge' }, stateShape(MODEL_STATES[model.state]?.[1]), MODEL_STATES[model.state]?.[0] ?? model.state),
      h('a', { href: `#/${sensorPath(model.sensor)}` }, model.sensor),
      model.detector?.replaceAll('_', ' ') ?? '–',
      proofBadge(model.is_proven),
      model.since ? timeElement(model.since, 'short') : '–',
      oddities(model),
      h('div', { class: 'toolbar' },
        model.trouble && model.state !== 'probation' && operatorButton(['Release', h('span', { class: 'visually-hidden' }, ` the model of ${model.sensor}`)], () => release(model.sensor, model.sensor)),
        h('details', {}, h('summary', {}, 'Details', h('span', { class: 'visually-hidden' }, ` of the model of ${model.sensor}`)), modelFacts(model))),
    ],
    ask: (after, signal) => get('models', { pattern: patternOf(text), state, after, limit: 100 }, signal),
    empty: () => (text || state ? 'No model fits. Change the filter.' : 'There are no models. Put model files into the folder of models; see the configuration for where it is.'),
  });

  async function reload() {
    if (!(await confirmation('Read the folder of models again? Changed models go to work at once.', 'Reload'))) return;
    try {
      await post('models/reload');
      result.say('The models are being read again. The list shows what came of it.');
      timer = setTimeout(() => list.refresh(), RELOAD_TAKES);
    } catch (problem) {
      result.sayProblem(problem);
    }
  }

  /** Has models tried again that failed: those whose sensors fit the pattern. */
  async function release(pattern, words) {
    if (!(await confirmation(`Try ${words} again? The next failure puts a model aside again.`, 'Release'))) return;
    try {
      const { released } = await post(`models/release?pattern=${encodeURIComponent(pattern)}`);
      result.say(released === 1 ? 'One model is tried again.' : `${released} models are tried again.`);
      list.refresh();
      showTree();
    } catch (problem) {
      result.sayProblem(problem);
    }
  }

  const tree = h('div', { class: 'panel', hidden: true });
  /** Says how many models are in trouble, and which parts of the daemon had to begin anew. */
  async function showTree() {
    const { models, parts, hung_threads: hung } = await get('supervision');
    const counts = [[models.paused, 'paused'], [models.probation, 'on probation'], [models.quarantined, 'not tried any more'], [hung, 'threads hung']];
    const said = counts.filter(([count]) => count > 0).map(([count, words]) => `${count} ${words}`);
    const anew = parts.filter((part) => part.restarts > 0);
    tree.hidden = said.length === 0 && anew.length === 0;
    replace(tree,
      said.length > 0 && h('p', {}, `${models.at_work} models at work, ${said.join(', ')}. `,
        models.paused + models.quarantined > 0 && operatorButton('Release all', () => release('*', 'all models that failed'))),
      anew.map((part) => h('p', { class: part.is_running ? null : 'bad-words' }, `${part.name} began anew ${part.restarts === 1 ? 'once' : `${part.restarts} times`}: ${part.reason}`)));
  }

  const states = h('select', { 'aria-label': 'State', onchange: () => { state = states.value; setQuery({ state }); list.reload(); } },
    h('option', { value: '' }, 'All states'), Object.entries(MODEL_STATES).map(([value, [words]]) => h('option', { value, selected: value === state }, words)));
  replace(root,
    heading('Models', operatorButton('Reload', reload)), result.element, tree,
    h('div', { class: 'panel' },
      h('div', { class: 'toolbar' },
        filterBox('Filter models', (words) => { text = words; setQuery({ pattern: words }); list.reload(); }, { value: text, placeholder: 'flow, press-1/*, …' }), states),
      list.element));
  list.reload();
  const showBoth = () => { list.refresh(); showTree().catch(() => {}); };
  showTree().catch(() => {});
  const stop = listen(['model'], null, () => { clearTimeout(timer); timer = setTimeout(showBoth, 1000); });
  return () => { clearTimeout(timer); stop(); list.close(); };
}

function proofBadge(isProven) {
  if (isProven === null) return h('span', { class: 'muted', title: 'There is no file with expected answers beside it.' }, 'not proven');
  return h('span', { class: 'badge' }, stateShape(isProven ? 'ok' : 'failed'), isProven ? 'proven' : 'other answers');
}

function oddities(model) {
  const words = [model.trouble?.reason, model.problem, ...model.warnings].filter(Boolean);
  if (words.length === 0) return h('span', { class: 'muted' }, 'nothing');
  return h('ul', { class: 'warnings' }, words.map((one) => h('li', {}, one)));
}
