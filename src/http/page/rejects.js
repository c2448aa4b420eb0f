// Inputs that were not accepted: of which kind, why, and what would be. One of them can be tested again and replayed.

import { get, listen } from './api.js';
import { filterBox, h, heading, problemNote, replace } from './elements.js';
import { count } from './format.js';
import { pagedList } from './paged_list.js';
import { rejectPanel } from './reject.js';
import { routeTestForm } from './route_test.js';
import { timeElement } from './time.js';

export const title = 'Rejects';

export function view(root, { path, query, setQuery }) {
  if (path[0]) return one(root, path[0]);
  let kind = query.get('kind');
  let kinds = [];
  const chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Kinds' });
  const list = pagedList({
    label: 'Rejects',
    columns: [['Received'], ['Kind', 'nowrap'], ['From', 'nowrap wide'], ['Why, and what would be accepted', 'wide'], ['Input', 'wide']],
    key: (reject) => reject.id,
    text: (reject) => `${reject.origin} ${reject.kind} ${reject.reason} ${reject.excerpt}`,
    row: (reject) => [
      h('a', { href: `#/rejects/${encodeURIComponent(reject.id)}` }, timeElement(reject.received, 'short')),
      kindWords(reject.kind),
      h('span', { class: 'code' }, reject.origin),
      reject.reason,
      h('span', { class: 'code excerpt' }, reject.excerpt),
    ],
    ask: async (after, signal) => {
      const answer = await get('rejects', { kind, after, limit: 100 }, signal);
      // A list of one kind may count that kind alone; the chips go on to show all.
      if (!kind || kinds.length === 0) kinds = answer.kinds;
      showChips();
      return answer;
    },
    empty: () => (kind ? 'No reject of this kind is kept.' : 'Everything that came in was accepted.'),
  });

  function showChips() {
    const focused = chips.contains(document.activeElement) ? document.activeElement.dataset.kind : null;
    replace(chips, kinds.map((one) => h('button', {
      type: 'button', class: 'chip', 'data-kind': one.kind, 'aria-pressed': String(one.kind === kind),
      onclick: () => { kind = kind === one.kind ? null : one.kind; setQuery({ kind }); list.reload(); },
    }, kindWords(one.kind), h('b', {}, count(one.count)))));
    if (focused) chips.querySelector(`[data-kind="${CSS.escape(focused)}"]`)?.focus();
  }

  replace(root,
    heading('Rejects'),
    h('div', { class: 'panel' },
      h('div', { class: 'toolbar' }, filterBox('Filter rejects', list.filter, { placeholder: 'topic, reason, …' }), chips),
      list.element),
    h('section', { class: 'panel' }, h('details', { class: 'route-tester' },
      h('summary', {}, h('h2', {}, 'Test a message'), h('span', { class: 'muted' }, 'which route takes it, which readings it holds, what the filters say')),
      routeTestForm())));
  list.reload();
  let timer = null;
  const stop = listen(['reject'], null, () => {
    timer ??= setTimeout(() => { timer = null; list.refresh(); }, 2000);
  });
  return () => { clearTimeout(timer); stop(); list.close(); };
}

function one(root, id) {
  const asking = new AbortController();
  const place = h('div', { class: 'reject' });
  replace(root,
    h('nav', { class: 'crumbs', 'aria-label': 'Where this is' }, h('a', { href: '#/rejects' }, 'Rejects')),
    heading('Reject'), place);
  get(`rejects/${encodeURIComponent(id)}`, {}, asking.signal).then(
    (reject) => replace(place, rejectPanel(reject)),
    (problem) => { if (problem.name !== 'AbortError') replace(place, problemNote(problem)); });
  return () => asking.abort();
}

/** `no_route` as "no route". */
export function kindWords(kind) {
  return kind.replaceAll('_', ' ');
}
