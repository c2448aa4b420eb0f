// The configuration in force, how the file differs from it, and which release this is.

import { get, poll } from './api.js';
import { filterBox, h, heading, problemNote, replace } from './elements.js';
import { fact } from './fact_list.js';
import { stateShape } from './states.js';
import { timeElement } from './time.js';

export const title = 'Configuration';

const STATES = {
  in_force: ['ok', 'The file is in force.'],
  changed: ['warning', 'The file was changed. A restart puts it in force.'],
  invalid: ['error', 'The file was changed, and has mistakes. A restart would refuse it.'],
  unreadable: ['error', 'The file cannot be read.'],
};

export function view(root) {
  let wanted = '';
  let configuration = null;
  const state = h('section', { class: 'panel', 'aria-label': 'State' });
  const text = h('pre', { class: 'configuration-text', tabindex: '0', 'aria-label': 'Configuration in force' });
  const found = h('p', { class: 'muted', role: 'status' });
  const release = h('section', { class: 'panel', 'aria-label': 'Release' });

  function showText() {
    if (!configuration) return;
    const lines = configuration.text.split('\n');
    const shown = wanted ? keptLines(lines, wanted) : lines;
    found.textContent = wanted ? `${shown.filter((line) => line.toLowerCase().includes(wanted)).length} lines fit, each below its section.` : '';
    replace(text, shown.map((line) => h('span', { class: lineClass(line) }, `${line}\n`)));
  }

  replace(root,
    heading('Configuration'), state,
    h('section', { class: 'panel', 'aria-label': 'Text' },
      h('div', { class: 'toolbar' }, h('h2', {}, 'In force'),
        filterBox('Filter lines', (words) => { wanted = words.toLowerCase(); showText(); }, { placeholder: 'window, token, …' }), found),
      text),
    release);

  const close = poll(15, (signal) => get('configuration', {}, signal), (answer) => {
    const [shape, words] = STATES[answer.state];
    replace(state,
      h('p', { class: 'server-state' }, stateShape(shape), h('b', {}, words)),
      answer.differences.length > 0 && h('ul', { class: 'differences code' }, answer.differences.map((line) => h('li', {}, line))),
      h('dl', { class: 'fact-list' }, fact('File', h('span', { class: 'code' }, answer.file)), fact('Read', timeElement(answer.read, 'full'))));
    const isSame = configuration?.text === answer.text;
    configuration = answer;
    if (!isSame) showText();
  }, (problem) => { if (!configuration) replace(state, problemNote(problem)); });

  const asking = new AbortController();
  get('version', {}, asking.signal).then((version) => replace(release,
    h('h2', {}, 'Release'),
    h('dl', { class: 'fact-list' },
      fact('Version', version.version), fact('Process', String(version.process)), fact('Runs as', version.user),
      fact('Store', h('span', { class: 'code' }, version.store)),
      each('Listens', version.listens), each('Connects to', version.connects), each('Reads', version.reads), each('Writes', version.writes))),
  (problem) => { if (problem.name !== 'AbortError') replace(release, problemNote(problem)); });
  return () => { close(); asking.abort(); };
}

function each(words, lines) {
  return fact(words, lines.length === 0 ? 'nothing' : h('ul', {}, lines.map((line) => h('li', { class: 'code' }, line))));
}

/** The lines that hold a text, each section's header above its own. */
function keptLines(lines, wanted) {
  const kept = [];
  let header = null;
  for (const line of lines) {
    if (/^\s*\[/.test(line)) header = line;
    if (!line.toLowerCase().includes(wanted)) continue;
    if (header !== null && header !== line) kept.push(header);
    header = null;
    kept.push(line);
  }
  return kept;
}

function lineClass(line) {
  if (/^\s*#/.test(line)) return 'comment';
  return /^\s*\[/.test(line) ? 'section' : null;
}
