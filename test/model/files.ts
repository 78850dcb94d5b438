import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { isSheikhError, type SheikhError } from '../../src/core/index.js'

/** A folder that is removed when the file's tests are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-model-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A safetensors file of a header as it stands, unpadded, and data. */
export function rawFile(header: string | Uint8Array, data: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(header as string)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, data])
}

/** The error of ours that a promise rejects with; anything else fails the test. */
export async function rejection(promise: Promise<unknown>): Promise<SheikhError> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  )
  if (isSheikhError(error)) return error
  throw error
}
