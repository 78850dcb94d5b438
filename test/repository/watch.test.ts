import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { isDueBetween } from '../../src/repository/config/index.js'
import { type WatchEvent, type WatchOptions, watchProject } from '../../src/repository/index.js'
import { dueSchedules } from '../../src/repository/watch/watch-state.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { temporary } from '../cli/harness.js'
import { itInFull } from '../in-full.js'

const at = (text: string) => Date.parse(`${text}Z`)

describe('a schedule', () => {
  it.each([
    ['0 3 * * 1', '2026-11-30T02:59', '2026-11-30T03:00', true],
    ['0 3 * * 1', '2026-11-30T03:00', '2026-12-07T02:59', false],
    ['0 3 * * 1', '2026-11-30T03:00', '2026-12-07T03:00', true],
    ['*/15 * * * *', '2026-11-30T03:01', '2026-11-30T03:14', false],
    ['*/15 * * * *', '2026-11-30T03:01', '2026-11-30T03:15', true],
    ['5/20 * * * *', '2026-11-30T03:26', '2026-11-30T03:44', false],
    ['5/20 * * * *', '2026-11-30T03:26', '2026-11-30T03:45', true],
    ['0 0 29 FEB *', '2026-11-30T00:00', '2028-02-28T23:59', false],
    ['0 0 29 FEB *', '2026-11-30T00:00', '2028-02-29T00:00', true],
    // Both days limited: either one matches, as in POSIX cron.
    ['0 0 13 * FRI', '2026-11-30T00:00', '2026-12-04T00:00', true],
    ['0 0 13 * FRI', '2026-12-11T12:00', '2026-12-13T00:00', true],
    ['0 0 13 * FRI', '2026-12-04T00:00', '2026-12-10T23:59', false],
    ['0 22-23 31 * *', '2026-11-01T00:00', '2026-12-31T21:59', false],
    ['0 22-23 31 * *', '2026-11-01T00:00', '2027-01-01T00:00', true],
  ])('%s is due after %s until %s: %s', (cron, after, until, is) => {
    expect(isDueBetween(cron, at(after), at(until))).toBe(is)
  })

  it('counts from when it is first seen, is due once for all times that were missed, and survives a wrong clock', () => {
    const cron = '0 3 * * *'
    const start = at('2026-11-30T12:00')
    const first = dueSchedules([cron], {}, start)
    expect(first).toEqual({ due: [], schedules: { [cron]: start } })
    expect(dueSchedules([cron], first.schedules, at('2026-12-05T00:00')).due).toEqual([cron])
    // Set back a little: no time fires twice. Far: it counts from now, and not only in years.
    const done = at('2026-12-01T03:00') + 500
    expect(dueSchedules([cron], { [cron]: done }, done - 1000)).toEqual({ due: [], schedules: { [cron]: done } })
    const years = at('2031-01-01T00:00')
    expect(dueSchedules([cron], { [cron]: years }, start)).toEqual({ due: [], schedules: { [cron]: start } })
  })
})

const git = (cwd: string, ...parameters: string[]) =>
  execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@b', ...parameters], { cwd, stdio: 'pipe' })

/** A project with a remote, and a program in the place of `sheikh` that notes how it was called and answers. */
async function world(pipeline: string, answer: { readonly exit: number; readonly document: unknown }) {
  const folder = await temporary()
  const [remote, root] = [join(folder, 'remote.git'), join(folder, 'work')]
  git(folder, 'init', '-q', '--bare', remote)
  git(folder, 'init', '-q', '-b', 'main', root)
  mkdirSync(join(root, 'mlops'))
  writeFileSync(join(root, 'mlops/pipeline.yaml'), pipeline)
  writeFileSync(join(root, '.gitignore'), '.sheikh/\n')
  git(root, 'add', '.')
  git(root, 'commit', '-q', '-m', 'First')
  git(root, 'remote', 'add', 'origin', remote)
  git(root, 'push', '-q', '-u', 'origin', 'main')
  const [script, calls] = [join(folder, 'program.mjs'), join(folder, 'calls')]
  writeFileSync(calls, '')
  writeFileSync(
    script,
    `import { appendFileSync } from 'node:fs'
appendFileSync(${JSON.stringify(calls)}, process.argv.slice(2).join(' ') + '\\n')
console.error('a warning')
console.log(${JSON.stringify(JSON.stringify(answer.document))})
process.exitCode = ${answer.exit}
`,
  )
  const watch = async (until: (event: WatchEvent) => boolean, options: WatchOptions = {}) => {
    const events: WatchEvent[] = []
    const program = [process.execPath, script]
    for await (const event of watchProject(root, { program, intervalMs: 100, ...options })) {
      events.push(event)
      if (until(event)) break
    }
    return events
  }
  return { root, watch, calls: () => readFileSync(calls, 'utf8').split('\n').filter(Boolean) }
}
const ends = (events: readonly WatchEvent[]) => events.flatMap((event) => (event.type === 'run-end' ? [event] : []))

