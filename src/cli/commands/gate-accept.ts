import { basename } from 'node:path'
import { SheikhError } from '../../core/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { logTo } from '../project.js'
import { readScores } from '../read-pair.js'
import { terminalPath } from '../terminal-path.js'

/** `sheikh gate accept <file>`: makes the scores of a file the baseline. */
export async function accept(
  { positionals: [, file], values, project }: Arguments,
  terminal: Terminal,
): Promise<CommandResult> {
  if (file === undefined)
    throw new SheikhError(
      'invalid-options',
      'Cannot accept a baseline: the file is missing. Write: sheikh gate accept <file>',
    )
  const isPipe = file === '-'
  const scores = await readScores(values, isPipe ? '/dev/stdin' : terminalPath(terminal, file, 'the file'), terminal)
  const { acceptBaseline } = await import('../../repository/index.js')
  const { scores: kept, ...baseline } = await acceptBaseline(project, scores, {
    ...(typeof values['name'] === 'string' && { name: values['name'] }),
    ...(!isPipe && { source: basename(file) }),
    signal: terminal.signal,
  })
  const commit =
    baseline.commit === undefined ? 'There is no Git commit to name' : `At commit ${baseline.commit.slice(0, 7)}`
  const items = kept.lines.length
  const unanswered = kept.lines.filter(({ outcome }) => outcome !== 'ok').length
  if (unanswered > 0)
    logTo(terminal).warn(
      `${unanswered} of ${items} items have no answer (an error or a time-out). Comparisons with this baseline are inconclusive. Evaluate again, and accept the new results.`,
    )
  return {
    text: `Accepted ${items.toLocaleString('en')} ${items === 1 ? 'item' : 'items'} as the baseline "${baseline.name}". ${commit}. Commit the file: ${baseline.path}`,
    json: toJson({ ...baseline, items, unanswered }),
  }
}
