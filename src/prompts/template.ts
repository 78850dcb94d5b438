import { compile, JinjaError, type JinjaTemplate, type Position } from './jinja/index.js'
import { templateInvalid } from './template-error.js'

/**
 * A template that was parsed. It gives the text that Jinja2 for Python gives with its default options: no block removes white
 * space unless it says so (`{%-`), newlines become `\n`, and a newline at the end is dropped. `tojson` and `raise_exception` are
 * those of chat templates. A construct that is not supported is an error.
 */
export interface Template {
  readonly file: string
  /** Names that the template needs and does not set itself, with the place of their first use. */
  readonly variables: readonly (Position & { readonly name: string })[]
  /** @throws `template-invalid` for a variable that is not among `known`, with file, line and column. */
  check(known: readonly string[]): void
  /**
   * @param variables JSON values; a number without a fraction is a whole number.
   * @throws `template-invalid` for a variable that is missing, a failure of the template, or more than its limits.
   */
  render(variables: Readonly<Record<string, unknown>>): string
}

/** A longer template is refused, in UTF-16 code units. */
export const maximumTemplateLength = 1_000_000
/** Rendering one text takes about a second at most. */
const limits = { steps: 1_000_000, characters: 10_000_000 }

/** Parses a template. @throws `template-invalid` with file, line and column. */
export async function parseTemplate(text: string, file: string): Promise<Template> {
  if (text.length > maximumTemplateLength)
    throw templateInvalid(
      file,
      undefined,
      `it has ${text.length} characters, and at most ${maximumTemplateLength} are read`,
      'Shorten it.',
    )
  let template: JinjaTemplate
  try {
    template = compile(text)
  } catch (error) {
    throw refused(error, file, 'it cannot be parsed', 'Correct the template.')
  }
  const variables = template.variables.filter(({ optional }) => !optional)
  const check = (known: readonly string[]) => {
    const unknown = variables.find(({ name }) => !known.includes(name))
    if (unknown === undefined) return
    const given =
      known.length === 0 ? 'No variable is known' : `Known are ${known.map((name) => JSON.stringify(name)).join(', ')}`
    throw templateInvalid(file, unknown, `the variable ${JSON.stringify(unknown.name)} is unknown`, `${given}.`, {
      facts: { variable: unknown.name, known },
    })
  }
  return {
    file,
    variables,
    check,
    render(given) {
      check(Object.keys(given))
      try {
        return template.render(given, limits)
      } catch (error) {
        throw refused(error, file, 'it cannot be rendered', 'Correct the template or its variables.')
      }
    },
  }
}

function refused(error: unknown, file: string, failure: string, remedy: string): unknown {
  if (!(error instanceof JinjaError)) return error
  return templateInvalid(file, error.position, `${failure}: ${error.message}`, remedy, { cause: error })
}

/** Renders a template once. @param file what it is called in errors. */
export async function renderPrompt(
  template: string,
  variables: Readonly<Record<string, unknown>>,
  file = 'a template',
): Promise<string> {
  return (await parseTemplate(template, file)).render(variables)
}

/** @throws `template-invalid` for a variable that is not among `known`, with file, line and column. */
export async function checkVariables(template: string, known: readonly string[], file = 'a template'): Promise<void> {
  ;(await parseTemplate(template, file)).check(known)
}
