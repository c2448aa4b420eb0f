// A fact in a list of facts: what it is, and how it stands.

import { h } from './elements.js';

/** For a `dl` of the class `fact-list`. */
export function fact(words, ...values) {
  return h('div', {}, h('dt', {}, words), h('dd', {}, values));
}
