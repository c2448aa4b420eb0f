// The conditions: what is wrong with the sensors themselves, with or without a model.

import { get, listen, sensorPath } from './api.js';
import { filterBox, h, heading, replace } from './elements.js';
import { CONDITIONS, conditionBadge } from './condition_badges.js';
import { pagedList } from './paged_list.js';
import { patternOf } from './sensor_filter.js';
import { timeElement } from './time.js';

export const title = 'Conditions';

export function view(root, { query, setQuery }) {
  let text = query.get('pattern') ?? '';
  let kind = query.get('condition') in CONDITIONS ? query.get('condition') : '';
  let timer;
  const list = pagedList({
    label: 'Conditions',
    columns: [['Condition'], ['Sensor', 'nowrap'], ['Since'], ['What showed it', 'wide']],
    key: ({ sensor, condition }) => `${sensor} ${condition}`,
    rowClass: () => null,
    row: (one) => [
      conditionBadge(one),
      h('a', { href: `#/${sensorPath(one.sensor)}` }, one.sensor),
      timeElement(one.since, 'short'),
      one.words,
    ],
    ask: (after, signal) => get('conditions', { pattern: patternOf(text), condition: kind, after, limit: 100 }, signal),
    empty: () => (text || kind ? 'No condition fits. Change the filter.' : 'No sensor is silent, stuck, sparse, out of its model\'s range, drifting, or has a wrong clock.'),
  });

  const choose = () => {
    kind = kinds.value;
    setQuery({ condition: kind });
    list.reload();
  };
  const kinds = h('select', { 'aria-label': 'Condition', onchange: choose },
    h('option', { value: '' }, 'All conditions'),
    Object.entries(CONDITIONS).map(([value, [word, meaning]]) => h('option', { value, selected: value === kind }, `${word}: ${meaning}`)));
  replace(root,
    heading('Conditions'),
    h('div', { class: 'panel' },
      h('div', { class: 'toolbar' },
        filterBox('Filter conditions', (words) => { text = words; setQuery({ pattern: words }); list.reload(); }, { value: text, placeholder: 'flow, press-1/*, …' }), kinds),
      list.element));
  list.reload();
  const stop = listen(['condition'], null, () => { clearTimeout(timer); timer = setTimeout(() => list.refresh(), 1000); });
  return () => { clearTimeout(timer); stop(); list.close(); };
}
