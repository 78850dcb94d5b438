// Label Studio runs here, on loopback: it imports our tasks, people label them through its API, and we read its export. Also as a
// loop: inputs that two releases answer differently or unsurely become tasks, and their labels become samples on a branch.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { memoryFeedback, readFeedback } from '../../src/feedback/index.js'
import { commit, releasedProject, sheikh, sheikhJson, start, write } from '../cli/harness.js'
import { readExport, tasksForLabelStudio, toolExports } from '../feedback/tool-exports.js'
import { git } from '../repository/harness.js'
import { post } from '../serve/fixture.js'
import { hasFeedbackTool, runFeedbackTool } from './feedback-tools.js'

const isInstalled = hasFeedbackTool('label-studio')
if (!isInstalled)
  console.log('Skipped: label-studio is not installed. npm run setup:interop installs it, or says why it cannot')

interface Annotation {
  readonly result: readonly object[]
  /** Who labels it. Absent: the owner of the project. */
  readonly by?: 'bob'
  readonly was_cancelled?: boolean
  readonly deleted?: boolean
}

/** What people do with the tasks of a project, by task. */
interface Labels {
  readonly config: string
  readonly annotations: readonly (readonly Annotation[])[]
}

const control = (name: string, type: string, value: object) => ({ from_name: name, to_name: 'text', type, value })
const choose = (...choices: readonly string[]) => control('label', 'choices', { choices })
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

/** Controls and annotations of every kind. */
function everyKind(): Labels {
  const comment = control('comment', 'textarea', { text: ['war „dringend“'] })
  const stars = (rating: number) => control('stars', 'rating', { rating })
  return {
    config: `<View>
      <Text name="text" value="$text"/>
      <Choices name="label" toName="text" choice="multiple">
        <Choice value="login"/><Choice value="Lieferung 📦"/><Choice value="account"><Choice value="closed"/></Choice>
      </Choices>
      <Taxonomy name="topic" toName="text"><Choice value="account"><Choice value="closed"/></Choice></Taxonomy>
      <TextArea name="comment" toName="text"/>
      <Number name="hours" toName="text"/>
      <Rating name="stars" toName="text"/>
    </View>`,
    annotations: [
      [{ result: [choose('Lieferung 📦')] }],
      [{ result: [choose('login')] }, { result: [choose('account')], by: 'bob' }],
      [{ result: [choose('login', 'account')] }],
      [{ result: [], was_cancelled: true }],
      [
        { result: [choose('login')], deleted: true },
        { result: [choose('Lieferung 📦')], by: 'bob' },
      ],
      [{ result: [choose('login'), comment, stars(2)] }],
      [{ result: [stars(4)] }],
      [{ result: [control('topic', 'taxonomy', { taxonomy: [['account', 'closed']] })] }],
      [{ result: [comment] }],
      [{ result: [control('hours', 'number', { number: 2.5 })] }],
      [{ result: [] }],
    ],
  }
}

interface Task {
  readonly data: { readonly text: string; readonly prediction: string }
  readonly meta: { readonly disagreement: boolean }
}

/** What users ask, and the right label. The first release knows nothing of scales. */
const asked: Readonly<Record<string, string>> = {
  'the kitchen scale shows another weight each morning': 'technical',
  'our bathroom scale is wrong after a new battery': 'technical',
  'your luggage scale lost its calibration during a trip': 'technical',
  'somebody else signed for what I ordered': 'shipping',
  'why do I pay twice for one single month': 'billing',
  'it says that nobody of my name exists': 'login',
  'please tell me more about your company': 'billing',
  'good morning and greetings from the seaside': 'shipping',
}
/** Two people contradict each other about this, leave the second out, and one person alone labels the third. */
const [contradicted, cancelled, alone] = Object.keys(asked).slice(-3) as [string, string, string]
/** The samples that a batch should have. */
const agreed = Object.entries(asked).filter(([text]) => ![contradicted, cancelled, alone].includes(text))

function annotationsOf(text: string): readonly Annotation[] {
  const result = [choose(asked[text]!)]
  if (text === contradicted) return [{ result }, { result: [choose('technical')], by: 'bob' }]
  if (text === cancelled) return [{ result: [], was_cancelled: true }]
  return text === alone ? [{ result }] : [{ result }, { result, by: 'bob' }]
}

