// npm run test:crash: kills a release to a folder and to the Hub at every write and at every request, and puts every fault
// in the place of every answer. Then readers must see whole releases, and the next run, here or on a fresh machine, must end
// it. Ends in "N points, 0 lost". Then the crash tests of `npm test` run at every point instead of a sample.
//
//   --every N    only every Nth point     --point second:write   only those whose name begins so
import { spawnSync } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { HubFault } from '../../src/testing/hub/index.js'
import { builtRooms } from '../built-package.js'
import { copyOf, type Inspection, inspect, runIn, type Step, type World } from './release-world.js'
import { forEachUpTo } from './spawn-node.js'

const { values } = parseArgs({
  options: { every: { type: 'string' }, point: { type: 'string' } },
})
const every = Number(values.every ?? 1)

const rooms = await builtRooms()

interface Case {
  readonly step: Step
  readonly before: readonly Step[]
  /** What is current before and after. */
  readonly versions: { readonly old: string | undefined; readonly new: string }
  /** What ends it. */
  readonly next: Step
}
const cases: readonly Case[] = [
  { step: 'first', before: [], versions: { old: undefined, new: '0.1.0' }, next: 'first' },
  { step: 'second', before: ['first'], versions: { old: '0.1.0', new: '0.1.1' }, next: 'second' },
  { step: 'rollback', before: ['first', 'second'], versions: { old: '0.1.1', new: '0.1.2' }, next: 'second' },
]

const faults: Readonly<Record<string, HubFault>> = {
  '401': { status: 401 },
  '403': { status: 403 },
  '404': { status: 404 },
  '409': { status: 409 },
  '412': { status: 412 },
  '416': { status: 416 },
  '429': { status: 429, headers: { 'retry-after': '0' } },
  '500': { status: 500 },
  '503': { status: 503 },
  cut: 'cut',
  slow: { slowMs: 6000 },
}

/** Also from then on: of those that are refused, that are asked again, and that get no answer, one each. */
const lastingKinds = new Set(['403', '503', 'cut'])

interface Point {
  readonly name: string
  readonly happen: (world: World) => Promise<void>
}

let tried = 0
const lost: string[] = []

/** The next preparation removes these, also the folder of a process that is gone. A run that prepared nothing may leave them. */
const isSwept = (name: string) => /^pending\/(\.[^/]*|\d+-\w+-[0-9a-f]{12})(\/|$)/.test(name)

/** What the run says that comes after. */
interface End {
  readonly status: string
}

/** The fact, where what was seen is not what may be. */
function faultOf({ seen, left }: Inspection, { before, versions, step }: Case, end?: End): string | undefined {
  for (const { registry, current, versions: found } of seen) {
    if (new Set(found).size < found.length) return `${registry} lists a version twice: ${found}`
    if (![versions.old, versions.new].includes(current)) return `${registry} points at ${current}`
    if (current !== undefined && !found.includes(current)) return `${registry} points at ${current}, and lists ${found}`
  }
  if (end === undefined) return undefined
  const [one, other] = seen as [Inspection['seen'][number], Inspection['seen'][number]]
  if (JSON.stringify({ ...one, registry: '' }) !== JSON.stringify({ ...other, registry: '' }))
    return `the registries differ: ${JSON.stringify(seen)}`
  // A rollback that nobody asked for again may never have happened.
  const isUndone = step === 'rollback' && one.current === versions.old && one.versions.length === before.length
  const orphans = end.status === 'released' ? left : left.filter((name) => !isSwept(name))
  if (orphans.length > 0) return `what is left: ${orphans.join(', ')}`
  if (isUndone)
    return one.withdrawn.length === 0 ? undefined : `nothing was rolled back, and ${one.withdrawn} withdrawn`
  if (one.current !== versions.new) return `it ended with ${one.current}`
  if (one.versions.length !== before.length + 1) return `it ended with ${one.versions}`
  const withdrawn = step === 'rollback' ? [versions.old] : []
  return String(one.withdrawn) === String(withdrawn) ? undefined : `withdrawn: ${one.withdrawn}`
}

/** A fresh machine cannot know that the run which prepared a release is over: it discards the release after an hour. */
const environmentOn = { 'the same machine': {}, 'a fresh machine': { LATER_MS: '3600001' } } as const

