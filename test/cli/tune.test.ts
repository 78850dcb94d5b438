import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { commit, edit, project, sheikh, sheikhJson, start, temporary, write } from './harness.js'

const space = `tuning: { trials: 6, asha: { min: 1, max: 4, reduction: 2 } }
space:
  learning_rate: { low: 0.01, high: 10, log: true }
  weight_decay: [0, 0.000001]
`

async function tunable(tuning = space): Promise<string> {
  const root = await project()
  await write(root, 'mlops/tuning.yaml', tuning)
  await write(
    root,
    'mlops/training/config.yaml',
    '# Ours.\ndata: { validation_split: 0.3 }\ntraining:\n  # Too high.\n  learning_rate: 30\n',
  )
  await commit(root, 'search')
  return root
}

describe('sheikh tune', () => {
  it('finds settings, continues, writes them, and the next run trains nothing', async () => {
    const root = await tunable()
    const first = await sheikh(root, ['tune', '--trials', '3'])
    expect(first.code, first.err).toBe(0)
    expect(first.err.match(/^trial \d+: /gm)).toHaveLength(3)
    expect(first.out).toMatch(/^3 trials[^\n]*\nBest: accuracy [\d.]+, trial \d\n/)
    expect(first.out).toContain('To write them into mlops/training/config.yaml: sheikh tune --write')
    const { json } = await sheikhJson(root, 'tune', '--write')
    expect(json).toMatchObject({ metric: 'accuracy', written: 'mlops/training/config.yaml' })
    expect(json.trials).toHaveLength(6)
    // The trials of the first call are those of the second.
    const runs = (await sheikhJson(root, 'runs')).json.runs.filter(
      ({ command }: { readonly command: string }) => command === 'trial',
    )
    const trained = json.trials.flatMap(({ runId }: { readonly runId?: string }) => runId ?? [])
    expect(runs.map(({ runId }: { readonly runId: string }) => runId)).toEqual(expect.arrayContaining(trained))
    const reported = await sheikh(root, ['study', '--out', 'study.html', '--optuna', 'study.log'])
    expect(reported.out).toMatch(/^Wrote .*study\.html\nWrote .*study\.log\n$/)
    expect(await readFile(join(root, 'study.html'), 'utf8')).toContain('Best: accuracy')
    const study = (await sheikhJson(root, 'study')).json
    expect((await sheikhJson(root, 'study', '--from', 'study.log')).json.trials).toEqual(study.trials)
    expect((await sheikh(root, ['study'])).out).toMatch(/^# Study study: accuracy\n\n\*\*Best: accuracy /)
    expect((await sheikh(root, ['study', 'other'])).err).toContain('the store has no study of this name')
    expect((await sheikh(root, ['study', '--from', 'none.log'])).err).toContain(
      'Cannot read the study of Optuna: ENOENT',
    )
    const next = ['tune', '--trials', '1', '--name', 'next', '--earlier', 'study']
    const learned = (await sheikhJson(root, ...next)).json
    // The same trials, from the file: the study continues.
    expect((await sheikhJson(root, ...next, '--from', 'study.log')).json.trials).toEqual(learned.trials)
    expect((await sheikh(root, next.slice(0, 5))).err).toContain('its earlier study changed')
    expect((await sheikh(root, ['tune', '--earlier', 'none'])).err).toContain('the store has no study of this name')
    const text = await readFile(join(root, 'mlops/training/config.yaml'), 'utf8')
    expect(text).toMatch(/^# Ours\.\n[\s\S]*# Too high\.\n/)
    expect(parse(text).training).toEqual(json.settings)
    expect(Object.keys(json.settings).sort()).toEqual(['learning_rate', 'num_train_epochs', 'weight_decay'])
    await commit(root, 'tuned')
    const run = await sheikh(root, ['run'])
    expect(run.code, run.err).toBe(0)
    expect(run.err).toMatch(/train: cached/)
  })

  it('gives the same trials in two processes, also if the search is killed', async () => {
    const tuning = `tuning: { trials: 4, parallel: 2 }\nspace: { learning_rate: { low: 0.1, high: 10, log: true } }\n`
    const plain = (trials: readonly { readonly runId?: string }[]) => trials.map(({ runId: _, ...trial }) => trial)
    const one = await sheikhJson(await tunable(tuning), 'tune', '--workers', '1')
    const root = await tunable(tuning)
    const killed = start(root, ['tune'])
    await killed.says('trial 0: ')
    killed.child.kill('SIGKILL')
    await killed.ended
    const { code, out, err } = await start(root, ['tune', '--workers', '2', '--json']).ended
    expect(code, err).toBe(0)
    const two = JSON.parse(out) as typeof one.json
    expect(plain(two.trials)).toEqual(plain(one.json.trials))
    expect(two.estimate).toEqual(one.json.estimate)
    const runs = (await sheikhJson(root, 'runs')).json.runs.map(({ runId }: { readonly runId: string }) => runId)
    expect(runs).toEqual(expect.arrayContaining(two.trials.map(({ runId }: { readonly runId: string }) => runId)))
  })

  it('is without effect on the digests of a project', async () => {
    const root = await tunable()
    await sheikh(root, ['run'])
    await write(root, 'mlops/tuning.yaml', space.replace('10,', '20,'))
    await commit(root, 'wider')
    expect((await sheikh(root, ['run'])).out).toMatch(/^Up to date/)
  })

  it.each([
    ['', /mlops\/tuning.yaml lists nothing to search/],
    ['tuning: { trials: 3 }\n', /lists nothing to search/],
    ['space: { learning_rat: [1] }\n', /"space.learning_rat" is unknown. Did you mean "learning_rate"\?/],
    ['space: { learning_rate: [] }\n', /"space.learning_rate"/],
    ['space: { learning_rate: { low: 2, high: 1 } }\n', /line 1, column \d+: .*low end 2 is above the high end 1/],
    ['space: { weight_decay: { low: 0, high: 1, log: true } }\n', /low end 0 has no logarithm/],
    ['space: { num_train_epochs: { low: 0.5, high: 2 } }\n', /"space.num_train_epochs/],
    ['space: { lr_scheduler_type: { low: 1, high: 2 } }\n', /"space.lr_scheduler_type"/],
    ['space: { lr_scheduler_type: [linear, exponential] }\n', /"space.lr_scheduler_type/],
    ['space: { learning_rate: [1, 1] }\n', /the value 1 occurs twice/],
    ['tuning: { metric: accurcy }\nspace: { learning_rate: [1] }\n', /expected a metric: accuracy/],
    ['tuning: { metric: exact_match }\nspace: { learning_rate: [1] }\n', /exact_match is not measured of this model/],
    ['tuning: { parallel: 2, workers: 3 }\nspace: { learning_rate: [1] }\n', /Set tuning.parallel to 3/],
    ['tuning: { workers: 0 }\nspace: { learning_rate: [1] }\n', /"tuning.workers/],
    [
      'tuning: { asha: { min: 1, max: 9 } }\nspace: { num_train_epochs: [1, 2] }\n',
      /"num_train_epochs" is a parameter of the space/,
    ],
    ['space: { num_train_epochs: { low: 1, high: 9, step: 0.5 } }\n', /"space.num_train_epochs/],
    [
      'tuning: { asha: { min: 9, max: 1 } }\nspace: { learning_rate: [1] }\n',
      /the "max" 1 is less than 3 times "min", 9/,
    ],
  ])('refuses %j', async (text, message) => {
    const root = await tunable(text)
    const { code, err } = await sheikh(root, ['tune'])
    expect(err).toMatch(message)
    expect(code).toBe(1)
  })

  it.each([
    ['training: &t { learning_rate: 2 }\nmodel: *t\n', /another key would change too/],
    ['model: &t {}\ntraining: *t\n', /"training" is not a map of its own/],
    [
      'training: { learning_rate: &l 0.5, weight_decay: *l }\nx: *l\n',
      /Cannot write the best values into "mlops\/training\/config.yaml".*Write them yourself/,
    ],
  ])('refuses before the search to write into %j', async (text, message) => {
    const root = await tunable()
    await write(root, 'mlops/training/config.yaml', `data: { validation_split: 0.3 }\n${text}`)
    const { code, err } = await sheikh(root, ['tune', '--write'])
    expect(err).toMatch(message)
    expect(err).not.toMatch(/^trial/m)
    expect(code).toBe(1)
  })

  it.each(['training:\n', 'training: ~\n', '', 'training: { weight_decay: &w 0.5 }\n'])(
    'writes into a file with %j',
    async (text) => {
      const root = await tunable(space.replace('trials: 6', 'trials: 1'))
      await write(root, 'mlops/training/config.yaml', `data: { validation_split: 0.3 }\n${text}`)
      const { json } = await sheikhJson(root, 'tune', '--write')
      const { training } = parse(await readFile(join(root, 'mlops/training/config.yaml'), 'utf8'))
      expect(training).toEqual(json.settings)
    },
  )

  it('refuses a project without development rows, or with a trainer of its own', async () => {
    const root = await tunable()
    const training = 'mlops/training/config.yaml'
    await edit(root, training, (text) => text.replace('0.3', '0'))
    expect((await sheikh(root, ['tune'])).err).toMatch(/no development rows/)
    await edit(root, training, (text) => text.replace('validation_split: 0', ''))
    expect((await sheikh(root, ['tune'])).err).toMatch(/Set data.validation_split in mlops\/training\/config.yaml/)
    await edit(root, training, (text) => `${text}  warm_start: { version: 0.1.0 }\n`)
    await edit(root, training, (text) => text.replace('data: {', 'data: { validation_split: 0.3'))
    expect((await sheikh(root, ['tune'])).err).toMatch(/training.warm_start .* names a release to start from/)
    const trainer = `{ name: 'own', describe: () => null, fit() {}, load() {} }`
    await write(root, 'sheikh.config.mjs', `export default { trainer: ${trainer} }\n`)
    expect((await sheikh(root, ['tune'])).err).toMatch(/Call tune of "sheikh-freemium\/tune"/)
  })

  it.each(['0', '-1', '1.5', 'many', ''])('refuses --trials %j', async (trials) => {
    const { err } = await sheikh(await temporary(), ['tune', `--trials=${trials}`])
    expect(err).toMatch(/--trials is .*Give an integer of at least 1/)
  })
})
