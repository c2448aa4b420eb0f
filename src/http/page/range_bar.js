// The buttons above the charts: the last hours or days, a range that one types, nearer and farther, earlier and later.

import { h, replace } from './elements.js';
import { chosen, RANGES } from './series_range.js';
import { clockWords, dayWords, isUtcHere, span, utc } from './time.js';

/** Builds the bar. `on` has `choose(range)`, `last(name)`, `zoom(factor)`, `pan(share)`. */
export function rangeBar(on) {
  const buttons = RANGES.map(({ name, words }) =>
    h('button', { type: 'button', 'aria-pressed': 'false', 'data-range': name, onclick: () => on.last(name) }, words));
  const from = h('input', { type: 'datetime-local', step: '1', required: true });
  const to = h('input', { type: 'datetime-local', step: '1', required: true });
  const own = h('details', { class: 'own-range', onkeydown: closeByEscape },
    h('summary', {}, 'Range'),
    h('form', { onsubmit: submitted },
      h('label', {}, 'From', from), h('label', {}, 'to', to),
      h('button', { type: 'submit', class: 'primary' }, 'Show')));
  const shown = h('p', { class: 'range-said muted' });
  const element = h('div', { class: 'range-bar' },
    h('div', { class: 'choice', role: 'group', 'aria-label': 'Range of time' }, buttons),
    own,
    h('div', { class: 'choice', role: 'group', 'aria-label': 'Move and zoom' },
      button('←', 'Earlier', () => on.pan(-0.5)), button('−', 'Zoom out', () => on.zoom(2)),
      button('+', 'Zoom in', () => on.zoom(0.5)), button('→', 'Later', () => on.pan(0.5))),
    shown);

  function closeByEscape(event) {
    if (event.key !== 'Escape' || !own.open) return;
    own.open = false;
    own.firstElementChild.focus();
  }

  function submitted(event) {
    event.preventDefault();
    const [since, until] = [new Date(from.value) / 1000, new Date(to.value) / 1000];
    if (Number.isFinite(since) && Number.isFinite(until) && since !== until) on.choose(chosen(since, until));
    own.open = false;
  }

  return {
    element,
    words: rangeWords,
    show(range) {
      for (const one of buttons) one.setAttribute('aria-pressed', String(one.dataset.range === range.name));
      if (!own.open) [from.value, to.value] = [localInput(range.since), localInput(range.until)];
      replace(shown, h('span', { title: `${utc(range.since)} to ${utc(range.until)}` }, rangeWords(range)));
    },
  };
}

function button(sign, label, onclick) {
  return h('button', { type: 'button', 'aria-label': label, title: label, onclick }, sign);
}

/** "Tue 3 Mar 08:00 to 14:00 (07:00 to 13:00 UTC), 6 h". */
function rangeWords({ since, until }) {
  const endDay = dayWords(since) === dayWords(until) ? '' : `${dayWords(until)} `;
  const utcClock = (time) => utc(time).slice(11, 16);
  const beside = isUtcHere(since) ? ' UTC' : ` (${utcClock(since)} to ${utcClock(until)} UTC)`;
  return `${dayWords(since)} ${clockWords(since)} to ${endDay}${clockWords(until)}${beside}, ${span(until - since)}`;
}

/** A time as an input of type datetime-local has it. */
function localInput(seconds) {
  const date = new Date(Math.round(seconds) * 1000);
  return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}
