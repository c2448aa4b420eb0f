// The view Now: whether the plant is healthy, and where it is not.

import { get, listen, poll } from './api.js';
import { banner } from './banner.js';
import { h, replace } from './elements.js';
import { facts } from './facts.js';
import { groupBar } from './group_bar.js';
import { highlights } from './highlights.js';
import { tiles } from './tiles.js';
import { noteDaemonTime } from './time.js';
import { timeline } from './timeline.js';

export const title = 'Now';

const STATUS_SECONDS = 3;
const ROWS_SECONDS = 15;
const HIGHLIGHTS_SECONDS = 60;

export function view(root, { query, setQuery }) {
  const groups = groupBar(query.get('group'), (group) => {
    setQuery({ group });
    for (const part of [parts.tiles, parts.timeline]) part.forget();
    rows.now();
    unusual.now();
  });
  const group = groups.chosen;
  const parts = {
    banner: banner(), facts: facts(), tiles: tiles(group), highlights: highlights(group),
    timeline: timeline(query, setQuery, group),
  };
  replace(root, h('h1', { class: 'visually-hidden' }, 'Now'),
    parts.banner.element, parts.facts.element, groups.element,
    h('div', { class: 'plant' }, parts.tiles.element, parts.highlights.element, parts.timeline.element));

  const status = poll(STATUS_SECONDS, (signal) => get('status', null, signal), (answer) => {
    noteDaemonTime(answer.now);
    root.classList.remove('is-stale');
    // In a row of tabs the title is all that shows.
    const problems = answer.health.problems.length;
    document.title = `${problems > 0 ? `(${problems}) ` : ''}${title} – anomalyd`;
    parts.banner.show(answer);
    parts.facts.show(answer);
    parts.tiles.showCounts(answer.sensors, answer.conditions);
  }, (problem) => {
    root.classList.add('is-stale');
    parts.banner.showProblem(problem);
  });
  const refreshRows = async (signal) => {
    await groups.refresh(signal);
    await Promise.all([parts.tiles.refresh(signal), parts.timeline.refresh(signal)]);
  };
  const rows = poll(ROWS_SECONDS, refreshRows, () => {}, (problem) => parts.timeline.showProblem(problem));
  const unusual = poll(HIGHLIGHTS_SECONDS, (signal) => parts.highlights.refresh(signal), () => {});
  // "3 s ago" grows between two answers.
  const tick = setInterval(() => {
    parts.banner.tick();
    parts.facts.tick();
  }, 1000);
  const events = listen(['run', 'model', 'condition'], null, () => {
    status.now();
    rows.now();
    unusual.now();
  });

  return () => {
    status();
    rows();
    unusual();
    events();
    clearInterval(tick);
    parts.tiles.close();
    parts.timeline.close();
  };
}
