import { type Json, SheikhError } from '../../core/index.js'
import type { Prediction } from '../../model/index.js'
import { type Command, type Terminal, toJson } from '../command.js'
import { loadNamed } from '../load-named.js'
import { progressLine, RateMeter } from '../progress-line.js'
import { open } from '../project.js'
import { readJsonLines } from '../read-json-lines.js'
import { terminalPath } from '../terminal-path.js'

const batchSize = 64

export const predict: Command = {
  name: 'predict',
  usage: '[text]',
  summary: 'Answer a text, a file or standard input with the released model',
  options: { file: { type: 'string' }, version: { type: 'string' }, channel: { type: 'string' } },
  optionHelp: {
    file: 'JSON Lines file of samples; other JSON values are inputs as they are',
    version: 'Version to answer with (default: the current release)',
    channel: "Channel to answer with, such as production (default: the project's own)",
  },
  examples: [
    'sheikh predict "My parcel is late"',
    'sheikh predict --file samples.jsonl --channel production',
    'cat texts.txt | sheikh predict --json',
  ],
  positionals: [0, 1],
  async run({ project, positionals, values, json }, terminal) {
    const path = typeof values['file'] === 'string' ? terminalPath(terminal, values['file'], '--file') : undefined
    if (path !== undefined && positionals.length > 0) throw usage('both a text and --file are given. Give one of them')
    const repository = await open(project, terminal)
    const given = await givenValues(positionals[0], path, terminal)
    if (given.length === 0) throw usage('the input is empty')
    await using model = await loadNamed<Json>(values, repository, terminal)
    const inputs = await (await repository.inputReader(model.release)).read(given)
    const predictions: Prediction[] = []
    const meter = new RateMeter()
    for (let first = 0; first < inputs.length; first += batchSize) {
      predictions.push(...(await model.predict(inputs.slice(first, first + batchSize), { signal: terminal.signal })))
      const [done, total] = [predictions.length, inputs.length]
      meter.add(Date.now(), done)
      const progress = { name: 'predict', done, total, unit: 'inputs', rate: meter.rate() }
      terminal.showStatus?.((columns) => progressLine(progress, columns))
    }
    terminal.showStatus?.(undefined)
    const { release } = model
    if (!json) terminal.err(`Answered by release ${release.version} (${release.bundle.slice(0, 19)}).\n`)
    return {
      text: predictions.map((prediction, index) => line(prediction, idOf(given[index]!), inputs.length)).join('\n'),
      json: toJson({
        release: { version: release.version, bundle: release.bundle },
        predictions: predictions.map((prediction, index) => ({ id: idOf(given[index]!), ...prediction })),
      }),
    }
  },
}

/** Each input as JSON. A line of text that begins with "{" is a sample; other text is the input itself. */
async function givenValues(
  text: string | undefined,
  path: string | undefined,
  { readInput }: Terminal,
): Promise<readonly Json[]> {
  if (path !== undefined) return (await readJsonLines(path)).map(({ value }) => value as Json)
  if (text !== undefined) return [parseInput(text, 'the text')]
  if (readInput === undefined)
    throw usage('no input is given. Give a text, name a file with --file, or pipe lines into the command')
  const lines = (await readInput()).split('\n').map((line) => line.replace(/\r$/, ''))
  return lines.flatMap((line, index) => (line.trim() === '' ? [] : [parseInput(line, `line ${index + 1}`)]))
}

function parseInput(text: string, where: string): Json {
  if (!text.trimStart().startsWith('{')) return text
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw new SheikhError(
      'dataset-invalid',
      `Cannot predict: ${where} begins with "{" but is not a JSON object. Write one complete JSON object.`,
      { cause },
    )
  }
}

/** One line per input: its id, if it has one, the answer, and the probability of the answer. Separated by tabs. */
function line(prediction: Prediction, id: string | number | undefined, inputs: number): string {
  return [...(id === undefined ? [] : [cell(String(id))]), ...answer(prediction, inputs)].join('\t')
}

/** Text that contains a separator, as a JSON string, so that it does not look like several columns or lines. */
const cell = (text: string) => (/[\t\n\r]/.test(text) ? JSON.stringify(text) : text)

function answer(prediction: Prediction, inputs: number): readonly string[] {
  switch (prediction.kind) {
    case 'label': {
      const probability = prediction.probabilities?.[prediction.label]
      return [cell(prediction.label), ...(probability === undefined ? [] : [probability.toFixed(4)])]
    }
    case 'number':
      return [String(prediction.value)]
    case 'text':
      // A text of several lines must not look like several answers.
      return [inputs === 1 ? prediction.text : JSON.stringify(prediction.text)]
    case 'vector':
      return [JSON.stringify(prediction.values)]
  }
}

function idOf(value: Json): string | number | undefined {
  const { id } = (typeof value === 'object' && value !== null ? value : {}) as { readonly id?: unknown }
  return typeof id === 'string' || typeof id === 'number' ? id : undefined
}

const usage = (fact: string) =>
  new SheikhError('invalid-options', `Cannot predict: ${fact}. See: sheikh predict --help`)
