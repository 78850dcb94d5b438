import { isSheikhError, messageOf } from '../core/index.js'
import { freeVariables, type TemplateNode } from './free-variables.js'
import { type Environment, type Jinja, loadJinja, type Program, type RuntimeValue, type Token } from './jinja.js'
import { templateInvalid } from './template-error.js'
import { type TemplatePositions, templatePositions, unclosedBlock } from './template-positions.js'

/** A template that was parsed. Jinja as its documentation has it: no block takes white space away unless it says so (`{%-`). */
export interface Template {
  readonly file: string
  /** Names that the template needs and does not set itself, with the line of their first use. */
  readonly variables: readonly { readonly name: string; readonly line: number | undefined }[]
  /** @throws `template-invalid` for a variable that is not among `known`, with file and line. */
  check(known: readonly string[]): void
  /** @throws `template-invalid` for a variable that is not given, a failure of the template, or more than its limits. */
  render(variables: Readonly<Record<string, unknown>>): string
}

/** A longer template is refused, in UTF-16 code units. */
export const maximumTemplateLength = 1_000_000
/** A longer text is not rendered, in UTF-16 code units. */
const maximumOutputLength = 10_000_000
/** Of the tree, evaluated for one text: about a second. Counted and not timed, so that every machine stops at the same place. */
const maximumSteps = 200_000
const maximumRange = 100_000

// `strftime_now` is not among them: what it says tomorrow is not what it says today.
const globalNames: readonly string[] = [
  'true',
  'false',
  'none',
  'True',
  'False',
  'None',
  'range',
  'namespace',
  'raise_exception',
]

/** Parses a template. @throws `template-invalid` with file and line. */
export async function parseTemplate(text: string, file: string): Promise<Template> {
  if (text.length > maximumTemplateLength)
    throw templateInvalid(
      file,
      undefined,
      `it has ${text.length} characters, and at most ${maximumTemplateLength} are read`,
      'Shorten it.',
    )
  const jinja = await loadJinja()
  const positions = templatePositions(text)
  const program = parseProgram(jinja, text, file, positions)
  const { used, optional } = freeVariables(taggedProgram(jinja, text, positions), untagged)
  const variables = used
    .map((tagged) => ({ name: untagged(tagged), line: lineOf(tagged, positions) }))
    .filter(
      ({ name }, index, all) =>
        !globalNames.includes(name) && !optional.has(name) && all.findIndex((other) => other.name === name) === index,
    )
  const check = (known: readonly string[]) => {
    const unknown = variables.find(({ name }) => !known.includes(name))
    if (unknown === undefined) return
    const given =
      known.length === 0 ? 'Nothing is known' : `Known are ${known.map((name) => JSON.stringify(name)).join(', ')}`
    throw templateInvalid(file, unknown.line, `the variable ${JSON.stringify(unknown.name)} is unknown`, `${given}.`, {
      facts: { variable: unknown.name, known },
    })
  }
  return {
    file,
    variables,
    check,
    render(given) {
      check(Object.keys(given))
      return renderProgram(jinja, program, file, given)
    },
  }
}

/** Renders a template once. @param file what it is called in errors. */
export async function renderPrompt(
  template: string,
  variables: Readonly<Record<string, unknown>>,
  file = 'a template',
): Promise<string> {
  return (await parseTemplate(template, file)).render(variables)
}

/** @throws `template-invalid` for a variable that is not among `known`, with file and line. */
export async function checkVariables(template: string, known: readonly string[], file = 'a template'): Promise<void> {
  ;(await parseTemplate(template, file)).check(known)
}

