import { randomBytes, randomInt } from 'node:crypto'
import { truncate } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type CallContext, isSheikhError, plainPath, SheikhError } from '../core/index.js'
import {
  appendLine,
  createExclusively,
  type FileSystem,
  hostProcesses,
  type Lock,
  namesIn,
  nodeFileSystem,
  queueByName,
  readTextFile,
  storageFailed,
  takeLock,
} from '../store/index.js'
import { appendsOf, blankLines, type DayFile, dayFileName, dayFilesIn, lineAt } from './day-files.js'
import { checkEntries, corrupt, isInRange, newEntries, parseEntry } from './entry-shape.js'
import type { FeedbackStore } from './feedback.js'

export interface DirectoryFeedbackOptions {
  /** Maximum size of all files together. More entries are refused. @default 1073741824 (1 GiB) */
  readonly maximumBytes?: number | undefined
  /** What writes. @default the disk */
  readonly fileSystem?: FileSystem | undefined
}

/**
 * Keeps feedback in a folder, as JSON Lines: a file per day, an entry per line. Several processes may use the folder;
 * one of them writes at a time. An append is on the disk when it resolves, and a crash leaves all of it or none.
 * If the folder does not exist, it is created with a `.gitignore` that leaves it out of Git.
 *
 * Erasing overwrites the line in its file. Snapshots, backups, file systems that copy on write, and the spare blocks of
 * flash memory can still have the bytes. The ids of all entries are kept in memory, about 100 bytes each.
 *
 * @throws `invalid-options`; from its methods `storage-failed` (`facts.maximumBytes` if the folder is full),
 * `artifact-corrupt`, `locked` if other processes write for longer than 10 s.
 */
