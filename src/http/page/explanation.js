// Why a verdict is what it is, in words, with the time in the viewer's zone.

import { splitSensor } from './api.js';
import { h } from './elements.js';
import { number } from './format.js';
import { timeElement } from './time.js';

/**
 * "vibration std 4.1 at 13:42, usually 0.2 to 0.9". A feature without a sensor is of `sensor` itself. With the style `short`
 * the time has its day when that is not today.
 */
export function explanationElement({ words, time, feature, value, usual_low: low, usual_high: high }, sensor, style = 'clock') {
  if (value === null) return h('span', { class: 'explanation', title: `${words} (UTC)` }, words);
  const name = feature.includes('.') ? feature.replace('.', ' ') : `${splitSensor(sensor).sensor} ${feature}`;
  const usual = low === null || high === null ? '' : `, usually ${number(low)} to ${number(high)}`;
  return h('span', { class: 'explanation', title: `${words} (UTC)` },
    h('b', {}, `${name} ${number(value)}`), ' at ', timeElement(time, style), usual);
}

/** What a verdict says, in one line; and which score makes an anomaly, where the configuration says one. */
export function verdictWords(verdict) {
  const words = outcomeWords(verdict);
  if (verdict.anomaly_score === null || verdict.anomaly_score === undefined) return words;
  return h('span', {}, words, h('span', { class: 'muted', title: '[[sensitivity]] of the configuration' }, ` (anomalous from the score ${verdict.anomaly_score})`));
}

function outcomeWords(verdict) {
  if (verdict.explanation && verdict.anomalies > 0) return explanationElement(verdict.explanation, verdict.sensor);
  if (verdict.outcome === 'scored') {
    const anomalies = verdict.anomalies === 0 ? 'no anomaly' : verdict.anomalies === 1 ? 'one anomaly' : `${verdict.anomalies} anomalies`;
    return h('span', { class: 'muted' }, `${anomalies} in ${verdict.intervals} intervals`);
  }
  return h('span', {}, verdict.reason ?? OUTCOME_WORDS[verdict.outcome]);
}

export const OUTCOME_WORDS = {
  scored: 'scored',
  no_data: 'no readings',
  too_little_data: 'too few readings',
  failed: 'scoring failed',
  timed_out: 'scoring took too long',
  quarantined: 'model not tried any more',
  unproven: 'model not proven',
};
