import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { commandNamed } from '../../src/cli/command-table.js'
import { forgetSteps } from '../../src/repository/audit/forget-steps.js'
import { openRepository } from '../../src/repository/index.js'
import { sheikh, sheikhJson } from '../cli/harness.js'
import { itInFull } from '../in-full.js'
import { git, temporaryFolder, write } from './harness.js'
import { project, sample } from './project.js'

const path = (index: number) => `dataset/samples/all/${String(index).padStart(2, '0')}.json`

/** What git and the files are, to show that nothing was changed. */
const stateOf = (root: string) => [
  git(root, 'status', '--porcelain', '--untracked-files=all', '--ignored'),
  git(root, 'rev-parse', 'HEAD', 'sheikh-ledger'),
]

async function started(isReleased = false) {
  const made = await project({}, { isReleased })
  const { items } = await made.repository.evaluationSet()
  const pinned = items[0]!.id
  const training = Array.from({ length: 40 }, (_, index) => index).find((index) =>
    items.every(({ id }) => id !== sample(index).id),
  )!
  const run = async () => {
    const result = await (await made.repository.pipeline()).run()
    if (result.status !== 'released') throw new Error(result.status)
    return result.release.version
  }
  return { ...made, pinned, training, run }
}

it('finds every release, file and commit with a trace of a sample, and changes nothing', async () => {
  const { root, repository, put, commit, run } = await started(true)
  const person = { id: 'person-7', text: 'apple of Jane Example, 7 Elm Street', label: 'fruit' }
  put('dataset/samples/all/p.jsonl', `${JSON.stringify(sample(80))}\n${JSON.stringify(person)}\n`)
  put('prompts/inference/ask.txt', 'Two {{ text }}\n')
  await commit('Add')
  await run()
  await (await repository.pipeline()).promote('0.2.0', { to: 'production', by: 'Ada' })
  put('reports/one.md', '| person-7 | wrong |\n')
  put('reports/other.md', '| person-70 | wrong |\nnot-person-7\n')
  put('exports/copy.csv', `id,text\n1,"${person.text}"\n`)
  put('model.bin', Buffer.concat([Buffer.alloc(9_000_000), Buffer.from('"person-7"')]))
  put('scores.json', [
    { id: 'person-7', score: 1 },
    { id: 'b', score: 0 },
  ])
  put('.sheikh-gate/main.jsonl', '{"id":"person-7","score":1}\n')
  symlinkSync('/etc', join(root, 'link'))
  const before = stateOf(root)
  // A day later: by then what is known of each file may be cached.
  const tomorrow = { nowMs: () => Date.now() + 86_400_000 }
  const later = await openRepository(root, { clock: tomorrow })
  const plan = await later.planForget('person-7')
  expect(stateOf(root)).toEqual(before)

  expect(plan).toMatchObject({ now: { path: 'all/p.jsonl', position: 'line 2', use: 'training' }, problems: [] })
  expect(plan.pinned).toBeUndefined()
  expect(plan.releases).toMatchObject([
    { version: '0.2.0', trainedOn: true, channels: ['latest', 'production'], record: [] },
  ])
  const files = Object.fromEntries(plan.files.map(({ path: file, content }) => [file, content]))
  expect(files).toMatchObject({
    'dataset/samples/all/p.jsonl': 'text',
    'reports/one.md': 'id',
    'exports/copy.csv': 'text',
    'model.bin': 'id',
    '.sheikh-gate/main.jsonl': 'id',
  })
  expect(files).not.toHaveProperty(['reports/other.md'])
  expect(plan.files.some(({ place }) => place === 'store')).toBe(true)
  expect(plan.history.events.map(({ subject, change }) => [subject, change])).toEqual([['Add', 'added']])
  expect(plan.history.blobs).toEqual([
    {
      blob: git(root, 'rev-parse', 'HEAD:dataset/samples/all/p.jsonl').trim(),
      path: 'dataset/samples/all/p.jsonl',
      isAlone: false,
    },
  ])
  const commands = plan.steps.flatMap((step) => step.commands)
  expect(commands).toEqual([
    'sheikh rollback --to 0.1.0 --reason "Erasure request"',
    'sheikh promote 0.1.0 --to production',
    '$EDITOR dataset/samples/all/p.jsonl',
    'git rm -- .sheikh-gate/main.jsonl',
    'git commit -a -m "Remove a sample"',
    'sheikh run',
    'sheikh promote <new version> --to production',
    'sheikh gc --keep-last 1',
    'sheikh gc --keep-last 1 --apply',
    'rm -r .sheikh',
    'cp -- dataset/samples/all/p.jsonl ../kept-1   # if it still exists',
    'git filter-repo --invert-paths --path=dataset/samples/all/p.jsonl',
    expect.stringContaining('cp -- ../kept-1 dataset/samples/all/p.jsonl && git add -- dataset/samples/all/p.jsonl'),
    'git commit -m "Add the samples that stay"',
    'git remote add origin <address>',
    'git push --force --all && git push --force --tags',
    `git log --all --oneline --find-object=${plan.history.blobs[0]!.blob}`,
  ])
  for (const command of commands) {
    const [, name, rest = ''] = /^sheikh (\S+)(.*)$/.exec(command) ?? []
    if (name === undefined) continue
    const { options } = await commandNamed(name)
    for (const [, option] of rest.matchAll(/ --([a-z-]+)/g)) expect(options, command).toHaveProperty([option!])
  }
  const { code, out } = await sheikh(root, ['forget', 'person-7'])
  expect(code).toBe(0)
  expect(out).toMatch(/^Plan to erase person-7 \(nothing was changed\)\n/)
  expect(out).toContain('  0.2.0  trained on it; channels: latest, production\n')
  expect(out + JSON.stringify(plan)).not.toContain('Jane')
})

