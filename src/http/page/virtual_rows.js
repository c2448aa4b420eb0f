// A list of any length: only the rows that are in sight, and a few beside, are elements. All have one height.

import { h } from './elements.js';

const BESIDE = 6;

/**
 * Fills a scroller. `row(index)` makes a row's element; `onSight(first, end)` is told which rows are in sight, so that
 * they can be fetched. `above` is the height of what sticks to the scroller's top, such as an axis.
 */
export function virtualRows(scroller, { rowHeight, count, row, onSight = () => {}, above = 0 }) {
  const elements = new Map();
  const sizer = h('div', { class: 'virtual' });
  scroller.append(sizer);
  let total = 0;
  let frame = 0;

  function inSight() {
    const first = Math.max(0, Math.floor(scroller.scrollTop / rowHeight) - BESIDE);
    const end = Math.min(total, Math.ceil((scroller.scrollTop + scroller.clientHeight) / rowHeight) + BESIDE);
    return [Math.min(first, end), end];
  }

  function place() {
    frame = 0;
    const [first, end] = inSight();
    // The row that has the focus stays, so that the keyboard goes on from there.
    for (const [index, element] of elements) {
      if ((index < first || index >= end) && !element.contains(document.activeElement)) {
        element.remove();
        elements.delete(index);
      }
    }
    for (let index = first; index < end; index += 1) {
      if (!elements.has(index)) add(index);
    }
    onSight(first, end);
  }

  function add(index) {
    const element = row(index);
    element.classList.add('virtual-row');
    element.style.setProperty('transform', `translateY(${index * rowHeight}px)`);
    element.style.setProperty('height', `${rowHeight}px`);
    elements.set(index, element);
    // In the order of the rows, so that Tab and screen readers follow it.
    const next = [...sizer.children].find((other) => Number(other.dataset.index) > index);
    element.dataset.index = index;
    sizer.insertBefore(element, next ?? null);
  }

  function soon() {
    if (frame === 0) frame = requestAnimationFrame(place);
  }

  function setCount(number) {
    total = number;
    sizer.style.setProperty('height', `${number * rowHeight}px`);
    for (const [index, element] of elements) {
      if (index >= number) {
        element.remove();
        elements.delete(index);
      }
    }
    soon();
  }

  const resized = new ResizeObserver(soon);
  resized.observe(scroller);
  scroller.addEventListener('scroll', soon, { passive: true });
  setCount(count);

  return {
    sizer,
    setCount,
    /** Changes the height of all rows. */
    setRowHeight(height) {
      if (height === rowHeight) return;
      rowHeight = height;
      for (const element of elements.values()) element.remove();
      elements.clear();
      setCount(total);
    },
    /** Makes the rows in sight anew. `keepFocus` finds in a new row what shall have the focus that its old one had. */
    refresh(keepFocus = (element) => element) {
      for (const [index, element] of [...elements]) {
        const hadFocus = element.contains(document.activeElement);
        element.remove();
        elements.delete(index);
        if (index >= total) continue;
        add(index);
        if (hadFocus) keepFocus(elements.get(index))?.focus({ preventScroll: true });
      }
      soon();
    },
    /** The element of a row; brings it into sight first. */
    reveal(index) {
      const top = index * rowHeight;
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      else if (above + top + rowHeight > scroller.scrollTop + scroller.clientHeight) {
        scroller.scrollTop = above + top + rowHeight - scroller.clientHeight;
      }
      place();
      return elements.get(index);
    },
    /** The element of a row that is in sight. */
    element: (index) => elements.get(index),
    inSight,
    close() {
      cancelAnimationFrame(frame);
      resized.disconnect();
      scroller.removeEventListener('scroll', soon);
    },
  };
}
