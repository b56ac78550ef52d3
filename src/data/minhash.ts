import { SeededRandom } from "../util/random.js";
import { words } from "./words.js";

/** Words of a shingle. */
const SHINGLE = 5;
const BANDS = 32;
const ROWS_A_BAND = 4;
/** Minima a document; the estimate of a similarity s has the standard error sqrt(s (1 - s) / 128), 0.035 at 0.8. */
export const SIGNATURE_LENGTH = BANDS * ROWS_A_BAND;
/** Documents of a bucket that one is compared with: a phrase that many share must not make the work quadratic. */
const MAX_CANDIDATES = 64;
/** Changes with the shingles, the hashes, the seed, the bands or the candidates. */
export const MINHASH_VERSION = "minhash-128/word-5-gram@2";

/** Part of the version: another seed finds other pairs near the threshold. */
const SEEDS = (() => {
  const random = new SeededRandom(0x6d696e68);
  return Uint32Array.from({ length: SIGNATURE_LENGTH }, () => random.uint32());
})();

/**
 * The MinHash signature of a text over its word 5-grams; a shorter text is one shingle. Undefined without a word.
 * @returns [128] the least hash of any shingle, one for each of 128 hash functions
 * @see Broder 1997, On the resemblance and containment of documents
 */
export function minHashSignature(text: string): Uint32Array | undefined {
  const all = words(text);
  if (all.length === 0) return undefined;
  const hashes = all.map(wordHash);
  const signature = new Uint32Array(SIGNATURE_LENGTH).fill(0xffffffff);
  const count = Math.max(1, all.length - SHINGLE + 1);
  const length = Math.min(SHINGLE, all.length);
  for (let start = 0; start < count; start++) {
    let shingle = length;
    for (let i = start; i < start + length; i++)
      shingle = Math.imul(shingle ^ (hashes[i] as number), 0x9e3779b1) ^ (shingle >>> 15);
    addShingle(signature, mix(shingle));
  }
  return signature;
}

/** An estimate of the Jaccard similarity of two texts' sets of shingles: the share of equal minima. */
export function estimateSimilarity(a: Uint32Array, b: Uint32Array): number {
  let equal = 0;
  for (let i = 0; i < SIGNATURE_LENGTH; i++) if (a[i] === b[i]) equal += 1;
  return equal / SIGNATURE_LENGTH;
}

function addShingle(signature: Uint32Array, shingle: number): void {
  for (let i = 0; i < SIGNATURE_LENGTH; i++) {
    // One multiplication between two shifts is enough: the shingle is mixed already, the seed chooses the function.
    let hash = Math.imul(shingle ^ (SEEDS[i] as number), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> 0;
    if (hash < (signature[i] as number)) signature[i] = hash;
  }
}

/** FNV-1a over UTF-16 units. */
function wordHash(word: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** MurmurHash3's finaliser. */
function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/**
 * Finds, among the documents added before, one that is similar to a new one: locality-sensitive hashing in 32 bands of
 * 4 minima. A pair of similarity 0.8 shares a band with probability 1 - (1 - 0.8^4)^32 > 0.99999, one of 0.5 with 0.87;
 * what shares a band is then decided by the estimate. Of the documents that share a band the 64 newest are looked at, so
 * a document is compared with 2048 others at most. Memory: 0.8 to 1.5 KB a document, since the arrays double.
 */
export class NearDuplicateIndex {
  #signatures = new Uint32Array(SIGNATURE_LENGTH * 64);
  /** [bands * buckets] the newest document of a bucket, -1 for none. */
  #heads = new Int32Array(BANDS * 64).fill(-1);
  /** [documents * bands] the next older document of the same bucket. */
  #next = new Int32Array(BANDS * 64);
  #buckets = 64;
  #size = 0;

  /** @param threshold least estimated similarity of a match, over 0 and up to 1 */
  constructor(private readonly threshold: number) {}

  get size(): number {
    return this.#size;
  }

  /** The most similar document at or above the threshold, by its number; of equals the one added first. Sees 64 a band. */
  find(signature: Uint32Array): { document: number; similarity: number } | undefined {
    let best: { document: number; similarity: number } | undefined;
    const seen = new Set<number>();
    for (let band = 0; band < BANDS; band++) {
      let next = this.#heads[this.#bucket(signature, 0, band)] as number;
      for (let candidates = 0; next !== -1 && candidates < MAX_CANDIDATES; candidates++) {
        const document = next;
        next = this.#next[document * BANDS + band] as number;
        if (seen.has(document)) continue;
        seen.add(document);
        const similarity = estimateSimilarity(signature, this.#signature(document));
        if (similarity < this.threshold || similarity < (best?.similarity ?? 0)) continue;
        if (similarity === best?.similarity && document > best.document) continue;
        best = { document, similarity };
      }
    }
    return best;
  }

  /** Adds a document; the first one has number 0. */
  add(signature: Uint32Array): number {
    if (this.#size === this.#buckets) this.#grow();
    const document = this.#size++;
    this.#signatures.set(signature, document * SIGNATURE_LENGTH);
    this.#link(document);
    return document;
  }

  #signature(document: number): Uint32Array {
    return this.#signatures.subarray(document * SIGNATURE_LENGTH, (document + 1) * SIGNATURE_LENGTH);
  }

  #link(document: number): void {
    for (let band = 0; band < BANDS; band++) {
      const bucket = this.#bucket(this.#signatures, document * SIGNATURE_LENGTH, band);
      this.#next[document * BANDS + band] = this.#heads[bucket] as number;
      this.#heads[bucket] = document;
    }
  }

  #bucket(signatures: Uint32Array, offset: number, band: number): number {
    let hash = band;
    for (let i = 0; i < ROWS_A_BAND; i++)
      hash = Math.imul(hash ^ (signatures[offset + band * ROWS_A_BAND + i] as number), 0x9e3779b1) ^ (hash >>> 15);
    return band * this.#buckets + ((mix(hash) >>> 0) & (this.#buckets - 1));
  }

  #grow(): void {
    this.#buckets *= 2;
    const signatures = new Uint32Array(SIGNATURE_LENGTH * this.#buckets);
    signatures.set(this.#signatures);
    this.#signatures = signatures;
    this.#heads = new Int32Array(BANDS * this.#buckets).fill(-1);
    this.#next = new Int32Array(BANDS * this.#buckets);
    for (let document = 0; document < this.#size; document++) this.#link(document);
  }
}