describe('watchProject', () => {
  it('repeats a run that failed by a fault of the infrastructure, at growing intervals and five times at most', async () => {
    const document = { error: { code: 'storage-failed', message: 'The registry is away.' } }
    const { watch, calls } = await world('', { exit: 4, document })
    const events = await watch((event) => event.type === 'run-end' && event.retryInMs === undefined)
    expect(ends(events)).toMatchObject([
      ...[100, 200, 400, 800].map((retryInMs) => ({ retryInMs, status: 'failed', code: 'storage-failed' })),
      { exitCode: 4, message: 'The registry is away.' },
    ])
    expect(events.filter(({ type }) => type === 'run-output')).toHaveLength(5)
    // A later watcher begins no sixth attempt.
    expect(ends(await watch(() => false, { once: true }))).toEqual([])
    expect(calls()).toHaveLength(5)
  })

  it('runs a schedule once however many of its times were missed, and trains if one that is due asks for that', async () => {
    const pipeline = `triggers:
  often: { cron: "*/5 * * * *", action: retrain }
  weekly: { cron: "0 3 * * 1", action: full_train }
  data: { paths: ["dataset/**"] }
`
    const { watch, calls } = await world(pipeline, { exit: 0, document: { status: 'up-to-date', runId: 'r' } })
    const once = async (now: string) => {
      const before = calls().length
      await watch(() => false, { once: true, clock: { nowMs: () => at(now) } })
      return calls().slice(before)
    }
    expect(await once('2026-11-30T03:02')).toEqual(['run --if-triggered --json'])
    expect(await once('2026-11-30T03:04')).toEqual([])
    expect(await once('2026-11-30T03:21')).toEqual(['run --if-triggered --json --schedule */5 * * * *'])
    expect(await once('2026-11-30T03:24')).toEqual([])
    expect(await once('2026-12-14T09:00')).toEqual(['run --if-triggered --json --schedule 0 3 * * 1'])
    expect(await once('2026-12-14T09:01')).toEqual([])
  })

  it('ends the process of a run with the loop that it is used in', async () => {
    const { root, watch } = await world('', { exit: 0, document: {} })
    const script = join(root, '../waits.mjs')
    writeFileSync(
      script,
      "process.once('disconnect', () => process.exit(130))\nconsole.error('here')\nsetInterval(() => {}, 1000)\n",
    )
    const events = await watch(({ type }) => type === 'run-output', { program: [process.execPath, script] })
    expect(events.map(({ type }) => type)).toEqual(['watching', 'run-start', 'run-output'])
  })

  itInFull('does not wait for a program of the run that outlives it and keeps its outputs open', async () => {
    const { root, watch } = await world('', { exit: 0, document: {} })
    const script = join(root, '../leaves.mjs')
    writeFileSync(
      script,
      `import { spawn } from 'node:child_process'
const left = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 600_000)'], { detached: true, stdio: 'inherit' })
left.unref()
console.error(left.pid)
console.log('{"status":"released"}')
`,
    )
    const events = await watch(({ type }) => type === 'run-end', { program: [process.execPath, script] })
    const [pid] = events.flatMap((event) => (event.type === 'run-output' ? [Number(event.line)] : []))
    process.kill(pid!, 'SIGKILL')
    expect(ends(events)).toMatchObject([{ status: 'released', exitCode: 0 }])
  })

  it('replaces no file that Git ignores here', async () => {
    const { root, watch } = await world('', { exit: 0, document: { status: 'up-to-date' } })
    const path = join(root, 'own.env')
    writeFileSync(join(root, '.git/info/exclude'), 'own.env\n')
    writeFileSync(path, 'pushed')
    git(root, 'add', '-f', 'own.env')
    git(root, 'commit', '-q', '-m', 'By mistake')
    git(root, 'push', '-q')
    git(root, 'reset', '-q', '--hard', 'HEAD~1')
    writeFileSync(path, 'mine')
    const [, blocked] = await watch(() => false, { once: true })
    expect(blocked).toMatchObject({ obstacle: 'checkout', message: expect.stringContaining('own.env') })
    expect(readFileSync(path, 'utf8')).toBe('mine')
  })

  it('lets ssh ask nothing on a terminal, unless the command of ssh is set', async () => {
    const { root, watch } = await world('', { exit: 0, document: {} })
    const programs = join(root, '../programs')
    mkdirSync(programs)
    writeFileSync(join(programs, 'ssh'), '#!/bin/sh\necho "fatal: called with $*" >&2\nexit 255\n', { mode: 0o755 })
    git(root, 'remote', 'set-url', 'origin', 'ssh://host.invalid/repository')
    const environment = { ...process.env, PATH: `${programs}${delimiter}${process.env['PATH']}` }
    const told = async () => (await watch(() => false, { once: true, environment }))[1]
    expect(await told()).toMatchObject({ obstacle: 'remote', message: expect.stringContaining('BatchMode=yes') })
    git(root, 'config', 'core.sshCommand', 'ssh -4')
    expect(await told()).toMatchObject({ message: expect.stringMatching(/called with (?!.*BatchMode).*-4/) })
  })

  itInFull('updates submodules when their remote answers again', async () => {
    const { root, watch } = await world('', { exit: 0, document: { status: 'up-to-date' } })
    const [part, away] = [join(root, '../part'), join(root, '../part.away')]
    const allowed = ['-c', 'protocol.file.allow=always']
    git(join(root, '..'), 'init', '-q', '-b', 'main', part)
    git(part, 'commit', '-q', '--allow-empty', '-m', 'One')
    git(root, ...allowed, 'submodule', '--quiet', 'add', part, 'part')
    git(root, 'commit', '-q', '-m', 'With a part')
    git(part, 'commit', '-q', '--allow-empty', '-m', 'Two')
    const clone = join(root, '../clone')
    git(root, 'push', '-q')
    git(
      join(root, '..'),
      ...allowed,
      'clone',
      '-q',
      '--recurse-submodules',
      join(root, '../remote.git'),
      '-b',
      'main',
      clone,
    )
    git(join(clone, 'part'), 'pull', '-q', 'origin', 'main')
    git(clone, 'commit', '-q', '-a', '-m', 'A newer part')
    git(clone, 'push', '-q')
    renameSync(part, away)
    const allow = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'protocol.file.allow', GIT_CONFIG_VALUE_0: 'always' }
    const environment = { ...process.env, ...allow }
    const events = await watch(
      (event) => {
        if (event.type === 'blocked') renameSync(away, part)
        return event.type === 'run-end'
      },
      { environment },
    )
    expect(events.map(({ type }) => type)).toEqual([
      ...['watching', 'blocked', 'unblocked', 'updated', 'run-start', 'run-output', 'run-end'],
    ])
    expect(events[1]).toMatchObject({ obstacle: 'checkout', message: expect.stringContaining('submodules') })
    const headOf = (folder: string) => git(folder, 'rev-parse', 'HEAD').toString()
    expect(headOf(join(root, 'part'))).toBe(headOf(part))
  })

  it('gives the exit code of what is in the way, with once', async () => {
    const { root, watch } = await world('', { exit: 0, document: { status: 'up-to-date' } })
    git(root, 'commit', '-q', '--allow-empty', '-m', 'Mine')
    const [, blocked, stopped] = await watch(() => false, { once: true })
    expect([blocked, stopped]).toMatchObject([{ obstacle: 'diverged' }, { type: 'stopped', exitCode: 1 }])
    expect((await watch(() => false, { once: true, branch: 'gone' })).at(-1)).toMatchObject({ exitCode: 4 })
    await expect(watch(() => false, { branch: '-x..y' })).rejects.toMatchObject({ code: 'repository-invalid' })
  })

  it('changes no linked work tree under a run, whose lock is in the main one', async () => {
    const { root } = await world('', { exit: 0, document: { status: 'up-to-date' } })
    const linked = join(root, '../linked')
    git(root, 'push', '-q', 'origin', 'main:feature')
    git(root, 'worktree', 'add', '-q', linked, 'feature')
    git(root, 'commit', '-q', '--allow-empty', '-m', 'Next')
    git(root, 'push', '-q', 'origin', 'main:feature')
    const lock = await directoryStore(join(root, '.sheikh')).lock('run', callContext())
    try {
      const events: WatchEvent[] = []
      for await (const event of watchProject(linked, { once: true })) events.push(event)
      expect(events).toMatchObject([{ type: 'watching' }, { obstacle: 'locked' }, { type: 'stopped' }])
    } finally {
      await lock[Symbol.asyncDispose]()
    }
  })
})

