// Numbers for people.

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** A measured value in four digits: `4.123`, `0.00012`, `1234`. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) return value.toExponential(2);
  if (size >= 1000) return grouped.format(value);
  return String(Number(value.toPrecision(4)));
}

/** A count: `1,234,567`. */
export function count(value) {
  return value === null || value === undefined ? '–' : grouped.format(value);
}

/** `1 sensor`, `3 sensors`. */
export function counted(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `12 %`; never 0 % for something, nor 100 % for not all. */
export function share(value) {
  if (value === null || value === undefined) return '–';
  if (value > 0 && value < 0.01) return '<1 %';
  if (value < 1 && value > 0.99) return '>99 %';
  return `${Math.round(value * 100)} %`;
}

/** A short length of time: `312 µs`, `4.2 ms`, `1.25 s`. */
export function seconds(value) {
  const [unit, words] = [[1, 's'], [1e-3, 'ms'], [1e-6, 'µs']].find(([size]) => value >= size) ?? [1e-6, 'µs'];
  return `${Number((value / unit).toPrecision(3))} ${words}`;
}

/** A score in two digits: `0.97`. */
export function score(value) {
  return value === null || value === undefined ? '–' : value.toFixed(2);
}

/** `1.4 GB`, by thousands, as disks are sold. */
export function bytes(value) {
  if (value === null || value === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let index = 0;
  let rest = value;
  while (rest >= 999.5 && index < units.length - 1) {
    rest /= 1000;
    index += 1;
  }
  return `${rest >= 99.5 || index === 0 ? Math.round(rest) : Number(rest.toPrecision(2))} ${units[index]}`;
}

/** A rate: `1,250`, `12.4`, `0.3`. */
export function rate(value) {
  if (value >= 100) return count(value);
  return value >= 0.05 ? value.toFixed(1) : '0';
}
