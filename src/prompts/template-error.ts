import { SheikhError } from '../core/index.js'

/** What is wrong with a template, and where. */
export function templateInvalid(
  file: string,
  line: number | undefined,
  fact: string,
  remedy: string,
  options: { readonly facts?: Readonly<Record<string, unknown>>; readonly cause?: unknown } = {},
): SheikhError {
  const place = line === undefined ? JSON.stringify(file) : `${JSON.stringify(file)}, line ${line}`
  return new SheikhError('template-invalid', `Cannot use the template ${place}: ${fact}. ${remedy}`, {
    facts: { file, ...(line === undefined ? {} : { line }), ...options.facts },
    ...('cause' in options ? { cause: options.cause } : {}),
  })
}
