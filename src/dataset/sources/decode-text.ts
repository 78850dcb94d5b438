import { gunzipSync } from 'node:zlib'
import { messageOf } from '../../core/index.js'
import { isPointerText, pointerProblem } from '../../store/index.js'

/** The encoding that the first bytes of a text announce; `undefined` for UTF-32, which is not supported. */
export function encodingOf(start: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' | undefined {
  const [first, second, third, fourth] = start
  if (first === 0xff && second === 0xfe) return third === 0 && fourth === 0 ? undefined : 'utf-16le'
  if (first === 0xfe && second === 0xff) return 'utf-16be'
  return first === 0 && second === 0 && third === 0xfe && fourth === 0xff ? undefined : 'utf-8'
}

/** Whether bytes begin with the gzip signature (RFC 1952, section 2.3.1). */
export const isGzip = (start: Uint8Array): boolean => start[0] === 0x1f && start[1] === 0x8b

/**
 * Decodes bytes to text: gzip is unpacked, and UTF-8 or, after a byte order mark, UTF-16 is decoded.
 *
 * @param maximumBytes maximum size of unpacked gzip data.
 */
export function decodeText(
  bytes: Uint8Array,
  maximumBytes: number,
): { readonly text: string } | { readonly problem: string } {
  let content = bytes
  if (isGzip(bytes)) {
    try {
      content = gunzipSync(bytes, { maxOutputLength: maximumBytes })
    } catch (error) {
      const large = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      return {
        problem: large ? `it unpacks to more than ${maximumBytes} bytes; split it` : `gzip: ${messageOf(error)}`,
      }
    }
  }
  const encoding = encodingOf(content)
  if (encoding === undefined) return { problem: 'it is UTF-32 text; save it as UTF-8' }
  let text: string
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(content)
  } catch {
    return { problem: 'it is not UTF-8 text; save it as UTF-8' }
  }
  // ASCII in UTF-16 without a mark is valid UTF-8 in which every other character is NUL.
  if (text[0] === '\0' || text[1] === '\0')
    return { problem: 'it looks like UTF-16 without a byte order mark; save it as UTF-8' }
  if (isPointerText(text)) return { problem: pointerProblem }
  return { text }
}

/** Removes the byte order marks that concatenated files leave at the start of a line. */
export const withoutMarks = (line: string): string => (line.startsWith('\uFEFF') ? line.replace(/^\uFEFF+/, '') : line)
