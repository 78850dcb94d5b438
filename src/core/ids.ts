import { randomBytes } from 'node:crypto'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** A run's id: ten characters of time, so that ids sort by age, and ten of chance. Base 32 as in Crockford's ULID, lower case. */
export function createRunId(nowMs: number, chance: Uint8Array = randomBytes(10)): string {
  let time = ''
  for (let rest = nowMs, index = 0; index < 10; index += 1, rest = Math.floor(rest / 32))
    time = alphabet[rest % 32] + time
  return time + Array.from(chance.subarray(0, 10), (byte) => alphabet[byte % 32]).join('')
}

export function isRunId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-hjkmnp-tv-z]{20}$/.test(value)
}
