import { describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { project, sheikh, temporary } from './harness.js'

const first = ['init', 'import-data', 'plan', 'run', 'predict', 'serve', 'dashboard', 'status', 'rollback']
const all = [
  ...[
    ...first,
    'promote',
    'withdraw',
    'verify',
    'validate',
    'data',
    'doctor',
    'notify',
    'why',
    'triggers',
    'tune',
    'study',
    'worker',
    'watch',
    'drift',
    'learn',
    'projects',
    'diff',
    'review',
    'history',
    'log',
    'blame',
    'forget',
    'compare',
    'runs',
    'release',
    'approve',
    'override',
    'reproduce',
    'republish',
    'import',
    'gc',
  ],
  ...['report', 'evaluation', 'gate', 'ledger', 'feedback', 'experiment', 'completion'],
]
/** What each command needs besides, so that nothing but the project is wrong. */
const needs: Readonly<Record<string, readonly string[]>> = {
  blame: ['a'],
  forget: ['a'],
  compare: ['a', 'b'],
  why: ['train'],
  release: ['01m848t390tw6kqt8kah'],
  review: ['HEAD'],
  approve: ['01m848t390tw6kqt8kah', '--reason', 'tried'],
  override: ['01m848t390tw6kqt8kah', '--reason', 'tried', '--until', '2099-01-01'],
  data: ['check'],
  evaluation: ['status'],
  gate: ['plan'],
  ledger: ['verify'],
  feedback: ['stats'],
  drift: ['--store', 'feedback'],
  experiment: ['status'],
  promote: ['0.1.0', '--to', 'production'],
  withdraw: ['0.1.0', '--reason', 'tried'],
  predict: ['hello'],
  republish: ['0.1.0'],
  import: ['./model'],
  gc: ['--keep-last', '1'],
}

describe('help', () => {
  it('lists the commands of the first day first, and every one', async () => {
    for (const argv of [[], ['--help'], ['-h'], ['help']]) {
      const { code, out, err } = await sheikh('/', argv)
      expect([code, err]).toEqual([0, ''])
      const named = [...out.matchAll(/^ {2}([a-z][a-z-]*) /gm)]
        .map(([, name]) => name)
        .filter((name) => name !== 'sheikh')
      expect(named).toEqual(all)
    }
  })

  it.each(all)('%s --help says how it is used', async (name) => {
    for (const flag of ['--help', '-h']) {
      const { code, out, err } = await sheikh('/', [name, flag])
      expect([code, err]).toEqual([0, ''])
      expect(out).toMatch(new RegExp(`^sheikh ${name}`))
    }
  })

  it('names every option that a command takes, with what it does', async () => {
    const options: Readonly<Record<string, readonly string[]>> = {
      init: ['template', 'empty', 'here', 'name', 'github', 'runner', 'branch', 'overwrite'],
      plan: ['retrain'],
      run: [
        'retrain',
        'allow-dirty',
        'release-as',
        'until',
        'out',
        'report',
        'github',
        'if-triggered',
        'schedule',
        'workers',
        'redis',
        'postgres',
        'password-env',
        'queue',
      ],
      triggers: ['schedule', 'github'],
      watch: ['branch', 'interval', 'once'],
      release: ['evaluate', 'retrain', 'release-as', 'github'],
      projects: ['triggered', 'schedule'],
      rollback: ['to', 'reason', 'by'],
      promote: ['to', 'by'],
      withdraw: ['reason', 'by'],
      experiment: ['store', 'out', 'html', 'reason', 'by'],
      verify: ['keys', 'remote'],
      notify: ['test'],
      republish: ['reason', 'by'],
      import: ['version', 'by'],
      gc: ['keep-last', 'retention-days', 'apply'],
      approve: ['reason', 'by'],
      report: ['out', 'html', 'include-text'],
      diff: ['out', 'html', 'include-text'],
      review: ['train', 'share', 'out', 'github', 'post', 'check-name'],
      log: ['all'],
      compare: ['margin', 'out'],
      runs: ['limit'],
      predict: ['file', 'version', 'channel'],
      serve: [
        'channel',
        'version',
        'host',
        'port',
        'name',
        'token-env',
        'without-token',
        'metrics',
        'drift',
        'follow',
        'poll-seconds',
        'refresh-secret-env',
        'cache',
        'feedback',
        'feast',
        'feast-token-env',
      ],
      dashboard: ['host', 'port', 'token-env', 'include-text', 'feedback', 'drift', 'out'],
      drift: ['store', 'since', 'channel', 'effect', 'level', 'out', 'include-text'],
      learn: ['after-run'],
      tune: ['trials', 'name', 'workers', 'earlier', 'from', 'write', 'redis', 'postgres', 'password-env', 'queue'],
      study: ['out', 'html', 'optuna', 'from'],
      doctor: ['redis', 'postgres', 'password-env', 'queue'],
      worker: ['redis', 'postgres', 'password-env', 'queue', 'module', 'export', 'device', 'concurrency', 'memory-mb'],
      override: ['reason', 'by', 'until'],
      data: ['out', 'kind', 'reason', 'by', 'undo', 'workers', 'redis', 'postgres', 'password-env', 'queue'],
      'import-data': [
        'yes',
        'input',
        'target',
        'id',
        'group',
        'no-group',
        'slices',
        'to',
        'share',
        'separator',
        'charset',
      ],
      evaluation: ['share', 'salt', 'reason', 'by', 'pool', 'run', 'questions', 'answers'],
      ledger: ['limit', 'reason', 'by'],
      feedback: [
        ...[
          'store',
          'limit',
          'format',
          'confirmed',
          'agreement',
          'per-source',
          'share',
          'trust',
          'folder',
          'include-text',
          ...['reason', 'out', 'measure', 'against', 'source', 'apply'],
        ],
      ],
      gate: [
        ...[
          'baseline',
          'baseline-from',
          'candidate',
          'name',
          'max-age',
          'github',
          'check-name',
          'no-comment',
          'margin',
          'metric',
          'lower-is-better',
          'range',
          'normalize',
          'format',
          'system',
          'id',
          'score',
          'pass',
          'group',
          'slice',
          'out',
        ],
        ...['items', 'groups', 'correlation', 'discordance', 'maximum-evaluations', 'simulations'],
      ],
    }
    for (const name of all) {
      const { out } = await sheikh('/', [name, '--help'])
      const named = [...out.matchAll(/^ {2}--(\S+)(?: <value>)? {2,}\S/gm)].map(([, option]) => option)
      expect(named, name).toEqual(options[name] ?? [])
    }
  })

  it.each(all)('%s --help ends with examples that name existing options', async (name) => {
    const { out } = await sheikh('/', [name, '--help'])
    const examples = out.split('Examples:\n')[1]!.trimEnd().split('\n')
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) {
      expect(example).toMatch(new RegExp(`^  (cat \\S+ \\| )?sheikh ${name}( |$)`))
      for (const [, option] of example.matchAll(/ (--[a-z-]+)/g)) expect(out.split('Examples:')[0]).toContain(option)
    }
  })

  it('"help run" and "--help run" show the same as "run --help"', async () => {
    const asked = await sheikh('/', ['run', '--help'])
    for (const argv of [
      ['help', 'run'],
      ['--help', 'run'],
      ['--project', 'x', 'run', '-h'],
    ])
      expect(await sheikh('/', argv)).toEqual(asked)
    expect(await sheikh('/', ['help', 'rum'])).toMatchObject({ code: 1, err: expect.stringContaining('"run"?') })
  })

  it('--version and -v print the version of the package', async () => {
    for (const argv of [['--version'], ['-v']])
      expect(await sheikh('/', argv)).toEqual({ code: 0, out: `${packageJson.version}\n`, err: '' })
  })

  it('accepts global options before the command', async () => {
    const folder = await project()
    const expected = await sheikh('/', ['status', '--project', folder, '--json'])
    expect(expected).toMatchObject({ code: 0, err: '' })
    for (const before of [
      ['--json', '--project', folder],
      [`--project=${folder}`, '--json'],
    ])
      expect(await sheikh('/', [...before, 'status'])).toEqual(expected)
  })

  it('lists all global options, and accepts them before and after the command', async () => {
    const { out } = await sheikh('/', ['--help'])
    const [, listed] = /Global options[^\n]*\n([\s\S]*?)\n\n/.exec(out)!
    const names = [...listed!.matchAll(/--[a-z-]+/g)].map(([name]) => name)
    expect(names).toEqual(['--project', '--json', '--quiet', '--verbose', '--no-color', '--help', '--version'])
    const folder = await project()
    const expected = await sheikh(folder, ['status'])
    for (const flag of ['--quiet', '-q', '--verbose', '--no-color'])
      for (const argv of [
        [flag, 'status'],
        ['status', flag],
      ])
        expect(await sheikh(folder, argv)).toEqual(expected)
  })

  it('is one JSON document where --json is asked for', async () => {
    expect(JSON.parse((await sheikh('/', ['--json', '--version'])).out)).toEqual({ version: packageJson.version })
    for (const argv of [['--json'], ['--json', '--help'], ['--help', '--json'], ['plan', '--json', '--help']])
      expect(JSON.parse((await sheikh('/', argv)).out).help).toContain('sheikh')
  })
})

