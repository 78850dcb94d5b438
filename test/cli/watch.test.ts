import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { WatchEvent } from '../../src/repository/index.js'
import { itInFull } from '../in-full.js'
import {
  commit,
  copy,
  editSample,
  main,
  programEnvironment,
  releasedProject,
  sheikh,
  sheikhJson,
  start,
  temporary,
  trainLonger,
} from './harness.js'

const git = (cwd: string, ...parameters: string[]) =>
  execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...parameters], {
    cwd,
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim()

/** A bare remote, a clone that people push from, and the clone that is watched, with 0.1.0 released. */
async function world() {
  const released = await releasedProject()
  const branch = git(released, 'branch', '--show-current')
  const remote = join(await temporary(), 'remote.git')
  git(released, 'clone', '-q', '--bare', released, remote)
  git(released, 'push', '-q', remote, '--all')
  const people = join(await temporary(), 'people')
  git(released, 'clone', '-q', '-b', branch, remote, people)
  const watched = await copy(released)
  git(watched, 'remote', 'add', 'origin', remote)
  const push = (...more: string[]) => git(people, 'push', '-q', ...more, 'origin', branch)
  return { branch, remote, people, watched, push }
}

type Told = WatchEvent & Record<string, unknown>

/** `sheikh watch --json` in a process of its own. */
function watching(cwd: string, ...more: string[]) {
  const child = spawn(process.execPath, [main, 'watch', '--json', '--interval', '0.2', ...more], {
    cwd,
    env: programEnvironment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const events: Told[] = []
  let [rest, err] = ['', '']
  let check = () => {}
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n')
    rest = lines.pop()!
    events.push(...lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Told))
    check()
  })
  child.stderr.on('data', (piece) => {
    err += piece
  })
  const ended = new Promise<{ code: number | null; signal: string | null; events: readonly Told[]; err: string }>(
    (done) => child.on('close', (code, signal) => done({ code, signal, events, err })),
  )
  let seen = 0
  /** The next event that fits. */
  const next = (fits: Record<string, unknown>) =>
    new Promise<Told>((done, fail) => {
      check = () => {
        for (; seen < events.length; seen += 1) {
          const event = events[seen]!
          if (!Object.entries(fits).every(([name, value]) => event[name] === value)) continue
          seen += 1
          // What follows is for the next call.
          check = () => {}
          return done(event)
        }
      }
      check()
      void ended.then(() => fail(new Error(`ended without ${JSON.stringify(fits)}: ${JSON.stringify(events)} ${err}`)))
    })
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    return ended
  }
  return { child, events, next, ended, stop }
}
const headOf = (cwd: string) => git(cwd, 'rev-parse', 'HEAD')

