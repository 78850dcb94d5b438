import { cpSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { initGitRepository, initRepository } from '../src/repository/index.js'
import { commitAll } from './commit-all.js'
import { madeOnce } from './made-once.js'

/** What `sheikh init` makes, under the name "tickets": 200 samples, 80 of them pinned. To be copied. */
export const templateProject = (): Promise<string> =>
  madeOnce('project', (folder) => initRepository(folder, { name: 'tickets' }))

/** Copies it to `folder`. */
export async function copyTemplateProject(folder: string): Promise<void> {
  cpSync(await templateProject(), folder, { recursive: true })
}

/** The same samples in one file per category: to copy and read 20 files takes a tenth of the time for 200. To be copied. */
export const compactProject = (): Promise<string> =>
  madeOnce('compact-project', async (folder) => {
    await copyTemplateProject(folder)
    await rm(join(folder, '.git'), { recursive: true })
    for (const category of await readdir(join(folder, 'dataset/samples'))) {
      const place = join(folder, 'dataset/samples', category)
      const samples = await Promise.all((await readdir(place)).sort().map((name) => readSamples(join(place, name))))
      await rm(place, { recursive: true })
      await mkdir(place)
      await writeSamples(join(place, 'all.jsonl'), samples.flat())
    }
    await initGitRepository(folder)
    commitAll(folder, 'Start')
  })

export interface TicketSample {
  readonly id: string
  readonly text: string
  readonly label: string
}

/** From a file of one sample, or of one per line. */
async function readSamples(path: string): Promise<readonly TicketSample[]> {
  const text = await readFile(path, 'utf8')
  return path.endsWith('.json')
    ? [JSON.parse(text)]
    : text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
}

async function writeSamples(path: string, samples: readonly TicketSample[]): Promise<void> {
  await writeFile(path, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''))
}

async function sampleFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(folder, 'dataset/samples'), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** All samples of a copy of either project. */
export const ticketSamples = async (folder: string): Promise<readonly TicketSample[]> =>
  (await Promise.all((await sampleFiles(folder)).map(readSamples))).flat()

/** Changes samples of a copy of either project; `undefined` removes one. */
export async function changeSamples(
  folder: string,
  change: (sample: TicketSample, isPinned: boolean) => TicketSample | undefined,
): Promise<void> {
  const pinned = new Set(await pinnedIds(folder))
  for (const path of await sampleFiles(folder)) {
    const samples = await readSamples(path)
    const changed = samples.flatMap((sample) => change(sample, pinned.has(sample.id)) ?? [])
    if (changed.length === 0) await rm(path)
    else if (changed.some((sample, index) => sample !== samples[index]) || changed.length < samples.length)
      await writeSamples(path, changed)
  }
}

export async function pinnedIds(folder: string): Promise<readonly string[]> {
  const { items } = JSON.parse(await readFile(join(folder, 'dataset/evaluation.json'), 'utf8')) as {
    items: readonly { id: string }[]
  }
  return items.map(({ id }) => id)
}
