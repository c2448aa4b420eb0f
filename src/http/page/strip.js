// Draws a row of cells, a window each, and the hours above it.

import { colour, scoreStep } from './theme.js';
import { clockWords, dateOf } from './time.js';

const LABEL_WIDTH = 62;
const STEPS_HOURS = [1 / 6, 0.5, 1, 2, 3, 6, 12, 24, 48, 168];

/** Fits a canvas to its element, and gives its context in the element's units, or null when it is not shown. */
export function fitted(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (width === 0 || height === 0) return null;
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  return { context, width, height };
}

/**
 * Draws the cells of a row: the score as colour; a bar along the foot where there was an anomaly; hatched where scoring
 * failed.
 */
export function drawStrip(canvas, cells) {
  const fit = fitted(canvas);
  if (!fit || cells.length === 0) return;
  const { context, width, height } = fit;
  const step = width / cells.length;
  const gap = step >= 4 ? 1 : 0;
  cells.forEach(({ score, anomalous, scored, failed }, index) => {
    const left = Math.round(index * step);
    const wide = Math.max(1, Math.round((index + 1) * step) - left - gap);
    if (scored > 0 && score !== null) {
      context.fillStyle = colour(`--score-${scoreStep(score)}`);
      context.fillRect(left, 0, wide, height);
    } else if (failed === 0) {
      context.fillStyle = colour('--line');
      context.fillRect(left, height / 2 - 0.5, wide, 1);
    }
    if (failed > 0) hatch(context, left, wide, height);
    if (anomalous > 0) {
      context.fillStyle = colour('--ink');
      context.fillRect(left, height - 3, wide, 3);
    }
  });
}

function hatch(context, left, wide, height) {
  context.save();
  context.beginPath();
  context.rect(left, 0, wide, height);
  context.clip();
  context.strokeStyle = colour('--failed');
  context.lineWidth = 1.5;
  context.beginPath();
  for (let at = -height; at < wide; at += 5) {
    context.moveTo(left + at, height);
    context.lineTo(left + at + height, 0);
  }
  context.stroke();
  context.restore();
}

/** Where to write which hour above the windows, each as a part of the width. */
export function hourLabels(windows, windowSeconds, width) {
  if (windows.length === 0) return [];
  const hours = (windows.length * windowSeconds) / 3600;
  const fits = (step) => step * 3600 >= windowSeconds && (hours / step) * LABEL_WIDTH <= width;
  const step = STEPS_HOURS.find(fits) ?? 168;
  const labels = [];
  let last = null;
  windows.forEach((window, index) => {
    const date = dateOf(window);
    // Steps go by the viewer's clock; a window that holds a step's beginning has its label.
    const local = date.getTime() / 3600e3 - date.getTimezoneOffset() / 60;
    const number = Math.floor((local + windowSeconds / 3600 - 1e-9) / step);
    const begins = number * step >= local - 1e-9;
    if (!begins || number === last) return;
    last = number;
    const at = new Date(date.getTime() + (number * step - local) * 3600e3);
    const part = (index + (number * step - local) / (windowSeconds / 3600)) / windows.length;
    const isDay = at.getHours() === 0 && at.getMinutes() === 0;
    const words = isDay ? at.toLocaleDateString('en-GB', { weekday: 'short', day: 'numeric' }) : clockWords(at);
    labels.push({ part, isDay, words });
  });
  // The last one must not be cut off.
  return labels.filter(({ part }) => part * width + LABEL_WIDTH * 0.75 <= width);
}

/** Draws shares from 0 to 1 as bars of full width, a window each. */
export function drawShares(canvas, shares) {
  const fit = fitted(canvas);
  if (!fit || shares.length === 0) return;
  const { context, width, height } = fit;
  const step = width / shares.length;
  shares.forEach((share, index) => {
    const left = Math.round(index * step);
    const wide = Math.max(1, Math.round((index + 1) * step) - left - (step >= 4 ? 1 : 0));
    const tall = share === null ? 0 : Math.max(1, share * height);
    context.fillStyle = colour(share === null ? '--line' : share > 0 ? '--bad' : '--score-3');
    context.fillRect(left, height - Math.max(1, tall), wide, Math.max(1, tall));
  });
}
