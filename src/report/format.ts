/** Numbers as reports print them: English notation, the same on every machine and in every locale. */

/**
 * A share as a percentage, with its interval if given: "75.8%" or "75.8% [71.9, 79.3]".
 * @param share in 0..1, as the interval's ends; not a number gives "n/a"
 */
export function formatPercent(share: number, interval?: { low: number; high: number }, digits = 1): string {
  if (!Number.isFinite(share)) return "n/a";
  const percent = (value: number) => (100 * value).toFixed(digits);
  const range = interval ? ` [${percent(interval.low)}, ${percent(interval.high)}]` : "";
  return `${percent(share)}%${range}`;
}

const BYTE_UNITS = ["kB", "MB", "GB", "TB"] as const;

/** A size in decimal units, as disks and downloads are sold: MB = 10^6 bytes. "999 B", "4.7 MB", "13.6 GB". */
export function formatBytes(bytes: number): string {
  if (bytes < 999.5) return `${Math.round(bytes)} B`;
  let scaled = bytes / 1000;
  let unit = 0;
  // 999.95 and more would round to 1000.0 of this unit.
  while (scaled >= 999.95 && unit < BYTE_UNITS.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${scaled.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** A time span: "480 ms", "12.3 s", "4 min 05 s", "2 h 07 min", "3 d 04 h". @param seconds 0 or more */
export function formatDuration(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return twoUnits(whole, 60, "min", "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return twoUnits(minutes, 60, "h", "min");
  return twoUnits(Math.round(seconds / 3600), 24, "d", "h");
}

function twoUnits(value: number, size: number, large: string, small: string): string {
  return `${Math.floor(value / size)} ${large} ${String(value % size).padStart(2, "0")} ${small}`;
}

/** A whole number with commas between thousands: 12,345. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A difference of shares in percentage points with its interval: "+1.2 points [-0.4, 2.8]". */
export function formatPoints({ difference, low, high }: { difference: number; low: number; high: number }): string {
  const points = (share: number) => (100 * share).toFixed(1).replace(/^-(0\.0)$/, "$1");
  const sign = 100 * difference >= 0.05 ? "+" : "";
  return `${sign}${points(difference)} points [${points(low)}, ${points(high)}]`;
}

/** A p-value behind the letter p: "= 0.012", "< 0.001". */
export function formatP(pValue: number): string {
  return pValue < 0.001 ? "< 0.001" : `= ${pValue.toFixed(3)}`;
}
