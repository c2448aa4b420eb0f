// The few sensors that were the most unusual of the last day, on the view Now: what was wrong at night shows in the morning.

import { get } from './api.js';
import { emptyNote, h, replace } from './elements.js';
import { rankedSensors } from './ranked_sensors.js';

const SHOWN = 5;

/** The panel. */
export function highlights(group) {
  const list = h('div', { class: 'list-of-highlights' });
  const element = h('section', { class: 'panel highlights', 'aria-labelledby': 'highlights-title' },
    h('div', { class: 'heading' },
      h('h2', { id: 'highlights-title' }, 'Most unusual'), h('span', { class: 'muted' }, 'of the last 24 hours'),
      h('a', { class: 'actions', href: '#/unusual' }, 'All')),
    list);
  let shown = null;

  return {
    element,
    async refresh(signal) {
      const answer = await get('unusual', { group: group(), limit: SHOWN }, signal);
      if (answer === shown) return;
      shown = answer;
      const unusual = answer.sensors.filter((sensor) => sensor.anomalies > 0);
      replace(list, unusual.length > 0 ? rankedSensors(unusual) : emptyNote('No sensor had an anomaly.'));
    },
  };
}
