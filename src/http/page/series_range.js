// The range of time that the sensor's charts show: the last hours up to now, or a range that one chose. It stands in the
// page's address, so that it can be sent to a colleague.

export const RANGES = [
  { name: '6h', words: '6 h', seconds: 6 * 3600 },
  { name: '24h', words: '24 h', seconds: 24 * 3600 },
  { name: '7d', words: '7 d', seconds: 7 * 86400 },
];
const USUAL = RANGES[1];
/** A chart of less than this shows nothing that an interval could tell. */
const SHORTEST = 60;
const LONGEST = 400 * 86400;

/** The range that an address asks for; `end` is the time that counts as now, in seconds. */
export function rangeOf(query, end) {
  const since = Date.parse(query.get('since') ?? '') / 1000;
  const until = Date.parse(query.get('until') ?? '') / 1000;
  if (Number.isFinite(since)) {
    const upTo = Number.isFinite(until) && until > since ? until : Math.max(end, since + SHORTEST);
    return bounded({ name: null, since, until: upTo });
  }
  return lastOf((RANGES.find(({ name }) => name === query.get('range')) ?? USUAL).name, end);
}

/** The last hours or days up to `end`. */
export function lastOf(name, end) {
  const { seconds } = RANGES.find((range) => range.name === name);
  return { name, since: end - seconds, until: end };
}

/** What the address says for a range. */
export function queryOf(range) {
  if (range.name) return { range: range.name, since: null, until: null };
  return { range: null, since: iso(range.since), until: iso(range.until) };
}

/** Half as long (`factor` 0.5) or twice as long (2), around the middle or around `around`. */
export function zoomed(range, factor, around = (range.since + range.until) / 2) {
  return bounded({ name: null, since: around - (around - range.since) * factor, until: around + (range.until - around) * factor });
}

/** Moved by a share of its length: to the right for a positive one. */
export function panned(range, share) {
  const step = (range.until - range.since) * share;
  return bounded({ name: null, since: range.since + step, until: range.until + step });
}

/** A range that was dragged or typed. */
export function chosen(since, until) {
  return bounded({ name: null, since: Math.min(since, until), until: Math.max(since, until) });
}

export function iso(seconds) {
  return new Date(Math.round(seconds) * 1000).toISOString().replace('.000Z', 'Z');
}

function bounded(range) {
  const length = range.until - range.since;
  const middle = (range.until + range.since) / 2;
  const wanted = Math.min(Math.max(length, SHORTEST), LONGEST);
  return wanted === length ? range : { ...range, since: middle - wanted / 2, until: middle + wanted / 2 };
}
