// Keys that lead to the views, and the dialog that lists them.

import { h } from './elements.js';

const GO = {
  n: ['now', 'Now'], s: ['sensors', 'Sensors'], o: ['conditions', 'Conditions'], u: ['unusual', 'Most unusual'], r: ['runs', 'Runs'], m: ['models', 'Models'],
  c: ['connections', 'Connections'], j: ['rejects', 'Rejects'], d: ['store', 'Store'], f: ['configuration', 'Configuration'],
};
const OTHERS = [
  ['/', 'Filter the list, where there is one'], ['← ↑ → ↓', 'Move in the tiles and in the timeline'],
  ['Home End', 'The first and the last of the row'], ['Enter', 'Go to what is marked'],
  ['Space', 'Show the sensors of a device in the timeline'], ['Esc', 'Close a dialog or the menu'], ['?', 'This list'],
  ['+ −', 'A sensor: zoom'], ['← →', 'A sensor: earlier and later; with Shift, move the cursor'],
  [', .', 'A sensor: the anomaly before and behind'], ['0', 'A sensor: the last day'], ['t', 'A sensor: as a table'],
];
const FOLLOWS_WITHIN = 1200;

/** Listens to the keys. */
export function beginShortcuts() {
  let goSince = -Infinity;
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select, dialog')) return;
    if (event.key === '?') {
      showShortcuts();
    } else if (event.key === '/') {
      const filter = document.querySelector('main .filter');
      if (!filter) return;
      event.preventDefault();
      filter.focus();
    } else if (event.key === 'g') {
      goSince = event.timeStamp;
    } else if (GO[event.key] && event.timeStamp - goSince < FOLLOWS_WITHIN) {
      goSince = -Infinity;
      location.hash = `#/${GO[event.key][0]}`;
    }
  });
}

/** Shows the list of keys. */
export function showShortcuts() {
  const row = (keys, words) => h('div', null, h('dt', null, keys.map((key) => h('kbd', null, key))), h('dd', null, words));
  const dialog = h('dialog', { class: 'keys', 'aria-labelledby': 'keys-title', onclose: () => dialog.remove() },
    h('form', { method: 'dialog' },
      h('h2', { id: 'keys-title' }, 'Keys'),
      h('dl', null,
        Object.entries(GO).map(([key, [, words]]) => row(['g', key], words)),
        OTHERS.map(([keys, words]) => row(keys.split(' '), words))),
      h('div', { class: 'actions' }, h('button', { class: 'primary' }, 'Close'))));
  document.body.append(dialog);
  dialog.showModal();
}
