// A tile a device, by its worst sensor. However many devices there are, only the tiles in sight are elements.

import { CONDITIONS, conditionWord } from './condition_badges.js';
import { h, replace } from './elements.js';
import { count, counted } from './format.js';
import { link } from './router.js';
import { STATES, stateShape, stateWords } from './states.js';
import { TimelineRows } from './timeline_rows.js';
import { virtualRows } from './virtual_rows.js';

const LARGE = { width: 168, height: 62, gap: 8 };
const SMALL = { width: 132, height: 34, gap: 6 };
const LARGE_UP_TO = 60;

/** The panel of tiles. */
export function tiles(group) {
  const counts = h('div', { class: 'counts' });
  const grid = h('div', {
    class: 'scroller tile-grid', role: 'group', 'aria-label': 'Devices', onkeydown: move, onfocusin: note,
  });
  const element = h('section', { class: 'panel tiles', 'aria-labelledby': 'devices-title' },
    h('div', { class: 'heading' },
      h('h2', { id: 'devices-title' }, 'Devices'), h('span', { class: 'muted' }, 'the worst first'), counts),
    grid);
  const rows = new TimelineRows(() => ({ group: group(), by: 'device', order: 'worst' }), changed);
  let size = LARGE;
  let columns = 1;
  let current = 0;
  const list = virtualRows(grid, {
    rowHeight: size.height + size.gap, count: 0, row: tileRow,
    onSight: (first, end) => rows.want(first * columns, end * columns),
  });
  const resized = new ResizeObserver(layOut);
  resized.observe(grid);

  function layOut() {
    const wanted = rows.total > LARGE_UP_TO ? SMALL : LARGE;
    const fitting = Math.max(1, Math.floor((grid.clientWidth + wanted.gap) / (wanted.width + wanted.gap)));
    const isChanged = fitting !== columns || wanted !== size;
    columns = fitting;
    size = wanted;
    grid.classList.toggle('small', size === SMALL);
    list.setRowHeight(size.height + size.gap);
    list.setCount(Math.ceil(rows.total / columns));
    if (isChanged) list.refresh();
  }

  function changed() {
    layOut();
    list.refresh((row) => row.querySelector('[tabindex="0"]'));
  }

  function tileRow(index) {
    const first = index * columns;
    const end = Math.min(rows.total, first + columns);
    return h('div', { class: 'tile-row', vars: { '--columns': columns } },
      Array.from({ length: end - first }, (_, place) => tile(first + place)));
  }

  function tile(index) {
    const row = rows.at(index);
    const tabindex = index === current ? 0 : -1;
    if (!row) {
      return h('a', {
        class: 'tile is-coming', href: '#/sensors', 'data-tile': index, tabindex, 'aria-label': 'not fetched yet',
      });
    }
    const words = row.state === 'healthy' ? counted(row.sensors, 'sensor') : stateWords(row.state);
    const conditions = row.with_conditions > 0 ? `${counted(row.with_conditions, 'sensor')} with a condition` : null;
    return h('a', {
      class: `tile ${row.state}`, href: link('sensors', { pattern: `${row.name}/*` }), 'data-tile': index, tabindex,
      title: `${row.name}: ${counted(row.sensors, 'sensor')}, the worst ${stateWords(row.state)}${conditions ? `; ${conditions}` : ''}`,
    }, stateShape(row.state), h('span', { class: 'name' }, row.name), h('span', { class: 'state' }, words),
      conditions && h('span', { class: 'flag' }, stateShape('warning'), h('span', { class: 'visually-hidden' }, conditions)));
  }

  function note(event) {
    const index = Number(event.target.dataset.tile);
    if (Number.isInteger(index)) setCurrent(index);
  }

  function setCurrent(index) {
    grid.querySelector('[tabindex="0"]')?.setAttribute('tabindex', '-1');
    current = index;
    grid.querySelector(`[data-tile="${index}"]`)?.setAttribute('tabindex', '0');
  }

  function move(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(rows.total - 1, current + step));
    list.reveal(Math.floor(next / columns));
    setCurrent(next);
    grid.querySelector(`[data-tile="${next}"]`)?.focus({ preventScroll: true });
  }

  return {
    element,
    showCounts(sensors, conditions) {
      const now = JSON.stringify([sensors, conditions]);
      if (counts.dataset.drawn === now) return;
      counts.dataset.drawn = now;
      // Who is silent is told by the state, unless a sensor has one that comes before it.
      const isTold = (kind) => kind === 'silent' && conditions.silent <= sensors.silent;
      const others = Object.keys(CONDITIONS).filter((kind) => conditions[kind] > 0 && !isTold(kind));
      replace(counts, STATES.filter((state) => sensors[state] > 0).map((state) => h('a', {
        class: 'chip', href: link('sensors', { state }), title: `${counted(sensors[state], 'sensor')}: ${stateWords(state)}`,
      }, stateShape(state), h('b', null, count(sensors[state])), h('span', null, stateWords(state)))),
      others.map((kind) => h('a', {
        class: 'chip', href: link('conditions', { condition: kind }), title: `${counted(conditions[kind], 'sensor')}: ${CONDITIONS[kind][1]}`,
      }, stateShape('warning'), h('b', null, count(conditions[kind])), h('span', null, conditionWord(kind)))));
    },
    refresh: (signal) => rows.refresh(signal),
    forget: () => rows.forget(),
    close() {
      resized.disconnect();
      list.close();
      rows.close();
    },
  };
}