function parseProgram({ tokenize, parse }: Jinja, text: string, file: string, positions: TemplatePositions): Program {
  const { tags, unclosedLine } = positions
  const refuse = (line: number | undefined, fact: string, cause: unknown) =>
    templateInvalid(file, line, `it is not Jinja: ${fact}`, 'Correct it.', { cause })
  let tokens: Token[]
  try {
    tokens = tokenize(text)
  } catch (error) {
    if (unclosedLine !== undefined)
      throw refuse(unclosedLine, 'a tag, a comment or a text in quotes is not closed', error)
    throw refuse(tags.find((tag) => !parses(() => tokenize(tag.text)))?.line, messageOf(error), error)
  }
  let furthest = 0
  const watched = new Proxy(tokens, {
    get(target, key, receiver) {
      if (typeof key === 'string' && /^\d+$/.test(key)) furthest = Math.max(furthest, Number(key))
      return Reflect.get(target, key, receiver)
    },
  })
  try {
    return parse(watched)
  } catch (error) {
    const open = unclosedBlock(tags)
    if (unclosedLine !== undefined) throw refuse(unclosedLine, 'a tag is not closed', error)
    if (furthest >= tokens.length && open !== undefined)
      throw refuse(open.line, `the block "${open.statement}" is not closed`, error)
    const before = tokens
      .slice(0, furthest + 1)
      .filter(({ type }) => type === 'OpenStatement' || type === 'OpenExpression').length
    throw refuse(tags[before - 1]?.line, messageOf(error), error)
  }
}

// Names are parsed once more with the number of their position behind them, which leads from the tree back to a line.
function taggedProgram({ tokenize, parse }: Jinja, text: string, { names }: TemplatePositions): TemplateNode {
  const tokens = tokenize(text)
  const words = tokens.filter(({ type }) => type === 'Identifier')
  if (words.length === names.length)
    for (const [index, word] of words.entries())
      if (word.value === names[index]!.name && !keywords.has(word.value)) word.value += `\0${index}`
  return parse(tokens)
}

const keywords = new Set(
  'set endset if elif else endif for endfor in macro endmacro call endcall filter endfilter break continue is not and or'.split(
    ' ',
  ),
)

const untagged = (name: string) => name.split('\0')[0]!

function lineOf(tagged: string, { names }: TemplatePositions): number | undefined {
  const [name, index] = tagged.split('\0')
  return (index === undefined ? names.find((known) => known.name === name) : names[Number(index)])?.line
}

function parses(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}

function renderProgram(
  { Environment, Interpreter }: Jinja,
  program: Program,
  file: string,
  variables: Readonly<Record<string, unknown>>,
): string {
  let steps = 0
  let produced = 0
  const limit = (fact: string) => templateInvalid(file, undefined, fact, 'Render less at once.')
  class LimitedInterpreter extends Interpreter {
    override evaluate(statement: Program | undefined, environment: Environment): RuntimeValue {
      steps += 1
      if (steps > maximumSteps) throw limit(`rendering takes more than ${maximumSteps} steps`)
      const result = super.evaluate(statement, environment)
      if (typeof result.value === 'string') produced += result.value.length
      // What is inside of blocks is counted once a level; ten levels are more than any honest template has.
      if (produced > 10 * maximumOutputLength) throw limit(`it renders to more than ${maximumOutputLength} characters`)
      return result
    }
  }
  const globals = new Environment()
  for (const [name, value] of Object.entries({
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
  }))
    globals.set(name, value)
  globals.set('range', limitedRange)
  globals.set('raise_exception', (message: unknown) => {
    throw new Error(String(message))
  })
  const environment = new Environment(globals)
  try {
    for (const [name, value] of Object.entries(variables)) {
      // Every environment comes with `namespace`, and a sample may have a field of that name.
      environment.variables.delete(name)
      environment.set(name, value)
    }
    const text = new LimitedInterpreter(environment).run(program).value
    if (typeof text !== 'string') throw new TypeError('it does not render to text')
    if (text.length > maximumOutputLength) throw limit(`it renders to more than ${maximumOutputLength} characters`)
    return text
  } catch (error) {
    if (isSheikhError(error)) throw error
    throw templateInvalid(
      file,
      undefined,
      `it cannot be rendered: ${messageOf(error)}`,
      'Correct it, or what it is given.',
      { cause: error },
    )
  }
}

function limitedRange(first: number, second?: number, step = 1): readonly number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  const count = Math.max(0, Math.ceil((stop - start) / step))
  if (!(count <= maximumRange)) throw new Error(`range() gives more than ${maximumRange} numbers`)
  return Array.from({ length: count }, (_, index) => start + index * step)
}
