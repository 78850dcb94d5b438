// Templates rendered by this package and by Jinja2: the same text, or an error here that names the construct.
import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { compile, JinjaError } from '../../src/prompts/jinja/index.js'
import { chatTemplates } from './chat-templates.js'
import { conversations } from './conversations.js'
import { templateGenerator, variables } from './jinja-generator.js'
import { askPython } from './python.js'

const seed = process.env['SEED'] ?? String(randomInt(2 ** 32))
const generated = 10_000
const limits = { steps: 1_000_000, characters: 10_000_000 }

type Case = readonly [template: string, variables: Readonly<Record<string, unknown>>, chat: boolean]
type Answer = { readonly text: string } | { readonly error: string }

function ours([template, given, chat]: Case): Answer {
  try {
    const options = chat ? { trimBlocks: true, lstripBlocks: true } : {}
    return { text: compile(template, options).render(given, limits).text }
  } catch (error) {
    if (error instanceof JinjaError) return { error: error.message }
    throw error
  }
}

/** Compares, and prints how many are equal, refused by both, and refused here only. */
function compare(name: string, cases: readonly Case[]): { readonly equal: number; readonly refused: number } {
  const answers = askPython('jinja.py', cases) as readonly Answer[]
  const different: unknown[] = []
  const refusals = new Map<string, number>()
  let [equal, failed] = [0, 0]
  for (const [index, one] of cases.entries()) {
    const [here, there] = [ours(one), answers[index]!]
    if ('error' in here && 'error' in there) failed += 1
    else if ('error' in here) refusals.set(here.error, (refusals.get(here.error) ?? 0) + 1)
    else if ('text' in there && here.text === there.text) equal += 1
    else different.push({ template: one[0], here, there })
  }
  const refused = [...refusals.values()].reduce((sum, count) => sum + count, 0)
  console.log(`${name}: ${cases.length} texts, ${equal} equal, ${failed} errors in both, ${refused} refused here only`)
  for (const [reason, count] of [...refusals].sort((a, b) => b[1] - a[1]).slice(0, 8))
    console.log(`  ${count} × ${reason}`)
  expect(different.slice(0, 3)).toEqual([])
  return { equal, refused }
}

describe('Jinja2', () => {
  it.each([false, true])('generated templates, with the options of chat templates: %s', (chat) => {
    console.log(`SEED=${seed}`)
    const next = templateGenerator(seededRandom(`${seed} ${chat}`))
    const { equal } = compare(
      'generated templates',
      Array.from({ length: generated }, () => [next(), variables, chat] as const),
    )
    expect(equal).toBeGreaterThan(generated / 2)
  })

  it('chat templates of public models', (context) => {
    const templates = chatTemplates()
    if (templates === undefined) {
      console.log('Skipped: the chat templates are not there. Run: npm run setup:interop')
      context.skip()
      return
    }
    console.log(`${templates.length} chat templates, ${conversations.length} conversations`)
    expect(templates.length).toBeGreaterThanOrEqual(90)
    const { equal, refused } = compare(
      'chat templates',
      templates.flatMap(([, template]) => conversations.map((conversation) => [template, conversation, true] as const)),
    )
    expect(refused).toBeLessThan(equal / 20)
  })
})
