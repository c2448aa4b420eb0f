// A strip of bars, a window each, on which a range of time is marked: by dragging, or by its two ends as sliders.

import { h, replace, setVariables } from './elements.js';
import { counted, score as scoreWords, share } from './format.js';
import { fitted, hourLabels } from './strip.js';
import { colour, scoreStep } from './theme.js';
import { rfc3339, shortWords, utcClock } from './time.js';

const HEIGHT_OF_ALL = 0.5;

/** The strip; `onChange([since, until])` gets milliseconds since 1970, whole windows. */
export function rangeStrip(onChange) {
  let windows = [];
  let length = 3600e3;
  let cells = [];
  // The marked windows: the first, and the one behind the last.
  let first = 0;
  let end = 0;
  let dragged = null;

  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const labels = h('div', { class: 'labels', 'aria-hidden': 'true' });
  const marked = h('div', { class: 'marked', 'aria-hidden': 'true' });
  const ends = ['Start of the range', 'End of the range'].map((words, index) => h('div', {
    class: 'end', role: 'slider', tabindex: 0, 'aria-label': words, 'data-end': index, onkeydown: (event) => moveEnd(index, event),
  }));
  const bars = h('div', {
    class: 'bars', onpointerdown: press, onpointermove: drag, onpointerup: release, onpointercancel: release, ondblclick: markAll,
  }, canvas, marked, ends);
  const hint = h('p', { class: 'hint muted' });
  const element = h('div', { class: 'range-strip' }, bars, labels, hint);
  const resized = new ResizeObserver(draw);
  resized.observe(bars);
  bars.addEventListener('pointerleave', () => { if (dragged === null) hint.textContent = ''; });

  function show(starts, milliseconds, shown, [since, until]) {
    windows = starts;
    length = milliseconds;
    cells = shown;
    first = clamped(windows.findIndex((start) => start + length > since), 0, windows.length - 1);
    const behind = windows.findIndex((start) => start >= until);
    end = clamped(behind < 0 ? windows.length : behind, first + 1, windows.length);
    draw();
  }

  function draw() {
    place();
    const fit = fitted(canvas);
    if (!fit || cells.length === 0) return;
    const { context, width, height } = fit;
    const step = width / cells.length;
    cells.forEach((cell, index) => {
      const left = Math.round(index * step);
      const wide = Math.max(1, Math.round((index + 1) * step) - left - (step >= 4 ? 1 : 0));
      if (cell.scored === 0) {
        context.fillStyle = colour('--line');
        context.fillRect(left, height - 1, wide, 1);
        return;
      }
      // By the root: one sensor of a thousand shall be seen.
      const tall = 4 + (height - 6) * Math.sqrt(Math.min(1, cell.anomalous / cell.scored / HEIGHT_OF_ALL));
      context.fillStyle = colour(`--score-${scoreStep(cell.score ?? 0)}`);
      context.fillRect(left, height - tall, wide, tall);
    });
    const starts = windows.map((start) => rfc3339(new Date(start)));
    replace(labels, hourLabels(starts, length / 1000, width).map(({ part, words, isDay }) => h('span', {
      class: isDay ? 'day' : '', vars: { '--at': `${(part * 100).toFixed(3)}%` },
    }, words)));
  }

  function place() {
    if (windows.length === 0) return;
    setVariables(bars, { '--first': `${(first / windows.length) * 100}%`, '--end': `${(end / windows.length) * 100}%` });
    [first, end].forEach((at, index) => {
      const time = new Date(timeAt(at));
      ends[index].setAttribute('aria-valuemin', String(index === 0 ? 0 : first + 1));
      ends[index].setAttribute('aria-valuemax', String(index === 0 ? end - 1 : windows.length));
      ends[index].setAttribute('aria-valuenow', String(at));
      ends[index].setAttribute('aria-valuetext', `${shortWords(time)}, ${utcClock(time)}`);
    });
  }

  const timeAt = (index) => (index < windows.length ? windows[index] : windows[windows.length - 1] + length);

  function windowAt(event) {
    const box = bars.getBoundingClientRect();
    return clamped(Math.floor(((event.clientX - box.left) / box.width) * windows.length), 0, windows.length - 1);
  }

  function press(event) {
    if (event.button !== 0 || windows.length === 0) return;
    const at = windowAt(event);
    const grip = event.target.closest('.end');
    // An end that is taken moves; anywhere else a new range begins.
    dragged = grip ? { other: grip.dataset.end === '0' ? end - 1 : first } : { other: at };
    bars.setPointerCapture(event.pointerId);
    if (!grip) mark(at, at);
  }

  function drag(event) {
    if (windows.length === 0) return;
    const at = windowAt(event);
    if (dragged !== null) mark(dragged.other, at);
    const { scored, anomalous, score } = cells[at];
    const start = new Date(windows[at]);
    const words = scored === 0 ? 'nothing was scored'
      : `${anomalous} of ${counted(scored, 'sensor')} anomalous (${share(anomalous / scored)}), highest score ${scoreWords(score)}`;
    hint.textContent = `${shortWords(start)} (${utcClock(start)}): ${words}`;
  }

  function release(event) {
    if (dragged === null) return;
    dragged = null;
    bars.releasePointerCapture(event.pointerId);
    onChange(range());
  }

  function mark(one, other) {
    first = Math.min(one, other);
    end = Math.max(one, other) + 1;
    place();
  }

  function markAll() {
    mark(0, windows.length - 1);
    onChange(range());
  }

  let telling;
  function moveEnd(index, event) {
    const steps = {
      ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 6, PageDown: -6, Home: -Infinity, End: Infinity,
    };
    const step = steps[event.key];
    if (step === undefined || windows.length === 0) return;
    event.preventDefault();
    if (index === 0) first = clamped(first + step, 0, end - 1);
    else end = clamped(end + step, first + 1, windows.length);
    place();
    // Asked when the key has come to rest.
    clearTimeout(telling);
    telling = setTimeout(() => onChange(range()), 300);
  }

  const range = () => [timeAt(first), timeAt(end)];

  return {
    element, show, range, draw,
    close() {
      clearTimeout(telling);
      resized.disconnect();
    },
  };
}

const clamped = (value, lowest, highest) => Math.max(lowest, Math.min(highest, value));
