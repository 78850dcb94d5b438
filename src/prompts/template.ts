import { conflictFact, conflictLine } from '../core/index.js'
import type { JinjaTemplate, Limits, Position, Rendered } from './jinja/index.js'
import { defaultRenderLimits } from './render-limits.js'
import { templateInvalid } from './template-error.js'

/**
 * A parsed template. It renders the same text as Jinja2 for Python with default options: blocks keep white space unless
 * they use `{%-`, newlines become `\n`, and a newline at the end is removed. `tojson` and `raise_exception` work as in
 * chat templates. Unsupported constructs are errors.
 */
export interface Template {
  readonly file: string
  /** Variables that the template needs and does not set itself, with the position of their first use. */
  readonly variables: readonly (Position & { readonly name: string })[]
  /** @throws `template-invalid` for a variable that is not among `known`, with file, line and column. */
  check(known: readonly string[]): void
  /** Names of all variables that rendering reads. Others make no difference. */
  readonly reads: readonly string[]
  /** The line and column of an offset. */
  positionOf(offset: number): Position
  /**
   * @param variables JSON values. A number without a fraction is an integer.
   * @throws `template-invalid` for a missing variable, an error in the template, or an exceeded limit.
   */
  render(variables: Readonly<Record<string, unknown>>, limits?: Limits): Rendered
}

/** Maximum length of a template, in UTF-16 code units. */
export const maximumTemplateLength = 1_000_000

/** Parses a template. @throws `template-invalid` with file, line and column. */
export async function parseTemplate(text: string, file: string): Promise<Template> {
  if (text.length > maximumTemplateLength)
    throw templateInvalid(
      file,
      undefined,
      `it has ${text.length} characters, but the maximum is ${maximumTemplateLength}`,
      'Shorten it.',
    )
  const conflict = conflictLine(text)
  if (conflict !== undefined)
    throw templateInvalid(
      file,
      { line: conflict, column: 1 },
      conflictFact,
      'Keep one side and remove the markers. Markers that belong to the prompt are written as {{ "<<<<<<<" }}.',
    )
  // Loaded here, because most programs that import the package use no template.
  const { compile, JinjaError } = await import('./jinja/index.js')
  const refused = (error: unknown, failure: string, remedy: string) =>
    error instanceof JinjaError
      ? templateInvalid(file, error.position, `${failure}: ${error.message}`, remedy, { cause: error })
      : error
  let template: JinjaTemplate
  try {
    template = compile(text)
  } catch (error) {
    throw refused(error, 'it cannot be parsed', 'Correct the template.')
  }
  const variables = template.variables.filter(({ optional }) => !optional)
  const check = (known: readonly string[]) => {
    const unknown = variables.find(({ name }) => !known.includes(name))
    if (unknown === undefined) return
    const given =
      known.length === 0
        ? 'No variables are available'
        : `Available: ${known.map((name) => JSON.stringify(name)).join(', ')}`
    throw templateInvalid(file, unknown, `the variable ${JSON.stringify(unknown.name)} is unknown`, `${given}.`, {
      facts: { variable: unknown.name, known },
    })
  }
  return {
    file,
    variables,
    check,
    reads: template.reads,
    positionOf: (offset) => template.positionOf(offset),
    render(given, limits = defaultRenderLimits) {
      check(Object.keys(given))
      try {
        return template.render(given, limits)
      } catch (error) {
        throw refused(error, 'it cannot be rendered', 'Correct the template or its variables.')
      }
    },
  }
}

/** Renders a template once. @param file its name in errors. */
export async function renderPrompt(
  template: string,
  variables: Readonly<Record<string, unknown>>,
  file = 'a template',
): Promise<string> {
  return (await parseTemplate(template, file)).render(variables).text
}

/** @throws `template-invalid` for a variable that is not among `known`, with file, line and column. */
export async function checkVariables(template: string, known: readonly string[], file = 'a template'): Promise<void> {
  ;(await parseTemplate(template, file)).check(known)
}
