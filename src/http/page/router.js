// Which view the address names: `#/sensors/press-1/flow?since=…` is the view of a sensor. A view is a module that is
// fetched when it is first shown.

import { h, problemNote, replace } from './elements.js';

// The first part of the address, and how many parts follow, decide the view.
const VIEWS = {
  now: () => import('./now.js'),
  sensors: () => import('./sensors.js'),
  'sensors/': () => import('./sensor.js'),
  conditions: () => import('./conditions.js'),
  unusual: () => import('./unusual.js'),
  runs: () => import('./runs.js'),
  'runs/': () => import('./run.js'),
  models: () => import('./models.js'),
  rejects: () => import('./rejects.js'),
  'rejects/': () => import('./rejects.js'),
  connections: () => import('./connections.js'),
  store: () => import('./store.js'),
  configuration: () => import('./configuration.js'),
};

let main;
let shown = null;
let closeShown = null;
// Grows with each view, so that a module that arrives late is not shown over the next.
let turn = 0;

/** Shows views in an element from now on. */
export function beginRouting(element) {
  main = element;
  addEventListener('hashchange', () => show(true));
  show(false);
}

/** The address of a view: `link('sensors/press-1/flow', { since })`. Parts are encoded already. */
export function link(path, query) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== '') asked.set(name, value);
  }
  const text = asked.toString();
  return `#/${path}${text ? `?${text}` : ''}`;
}

function parsed() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const parts = path.split('/').filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  const [name = 'now', ...rest] = parts;
  return { name, path: rest, query: new URLSearchParams(query), whole: `${path}?${query}` };
}

/** Changes the address' query without showing the view again: what one has chosen can be linked to. */
function setQuery(values) {
  const { query } = parsed();
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === '') query.delete(name);
    else query.set(name, value);
  }
  const path = location.hash.replace(/^#\/?/, '').split('?')[0] || 'now';
  const text = query.toString();
  history.replaceState(null, '', `#/${path}${text ? `?${text}` : ''}`);
  shown = parsed().whole;
}

async function show(isByUser) {
  const { name, path, query, whole } = parsed();
  if (whole === shown) return;
  shown = whole;
  turn += 1;
  const own = turn;
  markNavigation(name);
  const load = VIEWS[path.length > 0 ? `${name}/` : name];
  let module;
  try {
    module = load ? await load() : null;
  } catch (problem) {
    console.error(problem);
    if (own === turn) fail(new Error('This view cannot be loaded. Is the daemon running? Reload the page to try again.'));
    return;
  }
  if (own !== turn) return;
  close();
  const root = h('div', { class: `view ${name}` });
  replace(main, root);
  scrollTo(0, 0);
  if (!module) {
    document.title = 'anomalyd';
    replace(root, h('h1', null, 'No such view'),
      h('p', null, 'The address names no view of this page. ', h('a', { href: '#/now' }, 'Go to Now'), '.'));
    return;
  }
  document.title = `${path.length > 0 ? path.join('/') : module.title} – anomalyd`;
  try {
    closeShown = module.view(root, { path, query, setQuery });
  } catch (problem) {
    console.error(problem);
    fail(problem);
  }
  // A screen reader goes on at the new view; the first view leaves the focus where it is.
  if (isByUser) main.focus({ preventScroll: true });
}

function close() {
  const closing = closeShown;
  closeShown = null;
  if (typeof closing === 'function') closing();
  else closing?.close?.();
}

function fail(problem) {
  close();
  shown = null;
  replace(main, h('div', { class: 'view' }, h('h1', null, 'This view cannot be shown'), problemNote(problem)));
}

function markNavigation(name) {
  for (const anchor of document.querySelectorAll('#navigation a')) {
    if (anchor.hash === `#/${name}`) anchor.setAttribute('aria-current', 'page');
    else anchor.removeAttribute('aria-current');
  }
}
