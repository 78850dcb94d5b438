// Two states are compared by the files that differ between them. Here the result is that of reading both states, for every
// kind of change.
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { digestSample } from '../../src/dataset/index.js'
import { datasetOf, samplesOf } from '../../src/repository/compose.js'
import { loadConfiguration } from '../../src/repository/config/index.js'
import { type ComparedState, commitState, workTreeState } from '../../src/repository/diff/compared-state.js'
import { changesOf } from '../../src/repository/diff/diff-states.js'
import { diffProjects } from '../../src/repository/diff/project-diff.js'
import { openGit } from '../../src/repository/git/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'
import { git, temporaryFolder, write } from './harness.js'
import { project, sample } from './project.js'

const folder = 'dataset/samples'
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => JSON.stringify(sample(from + index))).join('\n')
const settings = (more = '', target = 'label') =>
  `validation: { schema_path: dataset/schemas/sample.json }\nprojection: { input: text, target: ${target} }\n${more}`
const quarantined = (...indices: readonly number[]) => ({
  formatVersion: 1,
  samples: indices.map((index) => ({
    ...{ id: sample(index).id, digest: digestSample(sample(index)), kind: 'duplicate', reason: 'a test' },
  })),
})
const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'

/** Enough files that a scan asks Git for their content ids. */
const many = Object.fromEntries(
  Array.from({ length: 260 }, (_, index) => [`${folder}/fill/${1000 + index}.json`, sample(1000 + index)]),
)
const base = {
  ...many,
  'dataset/config.yaml': settings(),
  [`${folder}/table.csv`]: 'id,text,label\nc1,apple one,fruit\nc2,"bus\ntwo",vehicle\n',
  [`${folder}/rows.jsonl`]: lines(100, 130),
  [`${folder}/emptied.jsonl`]: lines(300, 303),
  [`${folder}/gone/a.json`]: sample(400),
  [`${folder}/list.json`]: [sample(200), sample(201)],
  [`${folder}/noid/a.jsonl`]: '{"text":"apple","label":"fruit"}\n{"text":"apple","label":"fruit"}\n',
  'dataset/schemas/sample.json': {
    type: 'object',
    required: ['text', 'label'],
    properties: { label: { enum: ['fruit', 'vehicle'] } },
  },
}

type Put = (path: string, content: unknown) => void
type Change = (root: string, put: Put) => void | Promise<void>

/** Changes after which only files that differ are read. */
const shared: Readonly<Record<string, Change>> = {
  'an edited sample': (_, put) => put(`${folder}/fill/1003.json`, { ...sample(1003), text: 'edited' }),
  'another label': (_, put) => put(`${folder}/fill/1004.json`, { ...sample(1004), label: 'vehicle' }),
  'a new file': (_, put) => put(`${folder}/new/x.json`, sample(2000)),
  'a deleted file': (root) => rmSync(join(root, folder, 'fill/1005.json')),
  'a deleted folder': (root) => rmSync(join(root, folder, 'gone'), { recursive: true }),
  'a renamed file': (root) => rename(join(root, folder, 'fill/1006.json'), join(root, folder, 'fill/renamed.json')),
  'a file without ids in another category': async (root) => {
    mkdirSync(join(root, folder, 'other'))
    await rename(join(root, folder, 'noid/a.jsonl'), join(root, folder, 'other/a.jsonl'))
  },
  'a sample in another file': (root, put) => {
    rmSync(join(root, folder, 'fill/1007.json'))
    put(`${folder}/list.json`, [sample(200), sample(201), sample(1007)])
  },
  'lines added, removed and edited': (_, put) => put(`${folder}/rows.jsonl`, `${lines(105, 133)}\n`),
  'a row of a table': (_, put) => put(`${folder}/table.csv`, 'id,text,label\nc1,apple one,vehicle\nc3,x,fruit\n'),
  'an empty file': (_, put) => put(`${folder}/emptied.jsonl`, ''),
  'files that are no samples': (_, put) => {
    put(`${folder}/notes.txt`, 'text')
    put(`${folder}/.hidden.json`, '{"broken')
  },
  'a link': (root) => symlinkSync('1003.json', join(root, folder, 'fill/link.json')),
  'quarantined samples': (_, put) => put('dataset/quarantine.json', quarantined(1008, 110)),
  'another evaluation set': (_, put) => put('dataset/evaluation.json', pinned(1010)),
  'another gate': (_, put) =>
    put(
      'mlops/pipeline.yaml',
      'pipeline: { name: tiny }\nstages: { validate_weights: { checks: [ { accuracy_threshold: 0.3 } ] } }\n',
    ),
}

