// The store: what takes how much, how full the disk is, and the ways out of it: tables for other programs, a backup, a check.

import { address, get, poll } from './api.js';
import { h, heading, problemNote, replace } from './elements.js';
import { fact } from './fact_list.js';
import { bytes, count, share } from './format.js';
import { operatorButton } from './operator.js';
import { rfc3339, timeElement } from './time.js';

export const title = 'Store';

const TABLES = [
  ['intervals', 'Intervals: mean, lowest and highest'], ['readings', 'Readings, where they are kept'], ['verdicts', 'Verdicts'], ['runs', 'Runs'], ['rejects', 'Rejects'],
];
const FORMATS = [['csv', 'CSV'], ['jsonl', 'JSON lines'], ['parquet', 'Parquet']];

export function view(root) {
  const disk = h('section', { class: 'panel', 'aria-label': 'Disk' });
  const pieces = h('section', { class: 'panel', 'aria-label': 'What takes how much' });
  const checked = h('div', { class: 'result', 'aria-live': 'polite' });
  const ending = new AbortController();
  replace(root,
    heading('Store', operatorButton('Backup', () => { location.href = address('store/backup'); })),
    disk, exportPanel(),
    h('section', { class: 'panel', 'aria-label': 'Check' },
      h('div', { class: 'toolbar' }, h('h2', {}, 'Check'), h('button', { type: 'button', onclick: check }, 'Look at every checksum')), checked),
    pieces);

  async function check() {
    replace(checked, h('p', { class: 'muted' }, 'Reading the whole store …'));
    try {
      const response = await fetch(address('store/check'), { signal: ending.signal });
      const body = await response.text();
      if (!response.ok) throw new Error(JSON.parse(body).detail);
      const lines = body.trim().split('\n').map((line) => JSON.parse(line));
      const total = lines.pop();
      const entries = total.parts.reduce((sum, part) => sum + part.entries, 0);
      replace(checked,
        h('p', { class: total.findings > 0 ? 'note problem' : 'note done' }, total.findings > 0
          ? `${count(total.findings)} of ${count(entries)} entries are damaged. Stop the daemon and run "anomalyd store repair".`
          : `All ${count(entries)} entries are sound.`),
        h('ul', { class: 'warnings' }, lines.map((finding) => h('li', {}, `${finding.problem}: ${finding.cost}`))));
    } catch (problem) {
      if (problem.name !== 'AbortError') replace(checked, problemNote(problem));
    }
  }

  const closeDisk = poll(15, (signal) => get('status', {}, signal), (status) => replace(disk, diskFacts(status.disk)), (problem) => replace(disk, problemNote(problem)));
  const closePieces = poll(120, (signal) => get('store/stat', {}, signal), (statistics) => replace(pieces, tables(statistics)), (problem) => replace(pieces, problemNote(problem)));
  return () => { closeDisk(); closePieces(); ending.abort(); };
}

function diskFacts(disk) {
  const used = disk.total_bytes === null || disk.free_bytes === null ? null : disk.total_bytes - disk.free_bytes;
  return [
    meter('Store', disk.store_bytes, disk.store_max_bytes, 'of what it may take (store.max_size)'),
    used !== null && meter('Disk', used, disk.total_bytes, 'in use by all programs'),
    h('dl', { class: 'fact-list' },
      fact('Free', bytes(disk.free_bytes)),
      fact('Full', disk.full_at ? timeElement(disk.full_at, 'full') : 'not at this pace'),
      fact('Written a day', disk.written_bytes_per_day === null ? 'known after ten minutes' : bytes(disk.written_bytes_per_day))),
  ];
}

function meter(words, used, all, what) {
  return h('div', { class: 'meter-row' },
    h('span', {}, words),
    h('meter', { 'aria-label': words, min: '0', max: String(all), value: String(used), high: String(all * 0.9), low: String(all * 0.75), optimum: '0' }),
    h('span', {}, h('b', {}, bytes(used)), ` of ${bytes(all)}, ${share(used / all)} `, h('span', { class: 'muted' }, what)));
}

function tables({ pieces, tables: entries }) {
  const list = (label, columns, rows) => h('div', { class: 'scroller', tabindex: '0', role: 'region', 'aria-label': label },
    h('table', { class: 'list cards' },
      h('thead', {}, h('tr', {}, columns.map((words, i) => h('th', { scope: 'col', class: i > 0 ? 'number' : null }, words)))),
      h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map((cell, i) => h('td', { class: i > 0 ? 'number' : null, 'data-label': columns[i] }, cell)))))));
  return [
    h('h2', {}, 'What takes how much'),
    list('Files', ['File or folder', 'On the disk'], pieces.map((piece) => [h('span', { class: 'code' }, piece.name), bytes(piece.bytes)])),
    h('h2', {}, 'Tables'),
    list('Tables', ['Table', 'Entries', 'Size', 'Oldest', 'Newest'], entries.map((table) => [
      table.name, count(table.entries), bytes(table.bytes), dayOf(table.oldest), dayOf(table.newest),
    ])),
  ];
}

/** A time in nanoseconds since 1970, or none. */
function dayOf(nanoseconds) {
  return nanoseconds === null ? '–' : timeElement(Number(nanoseconds) / 1e9, 'short');
}

/** The form that gets a table for other programs. */
function exportPanel() {
  const table = h('select', { name: 'table' }, TABLES.map(([value, words]) => h('option', { value }, words)));
  const format = h('select', {}, FORMATS.map(([value, words]) => h('option', { value }, words)));
  const sensor = h('input', { class: 'code', placeholder: 'all, or press-1/*', spellcheck: 'false', autocomplete: 'off' });
  const since = h('input', { type: 'datetime-local' });
  const until = h('input', { type: 'datetime-local' });
  function submitted(event) {
    event.preventDefault();
    const time = (input) => (input.value ? rfc3339(new Date(input.value)) : null);
    const link = h('a', {
      href: address(`export/${table.value}`, { format: format.value, sensor: sensor.value.trim(), since: time(since), until: time(until) }),
      download: `${table.value}.${format.value}`,
    });
    link.click();
  }
  return h('section', { class: 'panel', 'aria-label': 'Export' },
    h('h2', {}, 'Export'),
    h('form', { class: 'export-form', onsubmit: submitted },
      h('label', {}, 'Table', table), h('label', {}, 'Format', format), h('label', {}, 'Sensors', sensor),
      h('label', {}, 'From', since), h('label', {}, 'Until', until),
      h('button', { type: 'submit', class: 'primary' }, 'Download')));
}
