// The whole loop on real mails: train, release, serve, listen, learn from feedback, compare live, promote. The Git remote is a
// folder and the server is on this machine. Run: npm run example:loop
//
//   --json   the last line of the output is for programs: numbers read from releases, the live test and the ledger
import { mkdtemp, rm } from 'node:fs/promises'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { directoryRegistry, type Release, type RunResult } from 'sheikh-freemium'
import { abTest, thumbs } from 'sheikh-freemium/experiment'
import { directoryFeedback } from 'sheikh-freemium/feedback'
import { openRepository, type Repository } from 'sheikh-freemium/repository'
import { serve } from 'sheikh-freemium/serve'
import { textClassifier, tfjsTrainer } from 'sheikh-freemium/tfjs'
import { loadMails, type Mail, picked } from '../quickstart/mails.js'
import { Project } from './project.js'
import { Readers } from './readers.js'

const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const say = (text: string) => void (options.json ? process.stderr : process.stdout).write(`${text}\n`)
const folder = await mkdtemp(join(tmpdir(), 'sheikh-loop-'))
// Nobody's settings of Git, and no repository above the temporary folder.
Object.assign(process.env, { GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: '1', GIT_CEILING_DIRECTORIES: folder })
try {
  const facts = await tell()
  if (options.json) process.stdout.write(`${JSON.stringify(facts)}\n`)
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function tell() {
  const startedMs = performance.now()
  const { first, asked, replayed } = divide(loadMails())
  const project = new Project(folder)
  const repository = await openRepository(project.root)
  const registry = directoryRegistry(join(project.root, 'releases'))
  const trainer = tfjsTrainer(textClassifier())
  const feedback = directoryFeedback(join(folder, 'feedback'))
  const readers = new Readers()
  const kept = { store: feedback, source: readers.nameIn, maximumInTotal: asked.length + replayed.length }

  say(`1. Train: ${first.length} mails, four fifths of them to judge models by.`)
  project.add(first)
  await repository.pinEvaluation({ salt: 'sheikh-freemium', share: 0.8 })
  project.push('The first mails')
  const before = released(await run(repository))
  await (await repository.pipeline()).promote(before.version, { to: 'production', by: 'Ada' })
  say(`   Released ${before.version}, accuracy ${percent(accuracyOf(before))}, and promoted it to production.`)

  say(`\n2. Serve and listen: 60 readers ask about ${asked.length} mails over HTTP.`)
  {
    await using server = await serve({ registry, trainer, channel: 'production', port: 0, feedback: kept })
    const { thumbs, corrections, wrong, refused } = await readers.read(asked, server.url)
    say(
      `   ${thumbs} thumbs up, ${corrections} corrections, and ${wrong} wrong corrections of one careless reader, with ${refused} more refused.`,
    )
  }

  say('\n3. Learn: feedback becomes a branch, a person merges it, and the push trains.')
  const { proposed, batch } = await repository.proposeFeedback(feedback, { confirmed: true })
  if (proposed === undefined) throw new Error('The feedback made no samples.')
  say(
    `   ${proposed.branch}: ${batch.samples.length} samples; ${batch.leftOut.length} left out: ${reasonsOf(batch.leftOut)}.`,
  )
  project.merge(proposed.branch)
  const candidate = released(await run(repository))
  say(
    `   Released ${candidate.version}, accuracy ${percent(accuracyOf(candidate))}. Production is still ${before.version}.`,
  )

  say(`\n4. Compare live: ${replayed.length} further mails, half of them answered by ${candidate.version}.`)
  const test = await abTest({
    ...{ name: 'after-feedback', control: before.version, treatment: candidate.version },
    ...{ metric: thumbs(), margin: 0.01, pipeline: await repository.pipeline(), feedback, promoteTo: 'production' },
  })
  {
    await using server = await serve({ registry, trainer, port: 0, feedback: kept, experiment: { test } })
    await readers.judge(replayed, server.url)
  }
  const report = await test.check()
  const production = (await (await repository.pipeline()).channels())['production']!
  say(`   ${report.reason}.\n   Production is ${production}.`)

  // Refuses a ledger of which an entry was changed, removed or moved.
  const ledger = await (await repository.pipeline()).ledger()
  const [accuracyBefore, accuracyAfter] = [accuracyOf(before), accuracyOf(candidate)]
  if (accuracyAfter < accuracyBefore || production !== candidate.version)
    throw new Error(
      'This did not go as it should: the model that learned from feedback is not in production, or worse.',
    )
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
  say(`\nThe ledger has ${ledger.length} entries, and its chain is whole. It took ${seconds} s.`)
  const { result, division, metrics } = report
  return {
    ...{ accuracyBefore, accuracyAfter },
    abTest: { result, production, division, metrics },
    ledger: ledger.map(({ type }) => type),
  }
}

/** 1,200 mails to begin with, 2,000 that readers are asked about, and the rest for the live test. No body is in two parts. */
function divide(mails: readonly Mail[]): Readonly<Record<'first' | 'asked' | 'replayed', readonly Mail[]>> {
  const bodies = new Map(mails.map((mail) => [mail.body, mail]))
  const parts = { first: [] as Mail[], asked: [] as Mail[], replayed: [] as Mail[] }
  for (const mail of bodies.values())
    parts[picked('first', mail.body, 0.2) ? 'first' : picked('asked', mail.body, 0.45) ? 'asked' : 'replayed'].push(
      mail,
    )
  return parts
}

async function run(repository: Repository): Promise<RunResult> {
  return (await repository.pipeline()).run()
}

function released(result: RunResult): Release {
  if (result.status === 'released') return result.release
  throw new Error(`The run ended as ${result.status}: ${'verdict' in result ? result.verdict.summary : ''}`)
}

function accuracyOf({ record }: Release): number {
  return record.metrics?.['accuracy'] ?? Number.NaN
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

/** How many were left out, by reason. */
function reasonsOf(leftOut: readonly { readonly reason: string }[]): string {
  const counts = new Map<string, number>()
  for (const { reason } of leftOut) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ')
}