describe('watch', () => {
  // test/repository/watch shows the loop in this process, process.test.ts the signal.
  itInFull('runs what is pushed, several pushes as one run, and ends with 0 on SIGTERM', async () => {
    const { people, watched, remote, branch, push } = await world()
    await editSample(people)
    await editSample(people, 'The page stays empty after the update.')
    push()
    const watcher = watching(watched)
    expect(await watcher.next({ type: 'watching' })).toMatchObject({ remote: 'origin', branch })
    expect(await watcher.next({ type: 'updated' })).toMatchObject({
      commits: 2,
      commit: headOf(people),
      dependencies: [],
    })
    expect(await watcher.next({ type: 'run-end' })).toMatchObject({
      ...{ commit: headOf(people), exitCode: 0, status: 'released', version: '0.1.1' },
    })
    // Code of the project is loaded anew for each run.
    writeFileSync(join(people, 'package.json'), '{"private":true}\n')
    git(people, 'add', 'package.json')
    git(people, 'commit', '-q', '-m', 'Packages')
    push()
    expect(await watcher.next({ type: 'updated' })).toMatchObject({ commits: 1, dependencies: ['package.json'] })
    expect(await watcher.next({ type: 'run-end' })).toMatchObject({ status: 'not-triggered', exitCode: 0 })
    const { code, events } = await watcher.stop()
    expect([code, events.at(-1)]).toMatchObject([0, { type: 'stopped', exitCode: 0 }])
    // It pushed to the ledger only.
    expect(git(remote, 'rev-parse', branch)).toBe(headOf(people))
    expect(headOf(watched)).toBe(headOf(people))
  })

  itInFull('is not stopped by a branch that was rewritten, and resets nothing', async () => {
    const { people, watched, push } = await world()
    const before = headOf(watched)
    git(people, 'commit', '-q', '--amend', '-m', 'Another past')
    push('--force')
    const watcher = watching(watched)
    expect(await watcher.next({ type: 'blocked' })).toMatchObject({
      obstacle: 'diverged',
      message: expect.stringMatching(/has 1 commit .* that the branch does not have\..*git reset --keep origin\//),
    })
    expect(headOf(watched)).toBe(before)
    git(people, 'reset', '-q', '--hard', before)
    await editSample(people)
    push('--force')
    await watcher.next({ type: 'unblocked', obstacle: 'diverged' })
    expect(await watcher.next({ type: 'run-end' })).toMatchObject({ status: 'released', commit: headOf(people) })
    expect((await watcher.stop()).events.filter(({ type }) => type === 'blocked')).toHaveLength(1)
  })

  itInFull('names the files that were edited in the checkout, leaves them, and continues without them', async () => {
    const { people, watched, push } = await world()
    const path = 'mlops/pipeline.yaml'
    const text = readFileSync(join(watched, path), 'utf8')
    appendFileSync(join(watched, path), '# edited\n')
    await editSample(people)
    push()
    const watcher = watching(watched)
    expect(await watcher.next({ type: 'blocked' })).toMatchObject({ obstacle: 'checkout', paths: [path] })
    expect(readFileSync(join(watched, path), 'utf8')).toBe(`${text}# edited\n`)
    // A new file collides with nothing in the commit, but the run would read it.
    writeFileSync(join(watched, 'dataset/samples/technical/new.json'), '{"id":"new","text":"x","label":"technical"}\n')
    writeFileSync(join(watched, path), text)
    await watcher.next({ type: 'updated' })
    expect(await watcher.next({ type: 'blocked' })).toMatchObject({
      ...{ obstacle: 'checkout', paths: ['dataset/samples/technical/new.json'] },
    })
    rmSync(join(watched, 'dataset/samples/technical/new.json'))
    await watcher.next({ type: 'unblocked', obstacle: 'checkout' })
    expect(await watcher.next({ type: 'run-end' })).toMatchObject({ status: 'released' })
    await watcher.stop('SIGINT')
  })

  itInFull('says once that the remote is gone, and continues when it is back', async () => {
    const { people, watched, remote, push } = await world()
    const watcher = watching(watched)
    await watcher.next({ type: 'run-end' })
    renameSync(remote, `${remote}.away`)
    expect(await watcher.next({ type: 'blocked' })).toMatchObject({
      obstacle: 'remote',
      message: expect.stringContaining('Cannot fetch'),
    })
    const once = start(watched, ['watch', '--once', '--json'])
    expect((await once.ended).code).toBe(4)
    renameSync(`${remote}.away`, remote)
    await editSample(people)
    push()
    await watcher.next({ type: 'unblocked', obstacle: 'remote' })
    expect(await watcher.next({ type: 'run-end' })).toMatchObject({ status: 'released' })
    expect((await watcher.stop()).events.filter(({ type }) => type === 'blocked')).toHaveLength(1)
  })

  itInFull('waits for a run that somebody else started, and changes no file under it', async () => {
    const { people, watched, push } = await world()
    await trainLonger(watched, 2000)
    git(watched, 'push', '-q', 'origin', 'HEAD')
    git(people, 'pull', '-q')
    const byHand = start(watched, ['run'])
    await byHand.says('step ')
    await editSample(people)
    push()
    const watcher = watching(watched)
    expect(await watcher.next({ type: 'blocked' })).toMatchObject({
      obstacle: 'locked',
      message: expect.stringContaining('"run" of this project is active'),
    })
    expect(headOf(watched)).not.toBe(headOf(people))
    byHand.child.kill('SIGINT')
    await byHand.ended
    await watcher.next({ type: 'unblocked', obstacle: 'locked' })
    await watcher.next({ type: 'run-start' })
    await watcher.stop()
  })

  itInFull('does not repeat a run that failed until something changes, and uses the code of each commit', async () => {
    const { people, watched, push } = await world()
    const config = async (text: string) => {
      writeFileSync(join(people, 'sheikh.config.mjs'), text)
      await commit(people, 'Code')
      push()
    }
    await config("throw new Error('first')\n")
    const watcher = watching(watched)
    expect(await watcher.next({ type: 'run-end' })).toMatchObject({
      ...{ status: 'failed', exitCode: 1, message: expect.stringContaining('first') },
    })
    await config("throw new Error('second')\n")
    expect(await watcher.next({ type: 'run-end' })).toMatchObject({ message: expect.stringContaining('second') })
    await config('export default {}\n')
    expect(await watcher.next({ type: 'run-end' })).toMatchObject({ exitCode: 0 })
    const { events } = await watcher.stop()
    expect(events.filter(({ type }) => type === 'run-start')).toHaveLength(3)
    // Neither does another process.
    const once = await start(watched, ['watch', '--once', '--json']).ended
    expect(once).toMatchObject({ code: 0, out: expect.not.stringContaining('run-start') })
  })

  itInFull('--once ends with the exit code of the run, and prints one line for it', async () => {
    const { people, watched, push } = await world()
    await editSample(people)
    push()
    const { code, out, err } = await start(watched, ['watch', '--once']).ended
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^[\d-]+ [\d:]+ UTC {2}\w{10} {2}released 0\.1\.1 {2}.*\nDone\.\n$/),
    ])
    expect(err).toMatch(/^Watching .*\nUpdated to \w{10}: 1 new commit\.\nRunning/)
  })

  it('is refused without a remote, and for an interval that is none', async () => {
    const folder = await releasedProject()
    const refused = await sheikh(folder, ['watch'])
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('git remote add origin') })
    for (const interval of ['0', 'soon', '-1'])
      expect((await sheikh(folder, ['watch', `--interval=${interval}`])).code).toBe(1)
  })
})

