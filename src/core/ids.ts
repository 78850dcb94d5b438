import { randomBytes } from 'node:crypto'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * Creates a run's id: ten characters of time, so that ids sort by age, and ten random ones. Base 32 as in Crockford's
 * ULID, in lower case.
 *
 * @param latest an id that the new one must sort after, even if the clock was set back; invalid ids are ignored.
 */
export function createRunId(nowMs: number, latest?: string, chance: Uint8Array = tenRandomBytes()): string {
  const timeMs = isRunId(latest) ? Math.max(nowMs, timeOf(latest) + 1) : nowMs
  let id = ''
  for (let rest = timeMs, index = 0; index < 10; index += 1, rest = Math.floor(rest / 32)) id = alphabet[rest % 32] + id
  for (let index = 0; index < 10; index += 1) id += alphabet[chance[index]! % 32]
  return id
}

let random: Uint8Array = new Uint8Array()

/** Reads many bytes at once, because a read of ten takes as long as one of a thousand, and a server needs an id per answer. */
function tenRandomBytes(): Uint8Array {
  if (random.length === 0) random = randomBytes(1000)
  const ten = random.subarray(0, 10)
  random = random.subarray(10)
  return ten
}

const timeOf = (id: string) => [...id.slice(0, 10)].reduce((time, digit) => time * 32 + alphabet.indexOf(digit), 0)

export function isRunId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-hjkmnp-tv-z]{20}$/.test(value)
}
