import { existsSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { type Json, SheikhError } from '../../core/index.js'
import type { LabelledPool, Pipeline } from '../../pipeline/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { open } from '../project.js'
import { readJsonLines } from '../read-json-lines.js'
import { terminalPath } from '../terminal-path.js'

type Labels = ReadonlyMap<string, Json>

/** `sheikh evaluation label`: only items that the two models answer differently need a label. */
export async function label({ project, values }: Arguments, terminal: Terminal): Promise<CommandResult> {
  const path = (name: string) =>
    typeof values[name] === 'string' ? terminalPath(terminal, values[name], `--${name}`) : undefined
  const [pool, questions, answers] = [path('pool'), path('questions'), path('answers')]
  if (pool === undefined)
    throw new SheikhError(
      'invalid-options',
      'Cannot label: --pool is missing. Name a JSON Lines file of samples. See: sheikh evaluation --help',
    )
  const pipeline = (await (await open(project, terminal)).pipeline()) as Pipeline<unknown, unknown>
  const runId = typeof values['run'] === 'string' ? values['run'] : await openRun(pipeline)
  const samples = (await readJsonLines(pool)).map(({ value }) => value)
  const judge = (labels: Labels) => pipeline.labelPool(runId, { samples, labels, signal: terminal.signal })

  let labels = answers !== undefined && existsSync(answers) ? await readLabels(answers) : new Map<string, Json>()
  let judged = await judge(labels)
  if (questions !== undefined) {
    const { writeFileAtomic } = await import('../../store/index.js')
    const lines = judged.questions
      .filter(({ id }) => !labels.has(id))
      .map((question) => `${JSON.stringify(question)}\n`)
    await writeFileAtomic(questions, lines.join(''))
    return answerOf(
      judged,
      `Wrote ${lines.length} questions to ${questions}. Write the labels as JSON Lines of {"id", "target"}, then run again with --answers <file>.`,
    )
  }
  if (judged.unlabelled > 0 && terminal.ask !== undefined) {
    labels = await askPerson(judged, labels, answers, terminal)
    judged = await judge(labels)
  }
  return answerOf(judged)
}

/** The newest run whose decision a labelled pool can change. */
async function openRun(pipeline: Pipeline<unknown, unknown>): Promise<string> {
  const runs = await pipeline.runs({ limit: 50 })
  const run = runs.find(
    ({ status, reason }) => status === 'awaiting-approval' || (status === 'held' && reason !== 'withdrawn'),
  )
  if (run !== undefined) return run.runId
  throw new SheikhError('not-found', 'Cannot label: no run awaits approval or is held. Name a run with --run <id>.')
}

async function readLabels(path: string): Promise<Labels> {
  const labels = new Map<string, Json>()
  for (const { value, line } of await readJsonLines(path)) {
    const { id, target } = (typeof value === 'object' && value !== null ? value : {}) as {
      id?: unknown
      target?: unknown
    }
    if ((typeof id !== 'string' && typeof id !== 'number') || target === undefined)
      throw new SheikhError(
        'evaluation-invalid',
        `Cannot use "${path}", line ${line}: the object has no "id" and "target". Write one {"id", "target"} object per line.`,
        { facts: { path, line } },
      )
    labels.set(String(id), target as Json)
  }
  return labels
}

async function askPerson(
  { questions }: LabelledPool,
  known: Labels,
  file: string | undefined,
  { ask, err }: Terminal,
): Promise<Labels> {
  const labels = new Map(known)
  const open = questions.filter(({ id }) => !labels.has(id))
  err(`${open.length} items to label. Enter a number or another answer. Press Enter to skip, or enter "q" to stop.\n`)
  for (const [index, { id, input, answers }] of open.entries()) {
    const choices = answers.map((answer, choice) => `  ${choice + 1}) ${shown(answer)}`).join('\n')
    const said = (await ask!(`\n[${index + 1} of ${open.length}] ${shown(input)}\n${choices}\n> `))?.trim()
    if (said === undefined || said === 'q') break
    if (said === '') continue
    const target = /^[12]$/.test(said) ? answers[Number(said) - 1]! : said
    labels.set(id, target)
    // Saved after each answer, so closing the terminal loses no labels.
    if (file !== undefined) await appendFile(file, `${JSON.stringify({ id, target })}\n`)
  }
  return labels
}

const shown = (value: Json) => (typeof value === 'string' ? value : JSON.stringify(value))

function answerOf(judged: LabelledPool, more?: string): CommandResult {
  const { finding, items, differing, unlabelled, known, runId } = judged
  const text = [
    `The models answer ${differing} of ${items} inputs differently; ${unlabelled} of these are not labelled yet.`,
    ...(known.length > 0
      ? [`${known.length} inputs were skipped because they are in the training data or in the evaluation set.`]
      : []),
    `${finding.status}: ${finding.reason}.`,
    ...(finding.status === 'pass' ? [`To release it: sheikh approve ${runId} --reason "…"`] : []),
    ...(more === undefined ? [] : [more]),
  ]
  const exitCode = { pass: 0, fail: 2, inconclusive: 3, 'not-applicable': 3 }[finding.status]
  return { text: text.join('\n'), json: toJson(judged), exitCode: more === undefined ? exitCode : 0 }
}
