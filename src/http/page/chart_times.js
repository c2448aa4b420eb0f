// The words below a chart's axis of times, in the viewer's zone: the clock at each tick, and the day where one begins.

import { clockWords, dayWords } from './time.js';

/** A label for each tick, given in seconds. */
export function axisTimes(ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 3600;
  let dayBefore = null;
  return ticks.map((tick) => {
    const day = dayWords(tick);
    const isNewDay = day !== dayBefore;
    dayBefore = day;
    if (step >= 86400) return day;
    const words = clockWords(tick, step < 60);
    return isNewDay ? `${words}\n${day}` : words;
  });
}