async function tryPoint(of: Case, start: World, { name, happen }: Point): Promise<void> {
  tried += 1
  const world = await copyOf(start)
  try {
    await happen(world)
    const fact = faultOf(await inspect(world), of)
    if (fact !== undefined) throw new Error(`at once: ${fact}`)
    for (const machine of ['the same machine', 'a fresh machine'] as const) {
      const there = await copyOf(world)
      try {
        if (machine === 'a fresh machine')
          await rm(join(there.folder, 'project/.sheikh'), { recursive: true, force: true })
        const { ended } = await runIn(there, rooms, of.next, { environment: environmentOn[machine] })
        if (ended.code !== 0) throw new Error(`the next run, on ${machine}: ${ended.output}`)
        const after = faultOf(await inspect(there), of, JSON.parse(ended.output) as End)
        if (after !== undefined) throw new Error(`after the next run, on ${machine}: ${after} (${ended.output})`)
      } finally {
        await there.dispose()
      }
    }
  } catch (error) {
    lost.push(name)
    console.log(`LOST ${name}: ${error instanceof Error ? error.message : error}`)
  } finally {
    await world.dispose()
  }
}

/** Every instant of a step, found by counting the writes and requests of a whole one. */
async function pointsOf({ step }: Case, start: World): Promise<readonly Point[]> {
  const whole = await copyOf(start)
  const countFile = join(whole.folder, 'count')
  const { ended, requests } = await runIn(whole, rooms, step, { environment: { COUNT_FILE: countFile } })
  if (ended.code !== 0) throw new Error(`${step} fails by itself: ${ended.output}`)
  const writes = Number(await readFile(countFile, 'utf8'))
  await whole.dispose()
  console.log(`${step}: ${writes} writes, ${requests} requests`)
  const mustDie = (name: string, signal: unknown, output: string) => {
    if (signal !== 'SIGKILL') throw new Error(`${name} was not reached: ${output}`)
  }
  const points: Point[] = []
  for (let at = 1; at <= writes; at += 1) {
    const name = `${step}:write:${at}`
    const environment = { KILL_AT: String(at), ...(at % 2 === 0 && { KILL_HALF: '1' }) }
    points.push({
      name,
      async happen(world) {
        const { ended: end } = await runIn(world, rooms, step, { environment })
        mustDie(name, end.signal, end.output)
      },
    })
  }
  for (let at = 1; at <= requests; at += 1)
    for (const moment of ['before', 'after'] as const) {
      const name = `${step}:${moment}-request:${at}`
      points.push({
        name,
        async happen(world) {
          let isDead = false
          const hooks = (kill: () => void) => ({
            [moment]: ({ number }: { readonly number: number }) => {
              if (number === at) kill()
              isDead ||= number === at
              // What was on its way with it may still arrive.
              return number === at ? ('cut' as const) : undefined
            },
          })
          const { ended: end } = await runIn(world, rooms, step, { hooks })
          if (isDead) mustDie(name, end.signal, end.output)
        },
      })
    }
  for (let at = 1; at <= requests; at += 1)
    for (const [kind, fault] of Object.entries(faults))
      for (const lasting of lastingKinds.has(kind) ? [false, true] : [false]) {
        const name = `${step}:${kind}${lasting ? '-for-good' : ''}:${at}`
        points.push({
          name,
          async happen(world) {
            const hooks = () => ({
              before: ({ number }: { readonly number: number }) =>
                number === at || (lasting && number > at) ? fault : undefined,
            })
            const { ended: end } = await runIn(world, rooms, step, { hooks })
            // Released all the same, or an error that says what it is.
            if (end.code !== 0 && typeof (JSON.parse(end.output) as { code?: unknown }).code !== 'string')
              throw new Error(`an error without a code: ${end.output}`)
          },
        })
      }
  return points
}

const startedMs = performance.now()
for (const of of cases) {
  if (values.point !== undefined && values.point.split(':')[0] !== of.step) continue
  const start = await copyOf(undefined)
  for (const step of of.before) {
    const { ended } = await runIn(start, rooms, step)
    if (ended.code !== 0) throw new Error(`${step} fails by itself: ${ended.output}`)
  }
  const asked = (await pointsOf(of, start)).filter(({ name }) => name.startsWith(values.point ?? ''))
  const points = asked.filter((_, index) => index % every === 0)
  await forEachUpTo(points.length, 3, (number) => tryPoint(of, start, points[number - 1]!))
  await start.dispose()
}
console.log(
  `${every === 1 ? 'every point' : `one point of ${every}`}, ${Math.round((performance.now() - startedMs) / 1000)} s`,
)
console.log(`${tried} points, ${lost.length} lost`)
process.exitCode = tried === 0 || lost.length > 0 ? 1 : 0
if (every === 1 && values.point === undefined) {
  const vitest = join(resolve(import.meta.dirname, '../..'), 'node_modules/vitest/vitest.mjs')
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--testTimeout=3600000', 'crash'], {
    stdio: 'inherit',
    env: { ...process.env, SHEIKH_TESTS: 'crashes' },
  })
  process.exitCode ||= status ?? 1
}
