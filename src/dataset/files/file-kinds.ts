// Downloads break off, and servers answer with a page that says so. Both are told from the first and the last bytes.

interface Kind {
  readonly name: string
  readonly starts: readonly string[]
  /** Bytes that a whole file has among its last bytes. Programs append data, so they need not be the very last. */
  readonly end?: string | undefined
  readonly endName?: string | undefined
}

/** First and last bytes as Latin-1 text. */
const kinds: readonly Kind[] = [
  // https://www.w3.org/TR/png-3/#5PNG-file-signature, and the last chunk with its CRC.
  { name: 'PNG image', starts: ['\x89PNG\r\n\x1a\n'], end: 'IEND\xaeB`\x82', endName: 'the chunk IEND' },
  // https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1.1.3: SOI and EOI.
  { name: 'JPEG image', starts: ['\xff\xd8\xff'], end: '\xff\xd9', endName: 'the marker EOI' },
  { name: 'GIF image', starts: ['GIF87a', 'GIF89a'] },
  { name: 'BMP image', starts: ['BM'] },
  { name: 'TIFF image', starts: ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'] },
  { name: 'PDF document', starts: ['%PDF-'], end: '%%EOF', endName: '%%EOF' },
  { name: 'ZIP archive', starts: ['PK\x03\x04'], end: 'PK\x05\x06', endName: 'the end of its directory' },
  { name: 'JPEG XL image', starts: ['\xff\x0a', '\0\0\0\x0cJXL '] },
]

/** Extensions of images that begin as one of `kinds` or in a RIFF or ISO container, whichever of them it is. */
const imageNames = /\.(png|jpe?g|gif|webp)$/i

/** Number of the first bytes that tell the kind of a file. */
export const headBytes = 16
/** Number of the last bytes among which the end of a file is searched. */
export const tailBytes = 66 * 1024

/**
 * What is wrong with a file, as far as its first and last bytes tell.
 *
 * @param head its first `headBytes` bytes, or all. @param tail its last `tailBytes` bytes, or all.
 */
export function contentProblem(path: string, sizeBytes: number, head: Buffer, tail: Buffer): string | undefined {
  if (sizeBytes === 0) return 'is empty; add its content, or remove the sample'
  const start = head.toString('latin1', 0, headBytes)
  const cutShort = (kind: string, fact: string) =>
    `is a ${kind} that was cut short: ${fact}. Fetch the file again, or remove the sample`
  if (/^RI(FF|FX)|^RF64/.test(start)) {
    if (!start.startsWith('RIFF') || head.length < 12) return undefined
    // A stream that was written without an end has no size, or the largest.
    const told = head.readUInt32LE(4)
    const isKnown = told !== 0 && told < 0x7fff_ffff
    return isKnown && told + 8 > sizeBytes
      ? cutShort(`RIFF file (${start.slice(8, 12).trim()})`, `it has ${sizeBytes} of ${told + 8} bytes`)
      : undefined
  }
  const kind = kinds.find(({ starts }) => starts.some((bytes) => start.startsWith(bytes)))
  if (kind?.end !== undefined && !tail.includes(Buffer.from(kind.end, 'latin1')))
    return cutShort(kind.name, `it has ${sizeBytes} bytes and ends without ${kind.endName}`)
  if (kind === undefined && imageNames.test(path) && start.slice(4, 8) !== 'ftyp')
    return 'has the extension of an image, but does not begin as one; replace it with the image, or remove the sample'
  return undefined
}