it('withdraws by name what no channel points at', async () => {
  const { repository, put, commit, run } = await started(true)
  put('dataset/samples/all/p.json', { id: 'person-7', text: 'apple of Jane Example, 7 Elm Street', label: 'fruit' })
  for (const word of ['Two', 'Three']) {
    put('prompts/inference/ask.txt', `${word} {{ text }}\n`)
    await commit(word)
    await run()
  }
  const { steps } = await repository.planForget('person-7')
  expect(steps.flatMap(({ commands }) => commands).filter((command) => /rollback|withdraw/.test(command))).toEqual([
    'sheikh rollback --to 0.1.0 --reason "Erasure request"',
    'sheikh withdraw 0.2.0 --reason "Erasure request"',
  ])
})

it('finds a pinned sample in scores, records, evaluations of runs and the evaluation set', async () => {
  const { root, repository, pinned } = await started(true)
  const plan = await repository.planForget(pinned)
  expect(plan.pinned).toMatch(/^sha256:/)
  expect(plan.releases).toMatchObject([{ version: '0.1.0', trainedOn: false, record: ['scores', 'digest'] }])
  const stored = plan.files
    .filter(({ place, content }) => place === 'store' && content === 'id')
    .map((file) => file.path)
  expect(stored.some((file) => file.startsWith('.sheikh/objects/'))).toBe(true)
  expect(plan.files).toContainEqual({ path: 'dataset/evaluation.json', content: 'id', place: 'evaluation-set' })
  const commands = plan.steps.flatMap((step) => step.commands)
  expect(commands).toContain('sheikh evaluation repin --reason "Erasure request"')
  expect(commands.filter((command) => /rollback|gc /.test(command))).toEqual([])
  const file = plan.history.blobs[0]!.path
  expect(commands).toContain(`git rm -- ${file}`)
  expect(commands).toContain(`git filter-repo --invert-paths --path=${file}`)

  // The steps that need no other program, as they are printed.
  const local = commands.slice(0, commands.indexOf('sheikh run'))
  for (const command of local)
    if (command.startsWith('sheikh ')) {
      const argv = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)
      expect((await sheikh(root, argv.slice(1))).code, command).toBe(0)
    } else
      execFileSync('sh', ['-c', command], {
        cwd: root,
        env: {
          ...process.env,
          GIT_AUTHOR_NAME: 'A',
          GIT_AUTHOR_EMAIL: 'a@b',
          GIT_COMMITTER_NAME: 'A',
          GIT_COMMITTER_EMAIL: 'a@b',
        },
      })
  expect(existsSync(join(root, file))).toBe(false)
  expect((await repository.evaluationSet()).items.some(({ id }) => id === pinned)).toBe(false)
  const after = await repository.planForget(pinned)
  expect([after.now, after.pinned]).toEqual([undefined, undefined])
  expect(after.history.events.map(({ change }) => change)).toEqual(['removed', 'added'])
})

