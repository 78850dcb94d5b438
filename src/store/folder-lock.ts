// A lock is a numbered file, `lock/<token>.held`; the highest number is what counts. To take the lock, whether it is free
// or its holder is dead, is to create the next number exclusively: of many takers one succeeds, and nothing that another
// may hold is ever renamed or removed, which is where takeovers by rename go wrong. To let go is to rename it to `.free`.
// A holder that cannot be seen from here (another container or host) counts as alive while it renews its lease.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { type CallContext, isSheikhError, type Json, type JsonObject, SheikhError } from '../core/index.js'
import {
  type AtomicWriteOptions,
  createExclusively,
  readJsonFile,
  removeQuietly,
  renameDurably,
} from './atomic-files.js'
import { namesIn } from './empty-folder.js'
import { ageMs, fileSystemNowMs, leaseMs, renewLease } from './lease.js'
import { canSee, type HostProcesses, type ProcessIdentity } from './processes.js'
import { lockLost } from './records.js'
import type { HeldLock, Lock } from './store.js'

interface Holder extends ProcessIdentity {
  readonly formatVersion: 1
  readonly token: number
  readonly id: string
  readonly purpose: string
  readonly atMs: number
}

// A slow taker compares numbers that it listed; while this many are kept, none that it may have missed is gone.
const keptNumbers = 32

/** Takes the lock in `folder`. @throws `locked` if its holder lives, or cannot be seen from here and has a lease. */
export async function takeLock(
  folder: string,
  purpose: string,
  processes: HostProcesses,
  writing: AtomicWriteOptions,
  context: CallContext,
): Promise<Lock> {
  for (;;) {
    context.signal.throwIfAborted()
    const current = await highest(folder)
    if (current?.held)
      await checkDead(folder, current.token, processes, () => fileSystemNowMs(folder, writing.fileSystem))
    const token = (current?.token ?? 0) + 1
    const holder: Holder = {
      formatVersion: 1,
      token,
      id: randomUUID(),
      ...processes.self(),
      purpose,
      atMs: context.clock.nowMs(),
    }
    if (!(await createExclusively(heldPath(folder, token), `${JSON.stringify(holder)}\n`, writing))) continue
    // A taker that slept since it listed the folder may have made a number that was used and cleared away.
    if (await isCurrent(folder, token)) {
      await clearOld(folder, token, writing).catch(() => {})
      return lockOf(folder, holder, writing)
    }
    await removeQuietly(heldPath(folder, token), writing.fileSystem)
  }
}

function lockOf(folder: string, { token, id }: Holder, { fileSystem }: AtomicWriteOptions): Lock {
  const path = heldPath(folder, token)
  const isOurs = async () => (await isCurrent(folder, token)) && toHolder(await readJsonFile(path))?.id === id
  let held = true
  const stopRenewal = renewLease(path, fileSystem)
  const release = async () => {
    if (!held) return
    stopRenewal()
    // A rename needs no space, so that a full disk does not keep the lock.
    if (await isOurs()) await renameDurably(path, freePath(folder, token), fileSystem)
    held = false
  }
  return {
    token,
    async check() {
      if (!(await isOurs())) throw lockLost({ token, path: folder })
    },
    release,
    [Symbol.asyncDispose]: release,
  }
}

/**
 * The lock as it is held now; `undefined` if it is free, or its holder is known to be gone. For a holder on another host it reads the
 * clock of the file system from a temporary file, because the clocks of two hosts may differ.
 */
export async function heldLock(
  folder: string,
  processes: HostProcesses,
  { fileSystem }: AtomicWriteOptions,
  context: CallContext,
): Promise<HeldLock | undefined> {
  context.signal.throwIfAborted()
  const current = await highest(folder)
  if (!current?.held) return undefined
  const { token } = current
  try {
    // Whoever may not write into the folder has only its own clock.
    const readClock = () => fileSystemNowMs(folder, fileSystem).catch(() => context.clock.nowMs())
    await checkDead(folder, token, processes, readClock)
    return undefined
  } catch (error) {
    if (!isSheikhError(error, 'locked')) throw error
    const { purpose } = error.facts
    return { token, purpose: typeof purpose === 'string' ? purpose : 'unknown' }
  }
}

async function checkDead(
  folder: string,
  token: number,
  processes: HostProcesses,
  readClock: () => Promise<number>,
): Promise<void> {
  const path = heldPath(folder, token)
  const holder = toHolder(await readJsonFile(path))
  if (holder === undefined) {
    // It was let go, or overtaken, since the folder was listed.
    if (!(await isCurrent(folder, token))) return
    // Only a crash on a file system without hard links leaves half of one, and whoever writes one renews it.
    if (!(await hasLease(path, readClock))) return
    throw locked(
      'its file cannot be read',
      `Wait ${leaseMs / 1000} seconds, or make sure that no run is active and remove ${JSON.stringify(path)}.`,
      { path },
    )
  }
  const self = processes.self()
  const { pid, hostname, purpose, atMs } = holder
  const facts = { path, pid, hostname, purpose, atMs, token, holder: holder as unknown as Json }
  if (canSee(self, holder)) {
    if (await processes.isAlive(pid, holder.processStartTime))
      throw locked(`process ${pid} holds it (${purpose})`, 'Wait for that run to end, or stop it.', facts)
    return
  }
  if (await hasLease(path, readClock))
    throw locked(
      `process ${pid} of another container or host (${JSON.stringify(hostname)}) holds it (${purpose})`,
      `Wait for that run to end. If its process is gone, the lock becomes free ${leaseMs / 1000} seconds after its last sign of life.`,
      facts,
    )
}

async function hasLease(path: string, readClock: () => Promise<number>): Promise<boolean> {
  const age = await ageMs(path, await readClock())
  return age !== undefined && age <= leaseMs
}

async function highest(folder: string): Promise<{ readonly token: number; readonly held: boolean } | undefined> {
  const entries = await numbersIn(folder)
  const token = entries.reduce((most, entry) => Math.max(most, entry.token), 0)
  // Where a number stands twice, a slow taker made it again after it was let go: free is what counts.
  return token === 0 ? undefined : { token, held: !entries.some((entry) => entry.token === token && !entry.held) }
}

async function isCurrent(folder: string, token: number): Promise<boolean> {
  const current = await highest(folder)
  return current?.token === token && current.held
}

async function clearOld(folder: string, token: number, { fileSystem }: AtomicWriteOptions): Promise<void> {
  for (const entry of await numbersIn(folder))
    if (entry.token <= token - keptNumbers) await removeQuietly(join(folder, entry.name), fileSystem)
}

async function numbersIn(folder: string) {
  return (await namesIn(folder)).flatMap((name) => {
    const match = /^(\d{1,15})\.(held|free)$/.exec(name)
    return match === null ? [] : [{ name, token: Number(match[1]), held: match[2] === 'held' }]
  })
}

function toHolder(value: Json | undefined): Holder | undefined {
  const { formatVersion, pid, hostname, id } = (value ?? {}) as JsonObject
  const whole = formatVersion === 1 && typeof pid === 'number' && typeof hostname === 'string' && typeof id === 'string'
  return whole ? (value as unknown as Holder) : undefined
}

const numbered = (token: number) => String(token).padStart(12, '0')
const heldPath = (folder: string, token: number) => join(folder, `${numbered(token)}.held`)
const freePath = (folder: string, token: number) => join(folder, `${numbered(token)}.free`)

const locked = (fact: string, remedy: string, facts: Readonly<Record<string, unknown>>) =>
  new SheikhError('locked', `Cannot take the lock: ${fact}. ${remedy}`, { facts, retryable: true })
