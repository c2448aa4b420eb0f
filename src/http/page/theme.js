// Light and dark: the system's choice, or the viewer's. Charts that paint by script ask here for the colours in force.

const KEY = 'anomalyd-theme';
const CHOICES = ['system', 'light', 'dark'];
const resolved = new Map();
let probe;

/** The choice in force: `system`, `light` or `dark`. */
export function themeChoice() {
  const kept = localStorage.getItem(KEY);
  return CHOICES.includes(kept) ? kept : 'system';
}

/** Puts the kept choice in force, and listens to the system's. */
export function beginTheme() {
  apply(themeChoice());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}

/** Goes on to the next choice, and gives it. */
export function nextTheme() {
  const next = CHOICES[(CHOICES.indexOf(themeChoice()) + 1) % CHOICES.length];
  localStorage.setItem(KEY, next);
  apply(next);
  return next;
}

function apply(choice) {
  if (choice === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  changed();
}

function changed() {
  resolved.clear();
  document.dispatchEvent(new CustomEvent('theme'));
}

/** The colour that a CSS variable such as `--score-4` stands for now. */
export function colour(variable) {
  if (!resolved.has(variable)) {
    if (!probe) {
      probe = document.createElement('span');
      probe.hidden = true;
      document.body.append(probe);
    }
    probe.style.setProperty('color', `var(${variable})`);
    resolved.set(variable, getComputedStyle(probe).color);
  }
  return resolved.get(variable);
}

/** The step of the scale of scores, from 0 to 7; from 4 on it is an anomaly. */
export function scoreStep(score) {
  const step = Math.max(0, Math.min(7, Math.floor(score * 8)));
  // A score of exactly 0.5 is no anomaly.
  return score <= 0.5 ? Math.min(3, step) : step;
}

/** The colour of a score. */
export function scoreColour(score) {
  return colour(`--score-${scoreStep(score)}`);
}