describe.skipIf(!isInstalled)('Label Studio', () => {
  const out = mkdtempSync(join(tmpdir(), 'sheikh-label-studio-'))
  const [kinds, loop] = [join(out, 'kinds'), join(out, 'loop')]
  const store = join(out, 'feedback')
  let project: string

  beforeAll(async () => {
    for (const folder of [kinds, loop]) mkdirSync(folder)
    writeFileSync(join(kinds, 'tasks.json'), JSON.stringify(tasksForLabelStudio()))
    writeFileSync(join(kinds, 'labels.json'), JSON.stringify(everyKind()))
    project = await releasedProject()
    await teachScales(project)
    await ask(project, store)
    const next = ['--against', '0.1.1', '--out', join(loop, 'tasks.json')]
    expect(await sheikh(project, ['feedback', 'next', '--store', store, ...next])).toMatchObject({ code: 0 })
    const tasks: readonly Task[] = json(join(loop, 'tasks.json'))
    const choices = ['billing', 'login', 'shipping', 'technical'].map((label) => `<Choice value="${label}"/>`)
    const config = `<View>
      <Text name="text" value="$text"/>
      <Choices name="label" toName="text">${choices.join('')}</Choices>
    </View>`
    const annotations = tasks.map(({ data }) => annotationsOf(data.text))
    writeFileSync(join(loop, 'labels.json'), JSON.stringify({ config, annotations }))
    runFeedbackTool('label-studio', out, kinds, loop)
  })
  afterAll(() => rmSync(out, { recursive: true, force: true }))

  it('imports our tasks, and its export is read', async () => {
    expect(json(join(kinds, 'imported.json'))).toMatchObject({ task_count: 12, prediction_count: 12 })
    const exported: readonly Task[] = json(join(kinds, 'export.json'))
    expect(exported.map(({ data }) => data)).toEqual(tasksForLabelStudio().map(({ data }) => data))
    expect(await readExport(join(kinds, 'export.json'))).toEqual(toolExports['label-studio-1.23.2-export.json'])
    const other = (name: string) => readFeedback(join(kinds, name), { store: memoryFeedback() }, callContext())
    await expect(other('export-min.json')).rejects.toThrow('JSON-MIN. Export it in the format JSON')
    await expect(other('export.csv')).rejects.toThrow('is not JSON. Export it again as JSON')
  })

  it('labels what releases answer differently or unsurely, and the labels become samples', async () => {
    const tasks: readonly Task[] = json(join(loop, 'tasks.json'))
    expect(tasks.map(({ data }) => data.text).sort()).toEqual(Object.keys(asked).sort())
    const disagreements = tasks.filter(({ meta }) => meta.disagreement).length
    expect(disagreements).toBeGreaterThan(0)
    // Those come first.
    expect(tasks.slice(0, disagreements).every(({ meta }) => meta.disagreement)).toBe(true)
    expect(json(join(loop, 'imported.json'))).toMatchObject({ task_count: 8, prediction_count: 8 })

    const file = join(loop, 'export.json')
    const imported = () => sheikhJson(project, 'feedback', 'import', file, '--store', store)
    // Five tasks that both label alike, one with two labels and one with one.
    expect((await imported()).json).toMatchObject({ added: 13, unknownPrediction: 0, skipped: { cancelled: 1 } })
    expect((await imported()).json).toMatchObject({ added: 0, known: 13 })

    const { code, json: proposal } = await sheikhJson(
      project,
      ...['feedback', 'propose', '--store', store, '--agreement', '2', '--include-text'],
    )
    expect([code, proposal.status]).toEqual([0, 'proposed'])
    const { branch } = proposal.proposed as { readonly branch: string }
    const batch = branch.replace('sheikh/feedback-', '')
    const lines = git(project, 'show', `${branch}:dataset/samples/feedback/${batch}.jsonl`).trim().split('\n')
    const samples = lines.map((line) => JSON.parse(line) as { readonly id: string; text: string; label: string })
    expect(samples.map(({ text, label }) => [text, label]).sort()).toEqual(agreed.sort())
    // Each sample names the answer that the task was about.
    const record = JSON.parse(git(project, 'show', `${branch}:dataset/feedback/${batch}.json`)) as {
      readonly samples: readonly { readonly id: string; predictions: readonly string[]; sources: readonly string[] }[]
    }
    const answers = new Map(tasks.map(({ data }) => [data.text, data.prediction]))
    for (const { id, text } of samples) {
      const origin = record.samples.find((one) => one.id === id)
      expect([origin?.predictions, origin?.sources.length]).toEqual([[answers.get(text)], 2])
    }

    git(project, 'merge', '-q', '--ff-only', branch)
    expect((await sheikh(project, ['validate'])).code).toBe(0)
    // What was labelled is not chosen again; the cancelled task is.
    const again = join(loop, 'again.json')
    await sheikh(project, ['feedback', 'next', '--store', store, '--out', again])
    expect((json(again) as readonly Task[]).map(({ data }) => data.text)).toEqual([cancelled])
  })
})

/** Releases 0.1.1, which knows scales. */
async function teachScales(project: string): Promise<void> {
  const places = ['kitchen', 'bathroom', 'luggage', 'parcel']
  const complaints = ['shows nothing', 'needs calibration', 'counts grams wrongly']
  const samples = places.flatMap((place, row) =>
    complaints.map((complaint, column) => ({
      ...{ id: `scale-${row}-${column}`, text: `my ${place} scale ${complaint}`, label: 'technical' },
    })),
  )
  const lines = samples.map((sample) => `${JSON.stringify(sample)}\n`)
  await write(project, 'dataset/samples/technical/scales.jsonl', lines.join(''))
  await commit(project, 'Scales')
  const { code, json: run } = await sheikhJson(project, 'run')
  expect({ code, run }).toMatchObject({ code: 0, run: { status: 'released', release: { version: '0.1.1' } } })
}

/** Users ask a server that answers with 0.1.0 and keeps its answers. */
async function ask(project: string, store: string): Promise<void> {
  const served = start(project, ['serve', '--port', '0', '--version', '0.1.0', '--feedback', store])
  let said = ''
  served.child.stderr!.on('data', (piece) => {
    said += piece
  })
  await served.says('Stop it with')
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)![0]
  for (const text of Object.keys(asked))
    expect((await fetch(`${url}/v1/predict`, post('/', { inputs: [text] }))).status).toBe(200)
  served.child.kill('SIGTERM')
  expect((await served.ended).code).toBe(0)
}
