// What is wrong with a sensor itself: a word, and a shape where it is a problem.

import { h } from './elements.js';
import { stateShape } from './states.js';

/** Every kind of condition, with its word and what it means. */
export const CONDITIONS = {
  silent: ['silent', 'sends nothing any more'],
  stuck: ['stuck', 'all readings have one value, and they usually vary'],
  sparse: ['sparse', 'sends in far fewer intervals than usual'],
  out_of_range: ['out of range', 'its windows are unlike those that its model was trained on'],
  drifting: ['drifting', 'its level has left what is usual for it'],
  clock_wrong: ['clock wrong', 'its readings come long after or before their own times'],
};

/** A kind of condition in a word. */
export function conditionWord(kind) {
  return CONDITIONS[kind]?.[0] ?? kind;
}

/** A condition: its word, and its shape where it is a problem. */
export function conditionBadge({ condition, severity, words }) {
  const tone = severity === 'ok' ? 'sparse' : severity;
  return h('span', { class: `badge condition ${tone}`, title: words }, stateShape(tone), conditionWord(condition));
}
