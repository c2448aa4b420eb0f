// Sensors by how unusual they were, each with the reason: as Most unusual and Now show them.

import { sensorAddress } from './banner.js';
import { h, setVariables } from './elements.js';
import { explanationElement } from './explanation.js';
import { count, counted, score as scoreWords } from './format.js';
import { scoreStep } from './theme.js';
import { dateOf, rfc3339, timeElement } from './time.js';

/** The list. */
export function rankedSensors(sensors) {
  return h('ol', { class: 'ranked' }, sensors.map((entry, place) => {
    const seen = entry.first && {
      since: rfc3339(new Date(dateOf(entry.first) - 3600e3)), until: rfc3339(new Date(dateOf(entry.last).getTime() + 3600e3)),
    };
    return h('li', { class: entry.anomalies > 0 ? 'anomalous' : '' },
      h('span', { class: 'place muted' }, String(place + 1)),
      h('div', { class: 'what' },
        h('a', { href: sensorAddress(entry.sensor, seen) }, entry.sensor),
        entry.explanation && h('p', null, explanationElement(entry.explanation, entry.sensor, 'short')),
        h('p', { class: 'muted' }, when(entry))),
      scoreBar(entry.score));
  }));
}

function when({ anomalies, intervals, first, last }) {
  if (anomalies === 0) return `no anomaly in ${counted(intervals, 'interval')}`;
  const isOneDay = dateOf(first).toDateString() === dateOf(last).toDateString();
  const times = first === last
    ? [' at ', timeElement(first)] : [' between ', timeElement(first), ' and ', timeElement(last, isOneDay ? 'clock' : 'short')];
  return [`${count(anomalies)} of ${counted(intervals, 'interval')} anomalous`, times];
}

function scoreBar(score) {
  const bar = h('div', { class: 'gauge', 'aria-hidden': 'true' }, h('div', { class: `step-${scoreStep(score ?? 0)}` }));
  setVariables(bar, { '--part': `${((score ?? 0) * 100).toFixed(0)}%` });
  return h('div', { class: 'score' },
    h('span', { class: 'visually-hidden' }, 'score '), h('span', { class: 'figure' }, scoreWords(score)), bar);
}