export function directoryFeedback(path: string, options: DirectoryFeedbackOptions = {}): FeedbackStore {
  const { maximumBytes = 2 ** 30, fileSystem = nodeFileSystem } = options
  if (!Number.isSafeInteger(maximumBytes) || maximumBytes < 1)
    throw new SheikhError(
      'invalid-options',
      `Cannot open the feedback store: "maximumBytes" is ${maximumBytes}. Choose a whole number from 1.`,
    )
  const root = resolve(plainPath(path, 'the path of a feedback store'))
  const queue = queueByName()
  const inOrder = <T>(work: () => Promise<T>) => queue('store', work)
  let files: readonly DayFile[] = []
  /** Where the entry with an id is: the number of its file × 2^40 + the offset of its line. */
  let places = new Map<string, number>()
  /** A lock that the disk did not let go. What was written under it is written. */
  let kept: Lock | undefined
  const placeOf = (id: string) => {
    const place = places.get(id)
    if (place === undefined) return undefined
    return { name: files[Math.floor(place / fileStep)]!.name, offset: place % fileStep }
  }

  /** Reads what other processes added. */
  async function refresh(context: CallContext): Promise<void> {
    const found = await dayFilesIn(root)
    const isAsKnown = files.every(({ name, wholeBytes }, index) => {
      const now = found[index]
      return now?.name === name && now.sizeBytes >= wholeBytes
    })
    if (!isAsKnown) {
      files = []
      places = new Map()
    }
    const read: DayFile[] = []
    for (const [index, { name, sizeBytes }] of found.entries()) {
      let wholeBytes = files[index]?.wholeBytes ?? 0
      for await (const { lines, end } of appendsOf(join(root, name), { from: wholeBytes, until: sizeBytes }, context)) {
        for (const { offset, value } of lines)
          if (typeof value?.['id'] === 'string') places.set(value['id'], index * fileStep + offset)
        wholeBytes = end
      }
      read.push({ name, wholeBytes, sizeBytes })
    }
    files = read
  }

  async function entryOf(id: string, context: CallContext) {
    const place = placeOf(id)
    if (place === undefined) return undefined
    const file = join(root, place.name)
    const value = await lineAt(file, place.offset, context)
    // Another process erased it.
    if (value === undefined) places.delete(id)
    return value === undefined ? undefined : parseEntry(value, file)
  }

  /** Git leaves out a folder that the store makes: it contains what people wrote. */
  async function makeFolder(): Promise<void> {
    await fileSystem.mkdir(root, { recursive: true }).catch((error: unknown) => {
      throw storageFailed('create', root, error)
    })
    // Also after a crash between the two. A folder with something in it may be in Git on purpose.
    if ((await namesIn(root)).length === 0) await createExclusively(join(root, '.gitignore'), '*\n', { fileSystem })
  }

  /** Runs `work` while no other process writes. */
  const alone = <T>(context: CallContext, work: () => Promise<T>): Promise<T> =>
    inOrder(async () => {
      context.signal.throwIfAborted()
      await makeFolder()
      const isStillOurs = await kept?.check().then(
        () => true,
        () => false,
      )
      const lock = isStillOurs ? kept! : await waitForLock(join(root, 'lock'), fileSystem, context)
      try {
        await refresh(context)
        return await work()
      } finally {
        kept = await lock.release().then(
          () => undefined,
          () => lock,
        )
      }
    })

  return {
    append(entries, context) {
      checkEntries(entries)
      return alone(context, async () => {
        const added = await newEntries(entries, async (id) => (await entryOf(id, context)) !== undefined)
        if (added.length === 0) return 0
        const more = (index: number) => (index < added.length - 1 ? { more: added.length - 1 - index } : {})
        const lines = added.map((entry, index) => JSON.stringify({ ...entry, ...more(index) })).join('\n')
        const usedBytes = files.reduce((sum, { wholeBytes }) => sum + wholeBytes, 0)
        if (usedBytes + Buffer.byteLength(lines) + 1 > maximumBytes) throw isFull(root, maximumBytes)
        const last = files.at(-1)
        if (last !== undefined && last.sizeBytes > last.wholeBytes) await cutOff(join(root, last.name), last.wholeBytes)
        // A clock that was set back must not put entries before older ones.
        const today = dayFileName(context.clock.nowMs())
        await appendLine(join(root, last !== undefined && last.name > today ? last.name : today), lines, { fileSystem })
        await refresh(context)
        return added.length
      })
    },
    async *read(range, context) {
      await inOrder(() => refresh(context))
      for (const { name, wholeBytes } of files)
        for await (const { lines } of appendsOf(join(root, name), { from: 0, until: wholeBytes }, context))
          for (const { value } of lines) {
            if (value === undefined) continue
            const entry = parseEntry(value, join(root, name))
            if (isInRange(entry, range)) yield entry
          }
    },
    prediction: (id, context) =>
      inOrder(async () => {
        context.signal.throwIfAborted()
        if (!places.has(id)) await refresh(context)
        const entry = await entryOf(id, context)
        return entry?.kind === 'prediction' ? entry : undefined
      }),
    erase: (ids, context) =>
      alone(context, async () => {
        const offsets = new Map<string, number[]>()
        for (const id of new Set(ids)) {
          const place = placeOf(id)
          if (place !== undefined) offsets.set(place.name, [...(offsets.get(place.name) ?? []), place.offset])
        }
        for (const [name, ofFile] of offsets) await blankLines(join(root, name), ofFile, context)
        for (const id of ids) places.delete(id)
      }),
    async secret() {
      const file = join(root, 'source-secret')
      await makeFolder()
      await createExclusively(file, `${randomBytes(32).toString('hex')}\n`, { fileSystem })
      const secret = (await readTextFile(file))?.trim()
      if (secret !== undefined && /^[0-9a-f]{64}$/.test(secret)) return secret
      throw corrupt(file, 'it is not 64 hexadecimal digits')
    },
  }
}

const fileStep = 2 ** 40
const lockWaitMs = 10_000

async function waitForLock(folder: string, fileSystem: FileSystem, context: CallContext) {
  const startMs = performance.now()
  for (;;) {
    try {
      return await takeLock(folder, 'feedback', hostProcesses, { temporaryFolder: folder, fileSystem }, context)
    } catch (error) {
      if (!isSheikhError(error, 'locked') || performance.now() - startMs > lockWaitMs) throw error
      // Random, so that processes do not try in step.
      await delay(randomInt(5, 50), undefined, { signal: context.signal }).catch(() => context.signal.throwIfAborted())
    }
  }
}

async function cutOff(file: string, wholeBytes: number): Promise<void> {
  try {
    await truncate(file, wholeBytes)
  } catch (error) {
    throw storageFailed('cut the incomplete end of', file, error)
  }
}

const isFull = (root: string, maximumBytes: number) =>
  new SheikhError(
    'storage-failed',
    `Cannot keep feedback in ${JSON.stringify(root)}: its files would exceed ${maximumBytes} bytes. Move old files away, or raise "maximumBytes".`,
    { facts: { path: root, maximumBytes }, retryable: true },
  )
