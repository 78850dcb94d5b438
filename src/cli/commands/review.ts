import { readFile, stat } from 'node:fs/promises'
import { env } from 'node:process'
import { callContext, escapeMarkdown, messageOf, SheikhError } from '../../core/index.js'
import { reportReview, reportReviewHtml } from '../../report/index.js'
import type { ActionsReport, PostedReview, Review, ReviewOptions } from '../../repository/index.js'
import { type Arguments, type Command, type CommandResult, type Terminal, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
import { mergeQueueBase } from '../merge-queue-base.js'
import { numberOption } from '../number-option.js'
import { showEvents } from '../progress.js'
import { logTo, open } from '../project.js'
import { terminalPath } from '../terminal-path.js'

export const review: Command = {
  name: 'review',
  usage: '[base]',
  summary: 'Review a pull request: whether it is valid, what it changes, and what it does to quality',
  options: {
    train: { type: 'boolean' },
    share: { type: 'string' },
    out: { type: 'string' },
    github: { type: 'boolean' },
    post: { type: 'string' },
    'check-name': { type: 'string' },
  },
  optionHelp: {
    train: 'Train the base and HEAD, and judge HEAD by the gate of the base on development rows',
    share: 'With --train: share of the training rows of the base to judge by (default: 0.1)',
    out: 'Also write the review to this file: a page if it ends in .html, otherwise for --post',
    github:
      'In GitHub Actions: write outputs, job summary and annotations, and with GITHUB_TOKEN a check run and a comment',
    post: 'Review nothing; report the file that --out wrote in another workflow (needs --github)',
    'check-name': 'Name of the check run and of the comment (default: sheikh review)',
  },
  examples: [
    'sheikh review origin/main',
    'sheikh review origin/main --train',
    'sheikh review --github --out review.json',
  ],
  positionals: [0, 1],
  async run(input, terminal) {
    const { values } = input
    if (typeof values['post'] === 'string') return post(values['post'], input, terminal)
    const out = typeof values['out'] === 'string' ? terminalPath(terminal, values['out'], '--out') : undefined
    const measure = measureOptions(input, terminal)
    const repository = await open(input.project, terminal)
    const work = async () => repository.review(input.positionals[0] ?? (await baseOfEvent()), measure)
    const found = values['github'] === true ? await reported(work, input, terminal) : await work()
    const report = reportReview(found)
    if (out !== undefined) {
      const { writeFileAtomic } = await import('../../store/index.js')
      const { formatVersion, verdict, summary } = found
      const posted = `${JSON.stringify({ formatVersion, verdict, summary, report })}\n`
      await writeFileAtomic(out, isHtml(out) ? reportReviewHtml(found) : posted)
    }
    const text = values['github'] === true ? await toActions(found, report, input, terminal) : report
    return { text, json: toJson(found), exitCode: found.verdict === 'fail' ? 1 : 0 }
  },
}

/** @throws `invalid-options`. */
function measureOptions({ values }: Arguments, terminal: Terminal): ReviewOptions {
  if (values['share'] !== undefined && values['train'] !== true)
    throw new SheikhError('invalid-options', 'Cannot use --share: nothing is trained. Add --train.')
  if (values['train'] !== true) return {}
  const share = numberOption(values, 'share', 'review')
  return { train: true, ...(share !== undefined && { share }), signal: terminal.signal, onEvent: showEvents(terminal) }
}

/** A review that could not be made or read is reported too, so that no pull request goes without a check. */
async function reported<T>(work: () => Promise<T>, input: Arguments, terminal: Terminal): Promise<T> {
  return work().catch(async (error: unknown) => {
    terminal.signal.throwIfAborted()
    const summary = `Nothing was reviewed. ${messageOf(error)}`
    terminal.err(`${await act({ verdict: 'error', summary, report: escapeMarkdown(summary) }, input, terminal)}\n`)
    throw error
  })
}

async function toActions(found: Review, report: string, input: Arguments, terminal: Terminal): Promise<string> {
  const { verdict, summary, problems, warnings } = found
  const places = problems.flatMap((problem) => problem.places)
  const warned = warnings.flatMap((warning) => warning.places)
  return act({ verdict, summary, report, places, warnings: warned }, input, terminal)
}

async function act(report: ActionsReport, { values }: Arguments, terminal: Terminal): Promise<string> {
  const { reportToActions } = await import('../../repository/index.js')
  const name = typeof values['check-name'] === 'string' ? values['check-name'] : 'sheikh review'
  return reportToActions({ ...report, name }, env, callContext({ signal: terminal.signal, log: logTo(terminal) }))
}

/** The whole file becomes a comment of at most 64 KiB. */
const largestFileBytes = 4 * 2 ** 20

async function post(given: string, input: Arguments, terminal: Terminal): Promise<CommandResult> {
  if (input.values['github'] !== true)
    throw new SheikhError('invalid-options', 'Cannot post the review: --post needs --github. Add --github.')
  const path = terminalPath(terminal, given, '--post')
  const { verdict, summary, report } = await reported(() => readPosted(path), input, terminal)
  // First: the report could hide what follows it, or be so long that the end is cut.
  const said = `Reported by the workflow of this pull request, which its author can change.\n\n${report}`
  const text = await act({ verdict, summary, report: said }, input, terminal)
  return { text, json: toJson({ verdict, summary }), exitCode: verdict === 'fail' ? 1 : 0 }
}

async function readPosted(path: string): Promise<PostedReview> {
  const { parsePostedReview } = await import('../../repository/index.js')
  const sizeBytes = (await stat(path).catch(() => undefined))?.size ?? 0
  if (sizeBytes > largestFileBytes) throw new SheikhError('artifact-corrupt', tooLarge)
  return parsePostedReview(await readFile(path, 'utf8').catch(() => ''))
}

const tooLarge =
  'Cannot post the review: the file is larger than 4 MiB. Run the workflow that reviews the pull request again.'

/** What a workflow was started for: the branch that a pull request goes into, or the commit that a merge queue starts from. */
async function baseOfEvent(): Promise<string> {
  const branch = env['GITHUB_BASE_REF']
  if (branch) return `origin/${branch}`
  const queued = await mergeQueueBase()
  if (queued !== undefined) return queued
  throw new SheikhError(
    'invalid-options',
    'Cannot review: there is no base to compare with. Name one: sheikh review origin/main',
  )
}
