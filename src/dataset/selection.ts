import { createHash } from 'node:crypto'

export interface SelectionOptions {
  /** Any text; another one chooses other keys. */
  readonly salt: string
  /** What is chosen for: choices for different purposes are independent. @default 'evaluation' */
  readonly purpose?: string | undefined
  /** Of all keys, 0..1. */
  readonly share: number
}

/**
 * Whether a key is chosen: the first 8 bytes (big-endian) of sha256(`<salt>/<purpose>\0<key>`), divided by 2⁶⁴, are below the share.
 *
 * Whatever else there is, a key is chosen or not: what is added later moves nothing.
 */
export function isSelected(key: string, { salt, purpose = 'evaluation', share }: SelectionOptions): boolean {
  return Number(rankOf(key, { salt, purpose })) / 2 ** 64 < share
}

/** Where a key stands among all there could be: the first 8 bytes (big-endian) of sha256(`<salt>/<purpose>\0<key>`). */
export function rankOf(key: string, { salt, purpose }: { readonly salt: string; readonly purpose: string }): bigint {
  return createHash('sha256').update(`${salt}/${purpose}\0${key}`).digest().readBigUInt64BE(0)
}
