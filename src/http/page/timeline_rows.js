// The rows of a timeline, fetched in parts as they come in sight.

import { get } from './api.js';

const ROWS_AT_ONCE = 120;
const KEPT = 4000;

export class TimelineRows {
  total = 0;
  windows = [];
  windowSeconds = 3600;
  hopSeconds = 3600;
  #rows = new Map();
  #wanted = [0, ROWS_AT_ONCE];
  #asking = null;
  #ending = new AbortController();
  // Grows when another timeline is asked for: an answer about the one before is passed over.
  #turn = 0;
  // What the rows were like at the last refresh; null before it.
  #columns = null;

  /** `query()` gives the query of the timeline at each question; `changed()` is called when rows have come. */
  constructor(query, changed) {
    this.query = query;
    this.changed = changed;
  }

  /** The row with a number; undefined while it is not fetched. */
  at(index) {
    return this.#rows.get(index);
  }

  /** Says which rows are in sight: those that are not there are fetched. */
  want(first, end) {
    this.#wanted = [first, Math.max(end, first + 1)];
    if (this.#asking || this.total === 0) return;
    const missing = this.#firstMissing();
    if (missing === null) return;
    this.#asking = this.#fetch(missing, this.#ending.signal).catch(() => {}).finally(() => {
      this.#asking = null;
      if (!this.#ending.signal.aborted) this.want(...this.#wanted);
    });
  }

  /** Fetches the rows in sight again, and forgets those out of sight. Throws when the daemon does not answer. */
  async refresh(signal) {
    const [first, end] = this.#wanted;
    const rows = new Map();
    let next = first;
    do {
      const answer = await this.#ask(next, Math.max(1, Math.min(ROWS_AT_ONCE, end - next)), signal);
      if (answer === null) return;
      const { rows: some, offset } = answer;
      if (some.length === 0) break;
      some.forEach((row, place) => rows.set(offset + place, row));
      next = offset + some.length;
    } while (next < Math.min(end, this.total));
    const columns = `${this.total} ${this.windows}`;
    const hasSameColumns = columns === this.#columns;
    this.#columns = columns;
    const isSame = hasSameColumns && [...rows].every(([index, row]) => this.#rows.get(index) === row);
    // Who scrolled on meanwhile sees the rows that came then, until they are asked for again.
    const kept = hasSameColumns ? [...this.#rows].filter(([index]) => index >= this.#wanted[0] && index < this.#wanted[1]) : [];
    this.#rows = new Map([...kept, ...rows]);
    if (!isSame) this.changed();
  }

  /** Forgets all rows, as when another timeline is asked for. */
  forget() {
    this.#turn += 1;
    this.#rows.clear();
    this.#columns = null;
    this.#wanted = [0, ROWS_AT_ONCE];
  }

  close() {
    this.#ending.abort();
  }

  #firstMissing() {
    const [first, end] = this.#wanted;
    for (let index = first; index < Math.min(end, this.total); index += 1) {
      if (!this.#rows.has(index)) return index;
    }
    return null;
  }

  async #fetch(offset, signal) {
    const answer = await this.#ask(offset, ROWS_AT_ONCE, signal);
    if (answer === null) return;
    const { rows, offset: from } = answer;
    if (this.#rows.size + rows.length > KEPT) this.#rows.clear();
    rows.forEach((row, place) => this.#rows.set(from + place, row));
    if (rows.length > 0) this.changed();
  }

  async #ask(offset, limit, signal) {
    const turn = this.#turn;
    const answer = await get('timeline', { ...this.query(), offset, limit }, signal);
    if (turn !== this.#turn) return null;
    this.total = answer.total;
    this.windows = answer.windows;
    this.windowSeconds = answer.window_seconds;
    this.hopSeconds = answer.hop_seconds;
    return answer;
  }
}
