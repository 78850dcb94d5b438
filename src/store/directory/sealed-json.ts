// A record that can tell that it is damaged: JSON whose first member but one is the digest of the text of its last.
// Checked over the text as it stands, not over a canonical form, so that a document of megabytes is checked in milliseconds.
import { digestBytes, type Json } from '../../core/index.js'

const head = /^\{"formatVersion":1,"digest":"(sha256:[0-9a-f]{64})","value":/

export function sealJson(value: Json): string {
  const text = JSON.stringify(value)
  return `{"formatVersion":1,"digest":"${digestBytes(text)}","value":${text}}\n`
}

/** The value that was sealed; `undefined` for anything else: a torn, damaged or foreign text. */
export function unsealJson(sealed: string | undefined): Json | undefined {
  const match = sealed === undefined ? null : head.exec(sealed)
  if (sealed === undefined || match === null || !sealed.endsWith('}\n')) return undefined
  const text = sealed.slice(match[0].length, -2)
  return digestBytes(text) === match[1] ? (JSON.parse(text) as Json) : undefined
}
