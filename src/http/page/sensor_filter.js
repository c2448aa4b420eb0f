// The pattern of sensors that a typed text stands for.

/** `flow` finds all names that hold it; `press-1/*` is taken as it is; nothing asks for all. */
export function patternOf(text) {
  const clean = text.replace(/[\p{Cc}+#]/gu, '').trim();
  if (clean === '') return null;
  return clean.includes('*') ? clean : `*${clean}*`;
}
