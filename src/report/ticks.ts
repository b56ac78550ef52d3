// Without imports: pages load it as it is.

/** About `count` round numbers (1, 2 or 5 times a power of ten apart) inside low..high; at least one. */
export function niceTicks({ low, high }: { low: number; high: number }, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const ticks: number[] = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) ticks.push(n * step);
  return ticks.length > 0 ? ticks : [low];
}

/** The first step at or beyond each whole epoch. A hair below one is one: fractions are sums of steps. */
export function epochEnds(
  points: ReadonlyArray<{ step: number; epoch?: number | undefined }>,
): Array<{ epoch: number; step: number }> {
  const ends: Array<{ epoch: number; step: number }> = [];
  let done = Math.floor(points[0]?.epoch ?? 0);
  for (const { step, epoch = 0 } of points) {
    const whole = Math.floor(epoch + 1e-6);
    if (whole > done) ends.push({ epoch: whole, step });
    done = Math.max(done, whole);
  }
  return ends;
}

/** Decimals that tell neighbouring ticks apart. */
export function tickDigits(ticks: readonly number[]): number {
  const gap = ticks.length > 1 ? ticks[1]! - ticks[0]! : 0.01;
  return Math.min(10, Math.max(0, -Math.floor(Math.log10(gap) + 1e-9)));
}
