import { parseDocument } from 'yaml'
import { type Json, messageOf, SheikhError } from '../../core/index.js'

const maximumAliases = 50

/** The plain value of a YAML 1.2 or JSON text. Tags make no objects. @throws `dataset-invalid` with line and column. */
export function readYamlText(bytes: Uint8Array, path: string): Json {
  const refuse = (fact: string) =>
    new SheikhError('dataset-invalid', `Cannot import ${JSON.stringify(path)}: ${fact}. Correct the file.`, {
      facts: { path },
    })
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw refuse('it is not UTF-8 text')
  }
  const document = parseDocument(text, { schema: 'core', logLevel: 'silent' })
  const [problem] = document.errors
  if (problem !== undefined) throw refuse(problem.message.split('\n')[0]!.replace(/[.:]$/, ''))
  const [tag] = document.warnings
  if (tag !== undefined) throw refuse(tag.message.split('\n')[0]!.replace(/[.:]$/, ''))
  try {
    // Through JSON, so that a date or a map with other keys is what JSON has for it.
    return (JSON.parse(JSON.stringify(document.toJS({ maxAliasCount: maximumAliases }) ?? null)) ?? null) as Json
  } catch (error) {
    throw refuse(messageOf(error))
  }
}
