// What the files say that tools wrote: test/interop/feedback-tools makes them, and fixtures/ has them by tool and version.
import { join } from 'node:path'
import { callContext } from '../../src/core/index.js'
import { labelStudioTasks, memoryFeedback, readFeedback } from '../../src/feedback/index.js'

const prediction = '01m8kfa7ts2rjb6h5qgx'
const thumb = (isUp: boolean) => ({ kind: 'thumb', isUp })
const correction = (target: unknown) => ({ kind: 'correction', target })
const rating = (score: number) => ({ kind: 'rating', score })
const text = (said: string) => ({ kind: 'text', text: said })

/** Who said what about which answer of `prediction`. */
type Said = readonly [answer: number, source: string | number, content: object]

interface Export {
  readonly said: readonly Said[]
  readonly skipped: Readonly<Record<string, number>>
}

/** Sorted, since some tools list the newest first. Sources are numbered in the order in which they appear then. */
function normal({ said, skipped }: Export): Export {
  const keyOf = ([answer, , content]: Said) => `${String(answer).padStart(2, '0')} ${JSON.stringify(content)}`
  const sorted = [...said].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1))
  const sources = [...new Set(sorted.map(([, source]) => source))]
  return { said: sorted.map(([answer, source, content]) => [answer, sources.indexOf(source), content]), skipped }
}

const langfuseScores: Export = {
  said: [
    [0, 0, thumb(true)],
    [1, 1, thumb(false)],
    [2, 0, rating(0.25)],
    [2, 0, text('halb richtig – „naja“')],
    [5, 0, correction('Lieferung 📦')],
    // By the API, which names nobody.
    [6, 2, thumb(false)],
    [7, 1, text('not what I asked')],
    [8, 0, correction('up')],
    // Of an observation.
    [0, 0, rating(1)],
  ],
  skipped: { 'score-not-in-0-1': 1, 'not-by-a-person': 1, 'without-value': 1, 'without-prediction-id': 1 },
}

export const toolExports = {
  'langfuse-5.0.4-scores.json': normal(langfuseScores),
  'langfuse-5.0.4-scores-v3.json': normal({
    ...langfuseScores,
    skipped: { ...langfuseScores.skipped, 'without-prediction-id': 2 },
  }),
  'phoenix-20.26.1-annotations.json': normal({
    said: [
      [1, 0, thumb(true)],
      [1, 1, thumb(false)],
      [2, 0, correction('Lieferung 📦')],
      [2, 0, text('es geht um ein „Paket“')],
      [3, 0, rating(0.25)],
      [7, 0, correction('shipping')],
    ],
    skipped: { 'score-not-in-0-1': 1, 'not-by-a-person': 2 },
  }),
  'label-studio-1.23.2-export.json': normal({
    said: [
      [0, 0, correction('Lieferung 📦')],
      [1, 0, correction('login')],
      [1, 1, correction('account')],
      [4, 1, correction('Lieferung 📦')],
      [5, 0, correction('login')],
      [5, 0, text('war „dringend“')],
      [8, 0, correction('war „dringend“')],
      [9, 0, correction(2.5)],
    ],
    skipped: { 'not-one-answer': 2, cancelled: 1, 'score-not-in-0-1': 1, 'without-value': 2 },
  }),
} satisfies Record<string, Export>

export type ToolExport = keyof typeof toolExports

export const fixtureOf = (name: ToolExport) => join(import.meta.dirname, 'fixtures', name)

/** What our reader reads in a file, in the form of `toolExports`. Feedback about other answers than those of `prediction` is left out. */
export async function readExport(path: string): Promise<Export> {
  const { feedback, skipped } = await readFeedback(path, { store: memoryFeedback() }, callContext())
  const said = feedback.flatMap(({ prediction: about, source, content }): readonly Said[] => {
    const [request, answer] = about.split('/')
    return request === prediction ? [[Number(answer), source, content]] : []
  })
  return normal({ said, skipped: skipped as Export['skipped'] })
}

/** Twelve tasks for Label Studio. */
export const tasksForLabelStudio = () =>
  labelStudioTasks(
    Array.from({ length: 12 }, (_, index) => ({
      prediction: {
        ...{ kind: 'prediction' as const, id: `${prediction}/${index}`, timeMs: 1, input: `„text“ ${index} 📦` },
        release: { version: '1.0.0', bundle: `sha256:${'0'.repeat(64)}` as const },
        prediction: { kind: 'label' as const, label: 'login', probabilities: { login: 0.75, account: 0.25 } },
      },
      disagreement: true,
      uncertainty: 0.25,
    })),
  )
