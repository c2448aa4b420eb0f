// Times in the viewer's zone, with UTC beside: gateways and their logs speak UTC.

import { h } from './elements.js';

const pad = (value, length = 2) => String(value).padStart(length, '0');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** A Date from a Date, an RFC 3339 text or seconds since 1970. */
export function dateOf(time) {
  if (time instanceof Date) return time;
  return new Date(typeof time === 'number' ? time * 1000 : time);
}

/** RFC 3339 in UTC, as queries want it. */
export function rfc3339(time) {
  return dateOf(time).toISOString().replace('.000Z', 'Z');
}

/** Whether the viewer's zone is UTC, so that UTC need not be said twice. */
export function isUtcHere(time = new Date()) {
  return dateOf(time).getTimezoneOffset() === 0;
}

/** `13:42`, or with seconds `13:42:07`, in the viewer's zone. */
export function clockWords(time, withSeconds = false) {
  const date = dateOf(time);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}${withSeconds ? `:${pad(date.getSeconds())}` : ''}`;
}

/** `Mon 2 Mar`, with the year when it is not this one. */
export function dayWords(time) {
  const date = dateOf(time);
  const year = date.getFullYear() === new Date().getFullYear() ? '' : ` ${date.getFullYear()}`;
  return `${DAYS[date.getDay()]} ${date.getDate()} ${MONTHS[date.getMonth()]}${year}`;
}

/** `13:42` when it is today, else `Mon 2 Mar 13:42`. */
export function shortWords(time, withSeconds = false) {
  const isToday = dateOf(time).toDateString() === new Date().toDateString();
  return isToday ? clockWords(time, withSeconds) : `${dayWords(time)} ${clockWords(time, withSeconds)}`;
}

/** `2026-03-02 13:42:07 UTC`. */
export function utc(time) {
  return `${dateOf(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `12:42 UTC`. */
export function utcClock(time) {
  return `${dateOf(time).toISOString().slice(11, 16)} UTC`;
}

/** A length of time in two units at the most: `3 m 20 s`. */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const units = [['d', 86400], ['h', 3600], ['m', 60], ['s', 1]];
  const first = units.findIndex(([, length]) => whole >= length);
  if (first < 0) return '0 s';
  let rest = whole;
  const parts = [];
  for (const [name, length] of units.slice(first, first + 2)) {
    const number = Math.floor(rest / length);
    rest -= number * length;
    if (number > 0) parts.push(`${number} ${name}`);
  }
  return parts.join(' ');
}

// The daemon's clock less the browser's, in milliseconds: "ago" goes by the daemon's.
let ahead = 0;

/** Notes the daemon's time. */
export function noteDaemonTime(time) {
  ahead = dateOf(time) - Date.now();
}

/** The daemon's time now. */
export function daemonNow() {
  return new Date(Date.now() + ahead);
}

/** `3 m ago`, `in 12 s`, by the daemon's clock unless another time is now. */
export function agoWords(time, now = daemonNow()) {
  const seconds = (now - dateOf(time)) / 1000;
  const words = span(Math.abs(seconds)).split(' ').slice(0, Math.abs(seconds) < 3600 ? 2 : 4).join(' ');
  if (Math.abs(seconds) < 1) return 'now';
  return seconds < 0 ? `in ${words}` : `${words} ago`;
}

/**
 * A time: `clock` 13:42, `short` with its day when that is not today, `full` with its day, seconds and UTC beside, `ago`.
 * The title has both zones.
 */
export function timeElement(time, style = 'short') {
  if (time === null || time === undefined) return h('span', { class: 'muted' }, 'never');
  const date = dateOf(time);
  const title = `${dayWords(date)} ${clockWords(date, true)}${isUtcHere(date) ? '' : ' here'}; ${utc(date)}`;
  const words = {
    clock: () => clockWords(date),
    time: () => clockWords(date, true),
    date: () => dayWords(date),
    short: () => shortWords(date),
    full: () => `${dayWords(date)} ${clockWords(date, true)}`,
    ago: () => agoWords(date),
  }[style]();
  const beside = style === 'full' && (isUtcHere(date) ? ' UTC' : ` (${utcClock(date)})`);
  return h('time', { datetime: rfc3339(date), title }, words, beside && h('span', { class: 'muted' }, beside));
}
