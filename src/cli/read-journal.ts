import { messageOf, SheikhError } from '../core/index.js'
import type { StudyRecord } from '../tune/index.js'
import type { Terminal } from './command.js'
import { terminalPath } from './terminal-path.js'

/** Reads a study from the journal of Optuna that `--from` names. @param study its name; needed if the file has several. */
export async function readJournal(from: string, study: string | undefined, terminal: Terminal): Promise<StudyRecord> {
  const path = terminalPath(terminal, from, '--from')
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new SheikhError(
      'invalid-options',
      `Cannot read the study of Optuna: ${messageOf(error)}. Name its journal file.`,
    )
  })
  const { readOptunaJournal } = await import('../tune/index.js')
  return readOptunaJournal(text, study)
}