describe('examples/watch', () => {
  const file = (name: string) => resolve(import.meta.dirname, '../../examples/watch', name)

  it('systemd accepts the unit', ({ skip }) => {
    try {
      execFileSync('systemd-analyze', ['--version'], { stdio: 'pipe' })
    } catch {
      skip('systemd-analyze is not installed')
    }
    const verify = () =>
      execFileSync('systemd-analyze', ['verify', '--man=no', file('sheikh-watch.service')], { stdio: 'pipe' })
    expect(verify().toString()).toBe('')
  })

  it('the unit and the image start the program that the package has, with options that it takes', async () => {
    const { bin } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8'))
    const { watch } = await import('../../src/cli/commands/watch.js')
    for (const name of ['sheikh-watch.service', 'Dockerfile']) {
      const [line = ''] = readFileSync(file(name), 'utf8').match(/^(ExecStart=|CMD ).*$/m) ?? []
      const words = line
        .replace(/^(ExecStart=|CMD )/, '')
        .replaceAll(/[[\]",]/g, ' ')
        .trim()
        .split(/\s+/)
      const at = words.indexOf('watch')
      expect(words[at - 1]).toBe(`node_modules/sheikh-freemium/${bin.sheikh.replace('./', '')}`)
      for (const word of words.slice(at).filter((each) => each.startsWith('--') && each !== '--json'))
        expect(Object.keys(watch.options)).toContain(word.slice(2))
    }
  })
})
