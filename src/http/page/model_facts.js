// What is known of a model, as it stands beside a sensor and in the list of models.

import { emptyNote, h } from './elements.js';
import { fact } from './fact_list.js';
import { number } from './format.js';
import { timeElement } from './time.js';

export const MODEL_STATES = {
  at_work: ['at work', 'healthy'],
  at_work_newer_refused: ['at work, newer refused', 'warning'],
  paused: ['failed, tried again soon', 'warning'],
  probation: ['on probation', 'warning'],
  quarantined: ['not tried any more', 'failed'],
  unusable: ['cannot be used', 'failed'],
};

/** Whether a model was proven, in words. */
export function proofWords(isProven) {
  if (isProven === null) return 'no file with expected answers';
  return isProven ? 'proven: gives the expected answers' : 'gives other answers than expected';
}

/** All that is known of a model. */
export function modelFacts(model) {
  if (!model) return emptyNote('This sensor has no model. Put one into the folder of models to have it scored.');
  return h('dl', { class: 'model-facts' },
    fact('State', MODEL_STATES[model.state]?.[0] ?? model.state),
    model.trouble && fact('Failures', h('span', { class: 'bad-words' },
      `${model.trouble.failures} in a row, since `, timeElement(model.trouble.since, 'full'), `: ${model.trouble.reason}`)),
    model.problem && fact('Problem', h('span', { class: 'bad-words' }, model.problem)),
    fact('Detector', model.detector?.replaceAll('_', ' ') ?? '–'),
    fact('Since', model.since ? timeElement(model.since, 'full') : '–'),
    fact('Proof', proofWords(model.is_proven)),
    model.file && fact('File', h('span', { class: 'code' }, model.file)),
    model.hash && fact('Hash', h('span', { class: 'code', title: model.hash }, model.hash.slice(0, 12))),
    model.warnings.length > 0 && fact('Warnings', h('ul', { class: 'warnings' }, model.warnings.map((words) => h('li', {}, words)))),
    model.features.length > 0 && fact('Reads', h('span', { class: 'features' }, model.features.map((feature) => {
      const usual = model.usual.find((range) => range.feature === feature);
      return h('span', { class: 'chip' }, feature, usual && h('span', { class: 'muted' }, ` ${number(usual.low)} to ${number(usual.high)}`));
    }))));
}
