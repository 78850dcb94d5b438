import type { Log, Redactor } from '../../core/index.js'

/** Maximum length of a logged line. */
const lineCharacters = 2_000
/** Maximum number of logged lines per program. Later lines are only kept for errors. */
const loggedLines = 10_000
/** Number of lines shown in an error. */
const rememberedLines = 20

/** Handles output that is not part of the protocol: logs it without secrets, and keeps the last lines for errors. */
export interface ProgramOutput {
  readonly add: (line: string) => void
  readonly lastLines: () => readonly string[]
}

export function programOutput(program: string, redact: Redactor, log: Log): ProgramOutput {
  const last: string[] = []
  let count = 0
  // Redacted on demand instead of per line, because a program may print millions of lines.
  const shown = (line: string) => {
    const text = redact(printable(line))
    return text.length > lineCharacters ? `${text.slice(0, lineCharacters)}…` : text
  }
  return {
    add(line) {
      if (line.trim() === '') return
      count += 1
      if (last.push(line) > rememberedLines) last.shift()
      if (count <= loggedLines) log.info(`${program}: ${shown(line)}`)
      else if (count === loggedLines + 1)
        log.warn(`${program} has printed ${loggedLines} lines. Further lines are not logged.`)
    },
    lastLines: () => last.map(shown),
  }
}

/** The line as a terminal shows it: only the last state of a redrawn progress bar, without cursor movements. */
function printable(line: string): string {
  const drawn = line.split('\r').filter((part) => part !== '')
  return (drawn.at(-1) ?? '')
    .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
}
