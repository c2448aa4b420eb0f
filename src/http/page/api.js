// Asks the daemon: everything that the page shows comes through here.

const BASE = 'api/v1/';
const REMEMBERED = 200;
const LISTEN_AGAIN_AFTER = 30_000;

/** Why there is no answer, in words for a person. */
export class ApiProblem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
    this.detail = message;
  }

  /** Whether the daemon could not be reached at all. */
  get isAway() {
    return this.status === 0;
  }
}

// The last answers with their ETags: the daemon says 304 when nothing has changed.
const answers = new Map();

/** An answer as JSON. `query` may hold null for what is not asked. */
export async function get(path, query, signal) {
  const url = address(path, query);
  const known = answers.get(url);
  const response = await ask(url, { signal, headers: known ? { 'If-None-Match': known.etag } : {} });
  if (response.status === 304 && known) {
    remember(url, known);
    return known.answer;
  }
  const answer = await read(response);
  const etag = response.headers.get('ETag');
  if (etag) remember(url, { etag, answer });
  return answer;
}

/** Sends a body, and gives the answer. */
export async function post(path, body) {
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const response = await ask(address(path), {
    method: 'POST', headers, body: body === undefined ? undefined : JSON.stringify(body),
  });
  return read(response);
}

/** The address of an answer, for links such as those to CSV. */
export function address(path, query) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== '') asked.set(name, value);
  }
  const text = asked.toString();
  return BASE + path + (text ? `?${text}` : '');
}

/** Splits `device/sensor`; a device may hold slashes. */
export function splitSensor(name) {
  const slash = name.lastIndexOf('/');
  return { device: name.slice(0, slash), sensor: name.slice(slash + 1) };
}

/** The path of a sensor's answers. */
export function sensorPath(name) {
  const { device, sensor } = splitSensor(name);
  return `sensors/${encodeURIComponent(device)}/${encodeURIComponent(sensor)}`;
}

/** The role of who looks at the page: `viewer` or `operator`. */
export async function me() {
  return get('me');
}

async function ask(url, options) {
  try {
    // The page keeps the answers with their ETags itself.
    return await fetch(url, { cache: 'no-store', credentials: 'same-origin', ...options });
  } catch (problem) {
    if (problem.name === 'AbortError') throw problem;
    throw new ApiProblem(0, 'The daemon does not answer. It may be stopped or restarting; the page goes on asking.');
  }
}

async function read(response) {
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    const words = `The daemon answers something else than expected (${response.status})`;
    throw new ApiProblem(response.status, `${words}. Reload the page: the daemon may be of another version now.`);
  }
  if (response.ok) return answer;
  if (response.status === 401) document.dispatchEvent(new CustomEvent('login-needed'));
  const refused = response.status === 403 ? 'This needs the role operator.' : `The daemon refuses (${response.status}).`;
  throw new ApiProblem(response.status, answer?.detail ?? refused);
}

function remember(url, entry) {
  answers.delete(url);
  answers.set(url, entry);
  if (answers.size > REMEMBERED) answers.delete(answers.keys().next().value);
}

/**
 * Asks again and again: at once, then every so many seconds after the answer. A hidden tab asks nothing. The returned
 * function ends it; its `now()` asks at once.
 */
export function poll(seconds, question, show, showProblem = () => {}) {
  const ending = new AbortController();
  let timer;
  let isAsking = false;
  let isAskedAgain = false;
  const round = async () => {
    clearTimeout(timer);
    if (ending.signal.aborted || document.hidden) return;
    if (isAsking) {
      isAskedAgain = true;
      return;
    }
    isAsking = true;
    try {
      const answer = await question(ending.signal);
      if (!ending.signal.aborted) show(answer);
    } catch (problem) {
      if (!ending.signal.aborted && problem.name !== 'AbortError') showProblem(problem);
      if (!(problem instanceof ApiProblem) && problem.name !== 'AbortError') console.error(problem);
    }
    isAsking = false;
    const wait = isAskedAgain ? 200 : seconds * 1000;
    isAskedAgain = false;
    if (!ending.signal.aborted) timer = setTimeout(round, wait);
  };
  document.addEventListener('visibilitychange', round, { signal: ending.signal });
  round();
  const close = () => { clearTimeout(timer); ending.abort(); };
  close.now = round;
  return close;
}

/**
 * Events as they happen: `kinds` such as ['run', 'model']. The browser connects again by itself. A hidden tab does not
 * listen: a browser has few connections to a host, for all of its tabs.
 */
export function listen(kinds, pattern, onEvent) {
  const ending = new AbortController();
  let source = null;
  let timer;
  const follow = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
    if (document.hidden || ending.signal.aborted) return;
    source = new EventSource(address('events', { kinds: kinds.join(','), pattern }));
    for (const kind of [...kinds, 'missed']) {
      source.addEventListener(kind, (event) => onEvent(JSON.parse(event.data)));
    }
    // It does so after a broken connection only, not after a refusal such as that of a daemon that starts.
    source.addEventListener('error', ({ target }) => {
      if (target.readyState === EventSource.CLOSED) timer = setTimeout(follow, LISTEN_AGAIN_AFTER);
    });
  };
  document.addEventListener('visibilitychange', follow, { signal: ending.signal });
  follow();
  return () => {
    ending.abort();
    clearTimeout(timer);
    source?.close();
  };
}
