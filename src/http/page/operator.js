// Actions that only an operator may do: a viewer sees that they exist, and why they cannot be used.

import { me } from './api.js';
import { h } from './elements.js';

/** A button that works for operators. `act` is called by a click. */
export function operatorButton(words, act, kind = null) {
  const button = h('button', { type: 'button', class: kind, disabled: true, onclick: act }, words);
  const why = h('span', { class: 'muted why', hidden: true }, 'needs the role operator');
  me().then(({ role }) => {
    button.disabled = role !== 'operator';
    why.hidden = role === 'operator';
  }, () => { why.hidden = false; });
  return h('span', { class: 'operator-action' }, button, why);
}

/** Where an action says how it went, for the eye and for a screen reader. `say(words, isProblem)`, `sayProblem(problem)`. */
export function resultNote() {
  const element = h('div', { class: 'result', 'aria-live': 'polite' });
  const say = (words, isProblem = false) => {
    element.replaceChildren(h('p', { class: isProblem ? 'note problem' : 'note done' }, words));
  };
  return { element, say, sayProblem: (problem) => say(problem.message, true) };
}
