import { hash } from 'node:crypto'

export interface SelectionOptions {
  /** Any text. A different salt selects different keys. */
  readonly salt: string
  /** Purpose of the selection. Selections for different purposes are independent. @default 'evaluation' */
  readonly purpose?: string | undefined
  /** Share of all keys to select, 0..1. */
  readonly share: number
}

/**
 * Whether a key is selected: the first 8 bytes (big-endian) of sha256(`<salt>/<purpose>\0<key>`), divided by 2⁶⁴, are
 * below the share.
 *
 * The result does not depend on other keys, so keys that are added later change nothing.
 */
export function isSelected(key: string, { salt, purpose = 'evaluation', share }: SelectionOptions): boolean {
  return Number(rankOf(key, { salt, purpose })) / 2 ** 64 < share
}

/** Rank of a key: the first 8 bytes (big-endian) of sha256(`<salt>/<purpose>\0<key>`). */
export function rankOf(key: string, { salt, purpose }: { readonly salt: string; readonly purpose: string }): bigint {
  return hash('sha256', `${salt}/${purpose}\0${key}`, 'buffer').readBigUInt64BE(0)
}