it('quotes hostile paths, and names training that starts from a model that knew the sample', async () => {
  const { root, repository, put, commit, run } = await started()
  const file = "dataset/samples/all/-a'b; $(touch hacked)\u001b[2J.json"
  put(file, { ...sample(81), id: 'x y' })
  await commit('Add')
  const version = await run()
  const { bundle: digest } = (await (await repository.pipeline()).history())[0]!
  put('mlops/training/config.yaml', `training: { warm_start: ${JSON.stringify({ version, digest })} }\n`)
  await commit('Start from it')
  const { steps } = await repository.planForget('x y')
  const commands = steps.flatMap((step) => step.commands)
  expect(commands).toContain('$EDITOR mlops/training/config.yaml')
  const [remove] = commands.filter((command) => command.includes(' rm -- '))
  execFileSync('sh', ['-c', remove!], { cwd: root })
  expect([existsSync(join(root, file)), existsSync(join(root, 'hacked'))]).toEqual([false, false])
  const { out } = await sheikh(root, ['forget', 'x y'])
  expect(out).not.toContain('\u001b')
  expect(steps[0]!.step).toContain('no release without it can replace them')
})

it('removes a file whose name is a pattern, and not the files that the pattern matches', async () => {
  const { root, repository, put, commit } = await started()
  const file = 'dataset/samples/all/*.json'
  put(file, { ...sample(81), id: 'x' })
  await commit('Add')
  const { steps } = await repository.planForget('x')
  const [remove] = steps.flatMap((step) => step.commands).filter((command) => command.includes(' rm -- '))
  execFileSync('sh', ['-c', remove!], { cwd: root })
  expect(git(root, 'status', '--porcelain', '-z')).toBe(`D  ${file}\0`)
})

it('refuses an id that no sample has, and says what it cannot read', async () => {
  const { root, repository, put, commit, run } = await started()
  await expect(repository.planForget('s0O')).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringContaining('The nearest ids are'),
  })
  put(path(82), { ...sample(82), text: 'apple, only ever in an old version of this file' })
  await commit('Add')
  await run()
  rmSync(join(root, path(82)))
  await commit('Remove')
  put('notes.txt', 'apple, only ever in an old version of this file')
  const { json } = await sheikhJson(root, 'forget', sample(82).id)
  expect(json.files).toContainEqual({ path: 'notes.txt', content: 'text', place: 'other' })
  expect(json.now).toBeUndefined()
  expect(json.limits.length).toBeGreaterThan(3)
  expect(readFileSync(join(root, 'notes.txt'), 'utf8')).toContain('apple')
})

itInFull('works in a project below the root of the repository, and reads files of Git LFS as unknown', async () => {
  const { root } = await project()
  const above = temporaryFolder()
  git(above, 'init', '-q', '-b', 'main')
  renameSync(root, join(above, 'models'))
  rmSync(join(above, 'models/.git'), { recursive: true })
  const repository = await openRepository(join(above, 'models'))
  await repository.commit({ message: 'Start (#3)' })
  write(above, 'models/dataset/samples/all/lfs.jsonl', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n')
  git(above, 'add', '-A')
  git(above, 'commit', '-q', '-m', 'Pointer')
  rmSync(join(above, 'models/dataset/samples/all/lfs.jsonl'))
  await repository.commit({ message: 'No pointer' })
  write(above, '.sheikh-gate/main.jsonl', '{"id":"s03"}\n')
  expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
  const { trained } = await repository.log()
  expect(trained!.commits.map(({ changes }) => changes?.map(({ kind }) => kind))).toEqual([
    ['data'],
    ['data'],
    ['data', 'evaluation-set', 'prompts', 'configuration', 'code', 'other'],
  ])
  const { events, problems } = await repository.blame('s03')
  expect(events).toMatchObject([{ change: 'added', path: 'models/dataset/samples/all/03.json', pullRequest: 3 }])
  expect(problems).toEqual([
    expect.objectContaining({
      part: 'history',
      message: expect.stringMatching(/lfs\.jsonl could not be read \(it is a Git LFS/),
    }),
  ])
  const { files, steps } = await repository.planForget('s03')
  expect(files).toContainEqual({ path: '.sheikh-gate/main.jsonl', content: 'id', place: 'baseline' })
  const commands = steps.flatMap((step) => step.commands)
  expect(commands).toContain('git rm -- dataset/samples/all/03.json')
  expect(commands).toContain('git filter-repo --invert-paths --path=models/dataset/samples/all/03.json')
})

it('deletes the folders of a store in a bucket, and nothing else below its address', () => {
  const facts = { releases: [], isPinned: false, channel: 'latest', baselines: [], blobs: [], namedFiles: [] }
  const steps = forgetSteps({
    ...facts,
    hasStore: true,
    bucket: "s3://team/the ann's store/",
    evaluationPath: 'dataset/evaluation.json',
  })
  const commands = steps.flatMap((step) => step.commands).filter((command) => command.startsWith('aws'))
  expect(commands).toHaveLength(5)
  for (const command of commands)
    expect(command).toMatch(
      /^aws s3 rm --recursive 's3:\/\/team\/the ann'\\''s store\/(objects|keys|runs|events|journals)\/'$/,
    )
})
