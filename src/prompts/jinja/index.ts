// The part of Jinja2 that prompts and chat templates use, with Python's values and formatting. Anything else is an
// error, so that a template never renders different text than in Python. Written from
// https://jinja.palletsprojects.com/en/stable/templates/
import { filterNames } from './builtin-filters.js'
import { testNames } from './builtin-tests.js'
import { Fault, unsupported } from './fault.js'
import { freeVariables } from './free-variables.js'
import { globals } from './globals.js'
import { Interpreter } from './interpreter.js'
import { type LexerOptions, normalizeNewlines } from './lexer.js'
import { type Limits, metered } from './meter.js'
import { parse } from './parser.js'
import { Scope } from './scope.js'
import { toValue } from './values.js'

export type { Limits }

export interface Position {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
}

/** An invalid construct or value in a template, with its position. */
export class JinjaError extends Error {
  readonly position: Position

  constructor(message: string, position: Position) {
    super(message)
    this.position = position
  }
}

export interface JinjaTemplate {
  /** Names that the template reads and does not set, once each, in order; globals are not among them. */
  readonly variables: readonly (Position & { readonly name: string; readonly optional: boolean })[]
  /** Names of all variables that rendering reads: `variables`, and those with the name of a global. */
  readonly reads: readonly string[]
  /** Of an offset in the template. */
  positionOf(at: number): Position
  /** @throws JinjaError */
  render(variables: Readonly<Record<string, unknown>>, limits: Limits): Rendered
}

/** A rendered template. */
export interface Rendered {
  readonly text: string
  /** How much work it was, in the unit of `Limits.steps`. */
  readonly steps: number
}

/** @throws JinjaError */
export function compile(template: string, options?: LexerOptions): JinjaTemplate {
  const source = normalizeNewlines(template)
  const body = located(source, () => parse(source, { filters: filterNames, tests: testNames }, options))
  const { used, optional, read, hidden } = located(source, () => freeVariables(body))
  const variables = used
    .filter(({ name }, index) => used.findIndex((other) => other.name === name) === index)
    .map(({ name, at }) => ({ name, optional: optional.has(name), ...positionOf(source, at) }))
  return {
    variables: variables.filter(({ name }) => !globals.has(name)),
    reads: [...read],
    positionOf: (at) => positionOf(source, at),
    render(given, limits) {
      const interpreter = new Interpreter()
      const scope = new Scope()
      const render = () => {
        for (const [name, value] of globals) scope.set(name, value)
        for (const name of read) if (Object.hasOwn(given, name)) scope.set(name, toValue(given[name], `"${name}"`))
        for (const [name, at] of hidden)
          if (scope.get(name) !== undefined)
            throw unsupported(`reading "${name}" in a block before "set ${name}" outside of it`, at)
        return interpreter.render(body, scope)
      }
      return located(
        source,
        () => metered(limits, render),
        () => interpreter.at,
      )
    },
  }
}

function located<T>(source: string, attempt: () => T, at: () => number = () => 0): T {
  try {
    return attempt()
  } catch (error) {
    // A deep tree, which a long sum makes, too.
    if (error instanceof RangeError) throw new JinjaError('it is nested too deeply', positionOf(source, at()))
    if (error instanceof Fault) throw new JinjaError(shortened(error.message), positionOf(source, error.at ?? at()))
    throw error
  }
}

/** A message may quote a text that the template made. */
const shortened = (message: string) => (message.length <= 1_000 ? message : `${message.slice(0, 1_000)}…`)

function positionOf(source: string, at: number): Position {
  const before = source.slice(0, at)
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') }
}
