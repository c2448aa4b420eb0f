// A list that comes in pages: a table that grows as one scrolls, and filters as one types.

import { emptyNote, h, problemNote, replace } from './elements.js';
import { count } from './format.js';

/** While a filter finds less than this, further pages are asked for by themselves, so many at most. */
const ENOUGH = 30;
const MOST_PAGES = 10;

/**
 * Builds a list. `columns` are `[words, class]`; `row(item)` makes the cells of an item; `ask(after, signal)` gives
 * `{ items, next, total }`; `empty()` says what it means that there is none; `key(item)` tells an item from the others;
 * `rowClass(item)` is optional. With `text(item)` the list filters by itself: by the words that an item shows.
 * Returns `element`, `filter(words)`, `reload()`, `refresh()`, `close()`.
 */
export function pagedList({ label, columns, row, ask, empty, key, rowClass = () => null, text = null }) {
  const body = h('tbody', {});
  const note = h('div', {});
  const status = h('p', { class: 'list-status muted', role: 'status' });
  const more = h('button', { type: 'button', class: 'quiet', hidden: true, onclick: () => load() }, 'Show more');
  const element = h('div', { class: 'paged-list' },
    h('div', { class: 'scroller', tabindex: '0', role: 'region', 'aria-label': label },
      h('table', { class: 'list cards' },
        h('thead', {}, h('tr', {}, columns.map(([words, kind]) => h('th', { scope: 'col', class: kind ?? null }, words)))),
        body)),
    note, h('div', { class: 'list-foot' }, status, more));

  let items = [];
  let next = null;
  let total = null;
  let wanted = '';
  let asking = null;
  const watcher = new IntersectionObserver((seen) => {
    if (seen.some(({ isIntersecting }) => isIntersecting) && !more.hidden) load();
  }, { rootMargin: '300px' });
  watcher.observe(more);

  const isShown = (item) => !text || !wanted || text(item).toLowerCase().includes(wanted);

  /** Asks for the first page anew, or for the next one. */
  async function load({ isFirst = false, isQuiet = false } = {}) {
    if (asking && !isFirst) return;
    asking?.abort();
    const own = new AbortController();
    asking = own;
    if (!isQuiet) status.textContent = 'Asking …';
    try {
      let pages = 0;
      do {
        const answer = await ask(isFirst ? null : next, own.signal);
        if (own.signal.aborted) return;
        items = isFirst ? answer.items : items.concat(answer.items);
        next = answer.next ?? null;
        total = answer.total ?? null;
        isFirst = false;
        pages += 1;
        show();
      } while (next && wanted && text && pages < MOST_PAGES && items.filter(isShown).length < ENOUGH);
    } catch (problem) {
      if (problem.name === 'AbortError') return;
      status.textContent = '';
      replace(note, problemNote(problem));
    } finally {
      if (asking === own) asking = null;
    }
  }

  function show() {
    const shown = items.filter(isShown);
    const focused = document.activeElement?.closest?.('tr')?.dataset.key;
    const hadFocus = focused !== undefined && body.contains(document.activeElement);
    replace(body, shown.map((item) => h('tr', { 'data-key': key(item), class: rowClass(item) },
      row(item).map((cell, i) => labelled(cell, columns[i]))))); 
    if (hadFocus) body.querySelector(`[data-key="${CSS.escape(focused)}"] :is(a, button, summary)`)?.focus({ preventScroll: true });
    replace(note, shown.length === 0 && !next ? emptyNote(wanted && items.length > 0 ? 'Nothing fits the filter.' : empty()) : null);
    element.firstElementChild.hidden = shown.length === 0;
    more.hidden = !next;
    status.textContent = statusWords(shown.length);
  }

  function statusWords(shown) {
    if (items.length === 0) return '';
    const all = total !== null ? ` of ${count(total)}` : next ? ', and there are more' : '';
    if (wanted && text) return `${count(shown)} of the ${count(items.length)} that were looked at fit${next ? '; there are more' : ''}.`;
    return `${count(shown)}${all}.`;
  }

  return {
    element,
    /** Shows what fits `words`; only for lists with a `text`. */
    filter(words) {
      wanted = words.toLowerCase();
      show();
      if (next && items.filter(isShown).length < ENOUGH) load();
    },
    reload: () => load({ isFirst: true }),
    /** Brings the first page up to date, unless one has scrolled on. */
    refresh(pageLength = 100) {
      if (!asking && items.length <= pageLength && !document.hidden) load({ isFirst: true, isQuiet: true });
    },
    close() {
      asking?.abort();
      watcher.disconnect();
    },
  };
}

/** A cell with the words of its column, which a phone shows beside it. */
function labelled(cell, [words, kind]) {
  const td = cell instanceof HTMLTableCellElement ? cell : h('td', { class: kind ?? null }, cell);
  td.dataset.label = words;
  return td;
}
