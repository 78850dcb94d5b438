import { createHash } from 'node:crypto'
import { commit, createRepo } from '@huggingface/hub'
import type { Hub } from '../../src/testing/hub/index.js'
import { ask, token } from '../testing/hub-fixture.js'

export const dataset = 'datasets/ns/mails'

export type DataFiles = Readonly<Record<string, string | Uint8Array>>

/** Commits files to a dataset repository of the loopback Hub, and makes the repository first. @returns the commit. */
export async function putDataset(hub: Hub, files: DataFiles, repo = dataset): Promise<string> {
  const common = { hubUrl: hub.url, accessToken: token, repo: repo as `datasets/${string}/${string}` }
  await createRepo({ ...common, private: true }).catch(() => undefined)
  const operations = Object.entries(files).map(([path, content]) => ({
    operation: 'addOrUpdate' as const,
    path,
    content: new Blob([typeof content === 'string' ? content : Buffer.from(content)]),
  }))
  const done = await commit({ ...common, title: 'Add data', operations })
  return done!.commit.oid
}

export const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

export const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** The branch that the Hub fills with converted files, pointed at a commit. */
export async function setRef(hub: Hub, name: string, oid: string): Promise<void> {
  const answer = await ask(hub, 'POST', `/api/${dataset}/branch/${encodeURIComponent(name)}`, {
    startingPoint: oid,
    overwrite: true,
  })
  if (!answer.ok) throw new Error(await answer.text())
}
