// The view Now: whether the plant is healthy, and where it is not.

import { get, listen, poll } from './api.js';
import { banner } from './banner.js';
import { h, replace } from './elements.js';
import { facts } from './facts.js';
import { tiles } from './tiles.js';
import { noteDaemonTime } from './time.js';
import { timeline } from './timeline.js';

export const title = 'Now';

const STATUS_SECONDS = 3;
const ROWS_SECONDS = 15;

export function view(root, { query, setQuery }) {
  const parts = { banner: banner(), facts: facts(), tiles: tiles(), timeline: timeline(query, setQuery) };
  replace(root, h('h1', { class: 'visually-hidden' }, 'Now'),
    parts.banner.element, parts.facts.element, parts.tiles.element, parts.timeline.element);

  const status = poll(STATUS_SECONDS, (signal) => get('status', null, signal), (answer) => {
    noteDaemonTime(answer.now);
    root.classList.remove('is-stale');
    // In a row of tabs the title is all that shows.
    const problems = answer.health.problems.length;
    document.title = `${problems > 0 ? `(${problems}) ` : ''}${title} – anomalyd`;
    parts.banner.show(answer);
    parts.facts.show(answer);
    parts.tiles.showCounts(answer.sensors);
  }, (problem) => {
    root.classList.add('is-stale');
    parts.banner.showProblem(problem);
  });
  const rows = poll(ROWS_SECONDS, (signal) => Promise.all([parts.tiles.refresh(signal), parts.timeline.refresh(signal)]), () => {},
    (problem) => parts.timeline.showProblem(problem));
  // "3 s ago" grows between two answers.
  const tick = setInterval(() => {
    parts.banner.tick();
    parts.facts.tick();
  }, 1000);
  const events = listen(['run', 'model'], null, () => {
    status.now();
    rows.now();
  });

  return () => {
    status();
    rows();
    events();
    clearInterval(tick);
    parts.tiles.close();
    parts.timeline.close();
  };
}