/** Changes that concern all rows, and errors, which reading a state as a whole reports. */
const whole: Readonly<Record<string, Change>> = {
  'another projection': (_, put) => put('dataset/config.yaml', settings('', 'text')),
  'another pattern': (_, put) => put('dataset/config.yaml', settings(`samples: ["${folder}/fill/*.json"]\n`)),
  'another schema': (_, put) => put('dataset/schemas/sample.json', { type: 'object', required: ['text'] }),
  'a schema between the samples': (_, put) => {
    put('dataset/config.yaml', settings(`samples: ["${folder}/fill/*.json"]\n`).replace('schemas/', 'samples/'))
    put('dataset/samples/sample.json', { type: 'object' })
  },
  'a line that is not JSON': (_, put) => put(`${folder}/rows.jsonl`, '{"text'),
  'a sample that the schema rejects': (_, put) => put(`${folder}/x.json`, { ...sample(7), label: 'animal' }),
  'names that differ in case': (_, put) => put(`${folder}/fill/1003.JSON`, sample(5000)),
  'an id twice': (_, put) => put(`${folder}/x.json`, sample(1003)),
  'a pointer of Git LFS': (_, put) => put(`${folder}/rows.jsonl`, pointer),
  'attributes that may convert': (_, put) => put('.gitattributes', '*.csv text eol=crlf\n'),
  'a format that is not read': (_, put) => put(`${folder}/x.xlsx`, 'PK'),
  'no samples': (root) => rmSync(join(root, folder), { recursive: true }),
  'a submodule between the samples': (root) => {
    const other = join(temporaryFolder(), 'other')
    mkdirSync(other)
    git(other, 'init', '-q')
    write(other, 'y.json', JSON.stringify(sample(3000)))
    git(other, 'add', '-A')
    git(other, 'commit', '-q', '-m', 'Other')
    git(root, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', other, `${folder}/sub`)
  },
}

const pinned = (index: number) => ({
  ...{ formatVersion: 2, salt: 'x', purpose: 'evaluation', share: 0.1 },
  items: [sample(index), { ...sample(index + 1), text: 'before' }, { ...sample(9000), text: 'gone' }].map((item) => ({
    ...{ id: item.id, digest: digestSample(item) },
  })),
})

/** @param isKnown whether an earlier run has read the samples. */
async function start(isKnown: boolean) {
  const { root, put } = await project(base, { pin: false })
  const commit = () => {
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '--allow-empty', '-m', 'Change')
    return git(root, 'rev-parse', 'HEAD').trim()
  }
  // Late enough that the stamps of all files are trusted.
  const context = callContext({ clock: fixedClock(Date.now() + 60_000) })
  const access = { shared: root, environment: process.env }
  const cache = directoryStore(join(root, '.sheikh')).documents
  if (isKnown) {
    const configuration = await loadConfiguration(root, context)
    const source = samplesOf(root, configuration, access, { isWorkTree: true })
    await datasetOf(root, configuration, access, { source }).contents({ ...context, cache })
  }
  const library = await openGit(root, context)
  const open = (state: string | undefined, other?: string) => {
    if (state === undefined) return workTreeState(root, access, context)
    const [, changes] = changesOf(library, other, state)
    return commitState(library, { commit: state, project: '', workTree: root, changes, access }, context)
  }
  /** The difference, and whether a file that both states have was written. */
  async function difference(from: string, to: string | undefined, isShort: boolean) {
    await using before = await open(from, to)
    await using after = await open(to, from)
    const files = (state: ComparedState) => (isShort ? state : { ...state, named: async () => undefined })
    const name = (state: string | undefined) => ({ name: state ?? 'the work tree' })
    const found = await diffProjects(
      [
        { name: name(from), files: files(before) },
        { name: name(to), files: files(after) },
      ],
      { includeText: true, access },
      { ...context, cache },
    )
    return { found, wrote: existsSync(join(before.root, folder, 'fill/1100.json')) }
  }
  /** Compares both ways. */
  async function same(from: string, to: string | undefined, name = 'changes') {
    const quick = await difference(from, to, true)
    expect([name, quick.found]).toEqual([name, (await difference(from, to, false)).found])
    return quick
  }
  const reset = (state: string) => {
    git(root, 'reset', '-q', '--hard', state)
    git(root, 'clean', '-q', '-ffd', folder)
  }
  return { root, put, commit, same, reset }
}

describe('a difference of states that share files is that of reading both', () => {
  it('for all changes of files at once, and reads only those that differ', async () => {
    const { root, put, commit, same } = await start(true)
    const first = commit()
    const { 'a link': link, ...others } = shared
    for (const change of Object.values(others)) await change(root, put)
    await same(first, undefined)
    // The work tree refuses links, which commits leave out.
    await link!(root, put)
    const second = commit()
    expect((await same(first, second)).wrote).toBe(false)
    if (isWhole) expect((await same(second, first)).wrote).toBe(false)
  })

  itInFull('for each change of files, and reads only those that differ', async () => {
    const { root, put, commit, same, reset } = await start(true)
    const first = commit()
    for (const [name, change] of Object.entries(shared)) {
      await change(root, put)
      const second = commit()
      expect([name, (await same(first, second, name)).wrote]).toEqual([name, false])
      reset(first)
    }
  })

  // A sample of them without SHEIKH_TESTS=whole.
  it('for each change of all rows and each error, and then reads both states', { timeout: 300_000 }, async () => {
    const { root, put, commit, same, reset } = await start(true)
    const first = commit()
    for (const [name, change] of Object.entries(whole).filter((_, index) => isWhole || index % 8 === 1)) {
      await change(root, put)
      const second = commit()
      expect([name, (await same(first, second, name)).wrote]).toEqual([name, true])
      if (isWhole) await same(second, first, name)
      reset(first)
    }
  })

  itInFull('for any changes, one after the other, also if no run has read the samples', async () => {
    const names = Object.keys({ ...shared, ...whole })
    const order = fc.uniqueArray(fc.constantFrom(...names), { minLength: 2, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(fc.boolean(), order, async (isKnown, some) => {
        const { root, put, commit, same } = await start(isKnown)
        const commits = [commit()]
        for (const name of some) {
          // A change may need a file that an earlier one removed.
          await (async () => ({ ...shared, ...whole })[name]!(root, put))().catch(() => undefined)
          commits.push(commit())
        }
        await same(commits.at(-2)!, commits.at(-1)!)
        await same(commits[0]!, commits.at(-1)!)
      }),
      { numRuns: 8 },
    )
  })

  it('if no run has read the samples, and leaves a cache as it is', async () => {
    const { put, commit, same, root } = await start(false)
    const first = commit()
    put(`${folder}/fill/1003.json`, { ...sample(1003), text: 'edited' })
    const second = commit()
    await same(first, second)
    expect(existsSync(join(root, '.sheikh'))).toBe(false)
  })
})
