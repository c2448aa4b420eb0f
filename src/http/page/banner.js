// The banner: in words, whether all is well, and what is not.

import { splitSensor } from './api.js';
import { h, replace, setText } from './elements.js';
import { link } from './router.js';
import { stateShape } from './states.js';
import { agoWords, clockWords, span, timeElement } from './time.js';

const SHOWN_AT_ONCE = 4;

// Where a problem of a kind is looked into, when it concerns no single sensor.
const PLACES = {
  anomalous: '#/sensors?state=anomalous', silent: '#/conditions?condition=silent',
  stuck: '#/conditions?condition=stuck', sparse: '#/conditions?condition=sparse', drifting: '#/conditions?condition=drifting',
  out_of_range: '#/conditions?condition=out_of_range', clock_wrong: '#/conditions?condition=clock_wrong',
  scoring_failed: '#/sensors?state=failed',
  quarantined: '#/models', threads_hung: '#/models', model_unusable: '#/models', sink_behind: '#/connections', windows_skipped: '#/runs',
  rejecting: '#/rejects', configuration_changed: '#/configuration', broker_away: '#/connections',
  disk_full: '#/store', disk_nearly_full: '#/store', store_damaged: '#/store',
};

const SEVERITIES = { ok: 'All is well', warning: 'Warning', error: 'Error' };

/** The banner. */
export function banner() {
  const shape = h('div', { class: 'severity' });
  const sentence = h('p', { class: 'sentence', role: 'status' }, 'Asking the daemon…');
  const updated = h('p', { class: 'updated muted' });
  const stale = h('p', { class: 'note stale', role: 'alert', hidden: true });
  const problems = h('ul', { class: 'problems' });
  const element = h('section', { class: 'panel banner', 'aria-label': 'Health' }, shape,
    h('div', { class: 'words' }, sentence, stale, problems), updated);
  let answered = null;
  let drawn = '';
  let isAllShown = false;

  function show({ health, version, started }) {
    answered = Date.now();
    stale.hidden = true;
    const now = JSON.stringify(health);
    if (now === drawn) return tick();
    drawn = now;
    element.dataset.severity = health.severity;
    replace(shape, stateShape(health.severity), h('span', { class: 'visually-hidden' }, SEVERITIES[health.severity]));
    setText(sentence, ended(health.sentence));
    drawProblems(health.problems);
    updated.title = `anomalyd ${version}, running since ${clockWords(started)}`;
    tick();
  }

  function drawProblems(all) {
    const shown = isAllShown ? all : all.slice(0, SHOWN_AT_ONCE);
    const more = all.length - shown.length;
    const showAll = () => {
      isAllShown = true;
      drawProblems(all);
      problems.querySelector('a')?.focus();
    };
    replace(problems, shown.map(problem),
      more > 0 && h('li', null, h('button', { type: 'button', class: 'quiet', onclick: showAll }, `${more} more`)));
  }

  function showProblem(problem) {
    stale.hidden = false;
    // What is shown is not true any more; how long it has not been is the first thing to know.
    const since = answered ? `Not updated since ${clockWords(new Date(answered), true)}. ` : '';
    setText(stale, since + problem.message);
    if (!answered) setText(sentence, 'Nothing is known of the plant.');
    tick();
  }

  function tick() {
    if (!answered) return;
    const seconds = (Date.now() - answered) / 1000;
    setText(updated, seconds < 10 ? 'Live' : `Updated ${span(seconds)} ago`);
    updated.classList.toggle('is-live', seconds < 10);
  }

  return { element, show, showProblem, tick };
}

function problem({ kind, severity, words, since, sensor }) {
  const place = sensor ? sensorAddress(sensor) : PLACES[kind];
  return h('li', null, stateShape(severity),
    h('span', null, place ? h('a', { href: place }, words) : words,
      // The words say since when in UTC; this is the viewer's time.
      since && h('span', { class: 'muted' }, ' ', timeElement(since), `, ${agoWords(since)}`)));
}

/** The address of a sensor's view. */
export function sensorAddress(name, query) {
  const { device, sensor } = splitSensor(name);
  return link(`sensors/${encodeURIComponent(device)}/${encodeURIComponent(sensor)}`, query);
}

const ended = (words) => (/[.!?]$/.test(words) ? words : `${words}.`);
