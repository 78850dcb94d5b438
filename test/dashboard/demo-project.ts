// A project with something on every page of the dashboard, for the browser's tests and the pictures in the docs.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { initRepository, openRepository } from '../../src/repository/index.js'

/**
 * Two releases, one of them in production, a run that was held because of poisoned labels, one that was not needed, and
 * one that awaits approval on the current commit.
 *
 * @param folder must be absent or empty.
 * @param epochs of the last training: 10,000 take about 5 s.
 */
export async function makeDemoProject(folder: string, epochs = 30): Promise<void> {
  await initRepository(folder, { name: 'tickets' })
  const run = async () => (await (await openRepository(folder)).pipeline()).run()
  const commit = async (message: string) => (await openRepository(folder)).commit({ message })
  await run()
  await relabel(folder, 'technical', 'technical', 0, 1)
  await commit('Add a missing word to a ticket')
  await run()
  const { pipeline } = await (await openRepository(folder)).load()
  await pipeline.promote('0.1.0', { to: 'production', by: 'Ada <ada@example.org>' })
  await relabel(folder, 'login', 'billing', 5)
  await relabel(folder, 'shipping', 'technical', 5)
  const poisoned = await commit('Import a batch of labels')
  await run()
  await (await openRepository(folder)).revert(poisoned)
  await run()
  // So small a margin cannot be shown with 80 items.
  await edit(folder, 'mlops/pipeline.yaml', (text) => text.replace('margin: 0.05', 'margin: 0.01'))
  await edit(folder, 'mlops/training/config.yaml', (text) => `${text}  num_train_epochs: ${epochs}\n`)
  await commit('Train longer, and tolerate at most one point')
  await run()
}

/** Training samples of a category get a label and a longer text; what is judged on stays as it is. */
async function relabel(folder: string, category: string, label: string, from: number, to?: number) {
  const { items } = JSON.parse(await readFile(join(folder, 'dataset/evaluation.json'), 'utf8')) as {
    items: readonly { id: string }[]
  }
  const pinned = new Set(items.map(({ id }) => `${id}.json`))
  const names = (await readdir(join(folder, `dataset/samples/${category}`))).filter((name) => !pinned.has(name))
  for (const name of names.slice(from, to))
    await edit(folder, `dataset/samples/${category}/${name}`, (text) => {
      const sample = JSON.parse(text) as { text: string }
      return JSON.stringify({ ...sample, label, text: `${sample.text} Please.` })
    })
}

async function edit(folder: string, path: string, change: (text: string) => string): Promise<void> {
  await writeFile(join(folder, path), change(await readFile(join(folder, path), 'utf8')))
}
