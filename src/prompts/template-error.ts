import { SheikhError } from '../core/index.js'
import type { Position } from './jinja/index.js'

/** An error about a template, with its position. */
export function templateInvalid(
  file: string,
  position: Position | undefined,
  fact: string,
  remedy: string,
  options: { readonly facts?: Readonly<Record<string, unknown>>; readonly cause?: unknown } = {},
): SheikhError {
  const place = position === undefined ? '' : `, line ${position.line}, column ${position.column}`
  return new SheikhError(
    'template-invalid',
    `Cannot use the template ${JSON.stringify(file)}${place}: ${fact}. ${remedy}`,
    {
      facts: {
        file,
        ...(position === undefined ? {} : { line: position.line, column: position.column }),
        ...options.facts,
      },
      ...('cause' in options ? { cause: options.cause } : {}),
    },
  )
}
