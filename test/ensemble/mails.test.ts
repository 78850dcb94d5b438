import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadMails, type Mail, picked } from '../../examples/quickstart/mails.js'
import { callContext } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { ensembleTrainer } from '../../src/ensemble/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, qualityGate, weightIntegrity } from '../../src/gate/index.js'
import { Pipeline } from '../../src/pipeline/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { loadRelease } from '../../src/releaser/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'

it('an ensemble of classifiers of e-mails passes the gate, and its release names the members', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-mails-'))
  try {
    const mails = loadMails().filter(({ body }) => picked('ensemble', body, 0.2))
    const parts = {
      source: memorySamples(mails),
      input: ({ text }: Mail) => text,
      target: ({ label }: Mail) => label as string,
      group: ({ body }: Mail) => body,
    }
    const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'mails', share: 0.3 })
    const member = (options: object) => tfjsTrainer(textClassifier({ epochs: 2, ...options }))
    const members = { words: member({ bigrams: false, characters: false }), pairs: member({}), again: member({}) }
    const trainer = ensembleTrainer({ members })
    const releaser = directoryRegistry(join(folder, 'releases'))
    const result = await new Pipeline({
      dataset: new Dataset({ ...parts, evaluation: pinnedSet(pinned) }),
      ...{ store: directoryStore(join(folder, 'store')), trainer, releaser },
      gate: qualityGate([weightIntegrity(), atLeast(accuracy(), 0.9)]),
    }).run()
    if (result.status !== 'released') throw new Error(`A release was expected, not ${result.status}.`)
    const { version, manifest } = result.release
    const files = manifest.files.map(({ path }) => path)
    for (const name of Object.keys(members)) expect(files).toContain(`members/${name}/model.safetensors`)
    const opened = join(folder, 'opened')
    await releaser.open(version, opened, callContext())
    const config = JSON.parse(await readFile(join(opened, 'config.json'), 'utf8'))
    expect(config.members.map(({ name }: { readonly name: string }) => name)).toEqual(['words', 'pairs', 'again'])
    await using model = await loadRelease(releaser, { trainer }, callContext())
    expect(await model.predict([mails[0]!.text])).toMatchObject([{ kind: 'label', label: mails[0]!.label }])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