describe('a watcher that is stopped while it trains', () => {
  const runsOf = (watched: string) => readdirSync(join(watched, '.sheikh/runs')).sort()
  /** Waits until the run of the watcher trains. */
  const training = (watched: string, before: number) =>
    vi.waitFor(
      () => {
        const runs = runsOf(watched)
        const events = join(watched, '.sheikh/runs', runs.at(-1)!, 'events.jsonl')
        const trains = existsSync(events) && readFileSync(events, 'utf8').includes('train-progress')
        if (runs.length === before || !trains) throw new Error('not yet')
      },
      { timeout: 60_000, interval: 20 },
    )
  async function trainingWatcher() {
    const there = await world()
    await trainLonger(there.people, 400)
    there.push()
    const before = runsOf(there.watched).length
    const watcher = watching(there.watched)
    const { commit: running } = await watcher.next({ type: 'run-start' })
    await training(there.watched, before)
    return { ...there, watcher, running }
  }

  itInFull('by SIGTERM: aborts the run, keeps its work and releases the lock', async () => {
    const { watched, watcher, running } = await trainingWatcher()
    const { code, events } = await watcher.stop()
    expect([code, events.at(-1)]).toMatchObject([0, { type: 'stopped' }])
    expect(events.at(-2)).toMatchObject({ type: 'run-end', status: 'stopped', exitCode: 130, commit: running })
    expect((await sheikhJson(watched, 'runs')).json.runs[0]).toMatchObject({ status: 'aborted' })
    const again = watching(watched)
    expect(await again.next({ type: 'run-end' })).toMatchObject({ status: 'released', commit: running })
    await again.stop()
  })

  itInFull('by kill -9: the run stops too, and the next watcher releases', async () => {
    const { watched, watcher, running } = await trainingWatcher()
    expect((await watcher.stop('SIGKILL')).signal).toBe('SIGKILL')
    const again = watching(watched)
    expect(await again.next({ type: 'run-end' })).toMatchObject({ status: 'released', commit: running })
    await again.stop()
    expect((await sheikhJson(watched, 'runs')).json.runs.map(({ status }: { status: string }) => status)).toMatchObject(
      [...['released', 'aborted', 'released']],
    )
  })
})
