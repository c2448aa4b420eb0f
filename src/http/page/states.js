// How a sensor is: a word, a shape and a colour. The shape alone tells them apart.

import { h, s } from './elements.js';

/** Every state, the worst first. */
export const STATES = ['anomalous', 'failed', 'silent', 'sparse', 'healthy', 'waiting', 'no_model'];

const WORDS = {
  anomalous: 'anomalous', failed: 'not scored', silent: 'silent', sparse: 'few readings', healthy: 'healthy',
  waiting: 'no verdict yet', no_model: 'no model',
};

// In a box of 12 by 12. A shape is filled unless it is drawn by lines.
const SHAPES = {
  anomalous: { filled: 'M6 0.8 11.6 11H0.4z' },
  failed: { lined: 'M2 2 10 10M10 2 2 10' },
  silent: { lined: 'M6 1.6a4.4 4.4 0 1 0 0 8.8 4.4 4.4 0 0 0 0-8.8M2.9 9.1 9.1 2.9' },
  sparse: { lined: 'M6 1.6a4.4 4.4 0 1 0 0 8.8 4.4 4.4 0 0 0 0-8.8', filled: 'M6 1.6a4.4 4.4 0 0 1 0 8.8z' },
  healthy: { filled: 'M6 1.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6' },
  waiting: { lined: 'M6 2.2a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6', isDotted: true },
  no_model: { lined: 'M2 6H10' },
  ok: { lined: 'M1.5 6.5 4.8 10 10.5 2.5' },
  warning: { filled: 'M6 0.8 11.6 11H0.4z' },
  error: { filled: 'M3.8 0.7h4.4l3.1 3.1v4.4l-3.1 3.1H3.8L0.7 8.2V3.8z' },
};

/** A state in words. */
export function stateWords(state) {
  return WORDS[state] ?? state;
}

/** The shape of a state or a severity, in its colour. */
export function stateShape(state) {
  const { filled, lined, isDotted } = SHAPES[state] ?? SHAPES.no_model;
  return s('svg', { class: `shape ${state}`, viewBox: '0 0 12 12', 'aria-hidden': 'true' },
    lined && s('path', { class: isDotted ? 'lined dotted' : 'lined', d: lined }),
    filled && s('path', { class: 'filled', d: filled }));
}

/** Shape and word. */
export function stateBadge(state) {
  return h('span', { class: `badge ${state}` }, stateShape(state), stateWords(state));
}
