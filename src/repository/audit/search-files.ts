import { constants } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, type Digest, hexOf, isSheikhError } from '../../core/index.js'
import { readEvaluation } from '../../evaluation/index.js'

/** What a file contains of a sample. `digest`: only a digest of it. */
export type SampleContent = 'text' | 'id' | 'digest'

/** What to look for. */
export interface Needles {
  readonly id: string
  /** Texts of the sample, all its versions. */
  readonly texts: readonly string[]
  readonly digests: readonly Digest[]
}

export interface FoundFile {
  /** Below the searched folder. */
  readonly path: string
  readonly content: SampleContent
}

const pieceBytes = 8 * 1024 * 1024
/** Shorter texts, such as a label, are in many files by chance. */
const leastText = 16
const evaluationMark = 'sheikh-evaluation-1'

/** The texts of a sample by which copies of it are found: strings of at least 16 characters. */
export function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.length >= leastText ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsOf)
}

/**
 * The files below a folder that contain a sample's id, its text or a digest of it. Links are not followed.
 *
 * @param skip names of folders that are not searched. @returns also files that could not be read.
 */
export async function searchFolder(
  root: string,
  needles: Needles,
  { skip, context }: { readonly skip: (path: string) => boolean; readonly context: CallContext },
): Promise<{ readonly found: readonly FoundFile[]; readonly unread: readonly string[] }> {
  const found: FoundFile[] = []
  const unread: string[] = []
  const matcher = matcherOf(needles)
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => undefined)
    if (entries === undefined) {
      if (folder !== '') unread.push(folder)
      return
    }
    for (const entry of entries) {
      context.signal.throwIfAborted()
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (skip(path)) continue
      if (entry.isDirectory()) await visit(path)
      else if (entry.isFile()) {
        const content = await searchFile(join(root, path), matcher, needles.id, context).catch((error) => {
          if (!isSheikhError(error) && (error as NodeJS.ErrnoException).code === undefined) throw error
          unread.push(path)
          return undefined
        })
        if (content !== undefined) found.push({ path, content })
      }
    }
  }
  await visit('')
  return { found, unread }
}

interface Matcher {
  readonly longest: number
  readonly match: (piece: Buffer) => SampleContent | undefined
}

const rank: readonly SampleContent[] = ['text', 'id', 'digest']

function matcherOf({ id, texts, digests }: Needles): Matcher {
  const inJson = (text: string) => JSON.stringify(text).slice(1, -1)
  const written = [...new Set(texts.flatMap((text) => [text, inJson(text)]))].map((text) => Buffer.from(text))
  // A short id or a number is in many files by chance.
  const isCommon = id.length < 4 || /^[\d.]+$/.test(id)
  const ids = [...new Set([id, inJson(id)])].map((text) => Buffer.from(isCommon ? `"${text}"` : text))
  const hashes = digests.flatMap((digest) => [Buffer.from(hexOf(digest)), Buffer.from(hexOf(digest), 'hex')])
  return {
    longest: Math.max(...[...written, ...ids, ...hashes].map(({ length }) => length)) + 2,
    match: (piece) => {
      if (written.some((text) => piece.includes(text))) return 'text'
      if (ids.some((name) => includesWord(piece, name))) return 'id'
      return hashes.some((hash) => piece.includes(hash)) ? 'digest' : undefined
    },
  }
}

/** Whether the piece has the name, and not only within a longer one. */
function includesWord(piece: Buffer, name: Buffer): boolean {
  for (let at = piece.indexOf(name); at >= 0; at = piece.indexOf(name, at + 1))
    if (!isWordByte(piece[at - 1]) && !isWordByte(piece[at + name.length])) return true
  return false
}

const isWordByte = (byte: number | undefined) => byte !== undefined && /[A-Za-z0-9_-]/.test(String.fromCharCode(byte))

async function searchFile(
  path: string,
  { longest, match }: Matcher,
  id: string,
  context: CallContext,
): Promise<SampleContent | undefined> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  try {
    const found = new Set<SampleContent>()
    for await (const piece of piecesOf(file, longest, context)) {
      // The ids of an evaluation stand one after another, without anything between them.
      if (piece.subarray(0, 4096).includes(evaluationMark))
        return [...(await readEvaluation(path, context)).ids].includes(id) ? 'id' : undefined
      const content = match(piece)
      if (content !== undefined) found.add(content)
      if (content === 'text') break
    }
    return rank.find((content) => found.has(content))
  } finally {
    await file.close()
  }
}

/** The file in pieces; each begins with the last `overlap` bytes of the one before. */
async function* piecesOf(file: FileHandle, overlap: number, { signal }: CallContext): AsyncIterable<Buffer> {
  const { size } = await file.stat()
  const buffer = Buffer.allocUnsafe(Math.min(size + 1, pieceBytes) + overlap)
  let kept = 0
  for (;;) {
    signal.throwIfAborted()
    const { bytesRead } = await file.read(buffer, kept, buffer.length - kept, null)
    if (bytesRead === 0) return
    const length = kept + bytesRead
    yield buffer.subarray(0, length)
    kept = Math.min(overlap, length)
    buffer.copyWithin(0, length - kept, length)
  }
}
