// All sensors, filtered by name and state.

import { get, poll, sensorPath } from './api.js';
import { filterBox, h, heading, replace } from './elements.js';
import { verdictWords } from './explanation.js';
import { conditionBadge } from './condition_badges.js';
import { count, number, score } from './format.js';
import { groupBar } from './group_bar.js';
import { pagedList } from './paged_list.js';
import { patternOf } from './sensor_filter.js';
import { STATES, stateBadge, stateShape, stateWords } from './states.js';
import { noteDaemonTime, timeElement } from './time.js';

export const title = 'Sensors';

/** The conditions that the state does not tell. */
const beside = ({ state, conditions }) => conditions.filter(({ condition }) => condition !== state);

export function view(root, { query, setQuery }) {
  let text = query.get('pattern') ?? '';
  let state = STATES.includes(query.get('state')) ? query.get('state') : null;
  const groups = groupBar(query.get('group'), (group) => { setQuery({ group }); list.reload(); }, { canChooseAll: true });
  const chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'States' });

  const list = pagedList({
    label: 'Sensors',
    columns: [['State'], ['Sensor', 'nowrap'], ['Value', 'number'], ['Last seen'], ['State since'], ['Score', 'number'], ['What its model says', 'wide']],
    key: (sensor) => sensor.name,
    rowClass: (sensor) => sensor.state,
    row: (sensor) => [
      h('span', { class: 'badges' }, stateBadge(sensor.state), beside(sensor).map(conditionBadge)),
      h('a', { href: `#/${sensorPath(sensor.name)}` }, sensor.name),
      number(sensor.last_value),
      timeElement(sensor.last_seen, 'ago'),
      sensor.since ? timeElement(sensor.since, 'short') : '–',
      score(sensor.verdict?.score),
      sensor.verdict ? verdictWords(sensor.verdict) : h('span', { class: 'muted' }, sensor.has_model ? 'no verdict yet' : 'no model'),
    ],
    ask: (after, signal) => get('sensors', { group: groups.chosen(), pattern: patternOf(text), state, after, limit: 100 }, signal),
    empty: () => (text || state || groups.chosen() ? 'No sensor fits. Change the filter.' : 'No sensor has sent anything yet. Rejects show what came and was not accepted.'),
  });

  function choose(next) {
    state = state === next ? null : next;
    setQuery({ state });
    showChips(counts);
    list.reload();
  }

  let counts = null;
  function showChips(next) {
    counts = next;
    if (!counts) return;
    const focused = chips.contains(document.activeElement) ? document.activeElement.dataset.state : null;
    replace(chips, STATES.filter((one) => counts[one] > 0 || one === state).map((one) =>
      h('button', { type: 'button', class: 'chip', 'data-state': one, 'aria-pressed': String(one === state), onclick: () => choose(one) },
        stateShape(one), stateWords(one), h('b', {}, count(counts[one])))));
    if (focused) chips.querySelector(`[data-state="${focused}"]`)?.focus();
  }

  replace(root,
    heading('Sensors'),
    h('div', { class: 'toolbar' },
      filterBox('Filter sensors', (words) => { text = words; setQuery({ pattern: words }); list.reload(); }, { value: text, placeholder: 'flow, press-1/*, …' }),
      groups.element, chips),
    h('div', { class: 'panel' }, list.element));
  let isFirst = true;
  // The status tells the daemon's time, by which "ago" is counted.
  const close = poll(10, async (signal) => {
    await groups.refresh(signal);
    return get('status', {}, signal);
  }, (status) => {
    noteDaemonTime(status.now);
    showChips(status.sensors);
    if (isFirst) list.reload();
    else list.refresh();
    isFirst = false;
  }, () => { if (isFirst) list.reload(); });
  return () => { close(); list.close(); };
}
