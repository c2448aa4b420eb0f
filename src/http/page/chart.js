// One sensor's series as a chart: the mean as a line, lowest to highest as a band, the training range as a shade, gaps as
// gaps, anomalous intervals marked, forgotten windows hatched. All charts of one view share a cursor by their sync key.

import uPlot from './vendor/uplot.js';
import { colour } from './theme.js';
import { number } from './format.js';
import { axisTimes } from './chart_times.js';

/** The width of the axis of values, the same in all charts, so that their times stand one below the other. */
const AXIS_WIDTH = 64;
/** An axis shows a training range only where it is not so wide that the values beside it become a flat line. */
const WIDEST_SHADE = 6;

/**
 * Builds a chart in `root`.
 *
 * `options`: `height` in pixels; `sync`, a key that charts with one cursor share; `zoomed(since, until)` is called with
 * seconds when a range was dragged; `pointed(index)` with the index of the point below the cursor, or null.
 * Returns `show(content)`, `frame(since, until)`, `point(index)`, `plot()` (the place of the plot in pixels), `close()`.
 */
export function chart(root, options) {
  let content = nothing();
  let range = [0, 1];

  const plot = new uPlot(configuration(), columns(content), root);
  const observer = new ResizeObserver(() => resize());
  observer.observe(root);
  document.addEventListener('theme', repaint);

  function configuration() {
    return {
      width: Math.max(root.clientWidth, 200),
      height: options.height,
      legend: { show: false },
      padding: [10, 24, 0, 0],
      cursor: {
        sync: { key: options.sync, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7, fill: () => colour('--series-1'), stroke: () => colour('--panel'), width: 2 },
        y: false,
        // Only the mean has a point below the cursor.
        dataIdx: (_, seriesIndex, index) => (seriesIndex === 1 || seriesIndex === 2 ? null : index),
      },
      scales: {
        x: { time: true, range: () => range },
        y: { range: (_, low, high) => valueRange(low, high, content.usual) },
      },
      axes: [
        {
          ...axisStyle(),
          space: 72,
          size: options.hasTimes === false ? 8 : 38,
          values: options.hasTimes === false ? (_, splits) => splits.map(() => '') : (_, splits) => axisTimes(splits),
        },
        { ...axisStyle(), size: AXIS_WIDTH, space: options.height < 150 ? 20 : 34, values: (_, splits) => splits.map(number) },
      ],
      series: [
        {},
        { scale: 'y', stroke: null, width: 0, points: { show: false } },
        { scale: 'y', stroke: null, width: 0, points: { show: false } },
        {
          scale: 'y',
          stroke: () => colour('--series-1'),
          width: 1.5,
          points: { show: true, size: 4, width: 0, fill: () => colour('--series-1'), filter: lonely },
        },
      ],
      bands: [{ series: [1, 2], fill: () => colour('--band') }],
      hooks: {
        drawClear: [paintBehind],
        draw: [paintBefore],
        setSelect: [selected],
        setCursor: [(self) => options.pointed?.(self.cursor.idx ?? null, self.cursor.left)],
      },
    };
  }

  function axisStyle() {
    return {
      stroke: () => colour('--muted'),
      grid: { stroke: () => colour('--grid'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
      gap: 6,
    };
  }

  function selected(self) {
    const { left, width } = self.select;
    if (width < 4) return;
    options.zoomed(self.posToVal(left, 'x'), self.posToVal(left + width, 'x'));
    self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  }

  /** The training range, forgotten windows, and anomalous intervals, behind the line. */
  function paintBehind(self) {
    const { ctx, bbox } = self;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (content.usual) {
      const top = self.valToPos(content.usual.high, 'y', true);
      const bottom = self.valToPos(content.usual.low, 'y', true);
      ctx.fillStyle = colour('--usual');
      ctx.fillRect(bbox.left, top, bbox.width, Math.max(bottom - top, 1));
      ctx.strokeStyle = colour('--usual-edge');
      ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
      for (const y of [top, bottom]) line(ctx, bbox.left, y, bbox.left + bbox.width, y);
      ctx.setLineDash([]);
    }
    for (const [start, end] of content.forgotten) {
      hatch(ctx, bbox, self.valToPos(start, 'x', true), self.valToPos(end, 'x', true));
    }
    ctx.fillStyle = colour('--anomaly-shade');
    for (const [start, end] of content.anomalous) {
      const left = self.valToPos(start, 'x', true);
      ctx.fillRect(left, bbox.top, Math.max(self.valToPos(end, 'x', true) - left, devicePixelRatio), bbox.height);
    }
    ctx.restore();
  }

  /** A bar above each anomalous interval, and the line where intervals are still open. */
  function paintBefore(self) {
    const { ctx, bbox } = self;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height);
    ctx.clip();
    ctx.fillStyle = colour('--bad');
    const thickness = 4 * devicePixelRatio;
    for (const [start, end] of content.anomalous) {
      const left = self.valToPos(start, 'x', true);
      const width = Math.max(self.valToPos(end, 'x', true) - left, 2 * devicePixelRatio);
      ctx.fillRect(left, bbox.top - thickness, width, thickness);
    }
    if (content.openSince !== null) {
      const x = self.valToPos(content.openSince, 'x', true);
      ctx.strokeStyle = colour('--muted');
      ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      line(ctx, x, bbox.top, x, bbox.top + bbox.height);
    }
    ctx.restore();
  }

  function repaint() {
    plot.redraw(false, true);
  }

  function resize() {
    const width = root.clientWidth;
    if (width > 0 && width !== plot.width) {
      plot.setSize({ width, height: options.height });
      options.resized?.();
    }
  }

  return {
    /** Shows `{ series, usual, anomalous, forgotten, openSince }`; spans are pairs of seconds. */
    show(next) {
      content = next;
      plot.setData(columns(content), false);
      plot.setScale('x', { min: range[0], max: range[1] });
    },
    /** Shows the times from `since` to `until`, in seconds. */
    frame(since, until) {
      range = [since, until];
      plot.setScale('x', { min: since, max: until });
    },
    /** Moves the cursor to a point of the columns. */
    point(index) {
      const [times, , , means] = plot.data;
      if (times[index] === undefined) return;
      plot.setCursor({
        left: plot.valToPos(times[index], 'x'),
        top: means[index] === null ? 0 : plot.valToPos(means[index], 'y'),
      }, true, true);
    },
    /** Where the plot is in `root`, in pixels. */
    plot() {
      return { left: plot.bbox.left / devicePixelRatio, width: plot.bbox.width / devicePixelRatio };
    },
    /** The index of the point below the cursor, of all points, and the time of one. */
    index: () => plot.cursor.idx ?? null,
    length: () => plot.data[0].length,
    timeAt: (index) => plot.data[0][index],
    close() {
      observer.disconnect();
      document.removeEventListener('theme', repaint);
      plot.destroy();
    },
  };
}

/** What a chart shows before there is something to show. */
export function nothing() {
  return { series: { time: [], mean: [], min: [], max: [], count: [], step_seconds: 1 }, usual: null, anomalous: [], forgotten: [], openSince: null };
}

/** The columns as uPlot wants them: a point stands in the middle of its interval, and each gap has one empty point. */
export function columns({ series }) {
  const [times, highs, lows, means] = [[], [], [], []];
  const step = series.step_seconds;
  for (let i = 0; i < series.time.length; i += 1) {
    if (i > 0 && series.time[i] - series.time[i - 1] > step * 1.5) {
      times.push(series.time[i - 1] + step * 1.5);
      highs.push(null);
      lows.push(null);
      means.push(null);
    }
    times.push(series.time[i] + step / 2);
    highs.push(series.max[i]);
    lows.push(series.min[i]);
    means.push(series.mean[i]);
  }
  return [times, highs, lows, means];
}

/** The points that have no neighbour: a line would not show them. */
function lonely(self, seriesIndex, isShown, gaps) {
  const values = self.data[seriesIndex];
  const alone = [];
  for (let i = 0; i < values.length; i += 1) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) alone.push(i);
  }
  return alone;
}

function valueRange(low, high, usual) {
  if (low === null || low === undefined) [low, high] = usual ? [usual.low, usual.high] : [0, 1];
  const spread = high - low;
  if (usual) {
    const widest = Math.max(spread, (usual.high - usual.low) / WIDEST_SHADE) * WIDEST_SHADE;
    if (Math.max(high, usual.high) - Math.min(low, usual.low) <= widest) {
      [low, high] = [Math.min(low, usual.low), Math.max(high, usual.high)];
    }
  }
  const margin = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
  return [low - margin, high + margin];
}

function line(ctx, fromX, fromY, toX, toY) {
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(fromX, fromY);
  ctx.lineTo(toX, toY);
  ctx.stroke();
}

function hatch(ctx, bbox, left, right) {
  const [from, to] = [Math.max(left, bbox.left), Math.min(right, bbox.left + bbox.width)];
  if (to <= from) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(from, bbox.top, to - from, bbox.height);
  ctx.clip();
  ctx.strokeStyle = colour('--line');
  const [gap, height] = [8 * devicePixelRatio, bbox.height];
  for (let x = from - height; x < to; x += gap) line(ctx, x, bbox.top + height, x + height, bbox.top);
  ctx.restore();
}