describe('what cannot be understood', () => {
  const wrong: readonly (readonly [what: string, argv: readonly string[], says: string])[] = [
    ['a command that is not there', ['destroy'], 'no command "destroy"'],
    ['a misspelt command', ['statsu'], 'Did you mean "status"?'],
    ['a misspelt option', ['run', '--retain'], 'Did you mean "--retrain"?'],
    ['a misspelt option before the command', ['--projct', 'x', 'status'], 'Did you mean "--project"?'],
    ['a global option without its value', ['--project'], '"--project" has no value'],
    ['a global option with an empty value', ['--project=', 'status'], 'Cannot use --project: the path is empty'],
    ['an empty path', ['run', '--report', ''], 'Cannot use --report: the path is empty'],
    ['a command by the name of something inherited', ['constructor'], 'no command "constructor"'],
    ['an option that is not there', ['run', '--force'], '--force'],
    ["another command's option", ['status', '--retrain'], '--retrain'],
    ['an option without its value', ['rollback', '--to'], '--to'],
    ['a flag with a value', ['run', '--retrain=yes'], '--retrain'],
    ['an argument too many', ['status', 'now'], 'it takes no argument'],
    ['an argument too few', ['why'], '<stage>'],
    ['an action that is not there', ['evaluation', 'shuffle'], 'pin, add, status, repin or label'],
    ['nothing to add', ['evaluation', 'add'], 'no id'],
    ['a report below "~"', ['run', '--report', '~/report.md'], 'Cannot use --report'],
  ]

  it.each(wrong)('%s: 1, on the error output alone', async (_, argv, says) => {
    const cwd = argv[0] === 'evaluation' ? project() : temporary()
    const { code, out, err } = await sheikh(await cwd, argv)
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain(says)
    expect(err).toMatch(/^sheikh: [^\n]* \[invalid-options\] See docs\/errors\.md#invalid-options\n$/)
  })

  it.each(wrong)('%s, with --json: one document', async (_, argv, says) => {
    const cwd = argv[0] === 'evaluation' ? project() : temporary()
    // Before the rest, so that it is not taken for the value of an option.
    const { code, out, err } = await sheikh(await cwd, [argv[0]!, '--json', ...argv.slice(1)])
    expect([code, err]).toEqual([1, ''])
    const { error } = JSON.parse(out)
    expect(error).toMatchObject({ code: 'invalid-options', docs: 'docs/errors.md#invalid-options' })
    expect(error.message).toContain(says)
  })
})

describe('a folder that is no project', () => {
  // `gate compare`, `doctor`, `feedback list` and `worker` need no project, and `import-data` creates one.
  it.each(
    all.filter((name) => !['init', 'import-data', 'gate', 'doctor', 'feedback', 'worker', 'completion'].includes(name)),
  )('%s: 1, and says what to do', async (name) => {
    const folder = await temporary()
    const argv = [name, ...(needs[name] ?? [])]
    const text = await sheikh('/', [...argv, '--project', folder])
    expect([text.code, text.out]).toEqual([1, ''])
    expect(text.err).toContain('sheikh init')
    const json = await sheikh('/', [...argv, '--project', folder, '--json'])
    expect([json.code, json.err]).toEqual([1, ''])
    expect(JSON.parse(json.out).error).toMatchObject({ code: 'repository-invalid', message: expect.any(String) })
  })
})
