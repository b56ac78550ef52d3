const FIRST_PART = /-00001-of-(\d{5})\.gguf$/;

/** All parts of a split model by the name of its first one; of any other file itself. */
export function splitParts(path: string): string[] {
  const count = FIRST_PART.exec(path)?.[1];
  if (count === undefined) return [path];
  return Array.from({ length: Number(count) }, (_, i) =>
    path.replace(FIRST_PART, `-${String(i + 1).padStart(5, "0")}-of-$1.gguf`),
  );
}
