// The groups of sensors, of which one is chosen: the first level of what is shown by windows. Where all sensors are in one
// group, nothing shows.

import { get } from './api.js';
import { h, replace } from './elements.js';
import { count, counted } from './format.js';
import { STATES, stateShape, stateWords } from './states.js';

const TROUBLED = ['anomalous', 'failed', 'silent'];

/**
 * The bar. `chosen` is the name of a group, or null for the first with sensors; with `canChooseAll` null stands for all.
 * `onChoice` is called with the name of the group that is shown from then on.
 */
export function groupBar(chosen, onChoice, { canChooseAll = false } = {}) {
  const element = h('div', { class: 'chips groups', role: 'group', 'aria-label': 'Groups', hidden: true });
  let shown = null;

  function choose(name) {
    chosen = canChooseAll && chosen === name ? null : name;
    draw();
    onChoice(chosen);
  }

  function draw() {
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.group : null;
    element.hidden = shown.length < 2;
    replace(element, shown.map(({ name, pattern, sensors }) => {
      const worst = STATES.find((state) => TROUBLED.includes(state) && sensors[state] > 0);
      const words = TROUBLED.filter((state) => sensors[state] > 0).map((state) => `${count(sensors[state])} ${stateWords(state)}`);
      return h('button', {
        type: 'button', class: 'chip', 'data-group': name, 'aria-pressed': String(name === chosen), onclick: () => choose(name),
        title: [`${counted(sensors.known, 'sensor')} (${pattern})`, ...words].join(', '),
      }, worst && stateShape(worst), name, h('b', {}, count(sensors.known)));
    }));
    if (focused) element.querySelector(`[data-group="${CSS.escape(focused)}"]`)?.focus();
  }

  return {
    element,
    /** The chosen group; null before the groups are known. */
    chosen: () => chosen,
    /** Asks how the groups are. */
    async refresh(signal) {
      const groups = await get('groups', null, signal);
      if (groups === shown) return;
      shown = groups;
      const isThere = groups.some(({ name }) => name === chosen);
      if (groups.length < 2) {
        chosen = null;
      } else if (!isThere && !(canChooseAll && chosen === null)) {
        chosen = (groups.find(({ sensors }) => sensors.known > 0) ?? groups[groups.length - 1]).name;
        onChoice(chosen);
      }
      draw();
    },
  };
}
