// The score of each interval as a ribbon, on the time axis of the chart above it: colour says how unusual an interval is, a
// bar along the upper edge that it is an anomaly, so that colour is not the only sign.

import { colour, scoreColour } from './theme.js';

/**
 * Builds a ribbon in `root`. `options`: `height` in pixels, `plot()`, the place of the chart's plot.
 * Returns `show(scores)`, `frame(since, until)`, `point(left)`, `close()`.
 */
export function scoreRibbon(root, options) {
  const canvas = document.createElement('canvas');
  canvas.setAttribute('aria-hidden', 'true');
  const cursor = document.createElement('div');
  cursor.className = 'ribbon-cursor';
  cursor.hidden = true;
  root.append(canvas, cursor);
  let scores = { time: [], anomaly: [], score: [], interval_seconds: 1 };
  let range = [0, 1];
  let frameRequest = 0;
  document.addEventListener('theme', paintSoon);

  function paintSoon() {
    cancelAnimationFrame(frameRequest);
    frameRequest = requestAnimationFrame(paint);
  }

  function paint() {
    const place = options.plot();
    const width = root.clientWidth;
    if (width === 0) return;
    const ratio = devicePixelRatio;
    canvas.width = width * ratio;
    canvas.height = options.height * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${options.height}px`;
    const ctx = canvas.getContext('2d');
    ctx.scale(ratio, ratio);
    ctx.fillStyle = colour('--ribbon-ground');
    ctx.fillRect(place.left, 0, place.width, options.height);
    const columns = ribbonColumns(scores, range, Math.floor(place.width));
    for (const { left, width: wide, score, isAnomaly } of columns) {
      ctx.fillStyle = score === null ? colour(isAnomaly ? '--bad' : '--muted') : scoreColour(score);
      const top = score === null && !isAnomaly ? options.height - 2 : 0;
      ctx.fillRect(place.left + left, top, wide, options.height - top);
      if (isAnomaly) {
        ctx.fillStyle = colour('--ink');
        ctx.fillRect(place.left + left, 0, wide, 3);
      }
    }
  }

  return {
    show(next) {
      scores = next;
      paintSoon();
    },
    frame(since, until) {
      range = [since, until];
      paintSoon();
    },
    /** Moves the cursor's line; `left` counts from the plot's left edge, null hides it. */
    point(left) {
      cursor.hidden = left === null || left < 0;
      if (!cursor.hidden) cursor.style.transform = `translateX(${options.plot().left + left}px)`;
    },
    repaint: paintSoon,
    close() {
      cancelAnimationFrame(frameRequest);
      document.removeEventListener('theme', paintSoon);
    },
  };
}

/** The intervals as columns of pixels: where several share a pixel, the highest score counts. */
export function ribbonColumns(scores, [since, until], width) {
  const scale = width / (until - since);
  const columns = [];
  for (let i = 0; i < scores.time.length; i += 1) {
    const start = scores.time[i];
    if (start + scores.interval_seconds <= since || start >= until) continue;
    const left = Math.max(Math.floor((start - since) * scale), 0);
    const right = Math.min(Math.max(Math.ceil((start + scores.interval_seconds - since) * scale), left + 1), width);
    const score = scores.score[i] ?? null;
    const isAnomaly = scores.anomaly[i] === true;
    const last = columns.at(-1);
    if (last && last.left === left) {
      last.width = Math.max(last.width, right - left);
      last.score = score === null ? last.score : Math.max(score, last.score ?? 0);
      last.isAnomaly ||= isAnomaly;
    } else {
      columns.push({ left, width: right - left, score, isAnomaly });
    }
  }
  return columns;
}
