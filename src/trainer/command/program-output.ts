import type { Log, Redactor } from '../../core/index.js'

/** Of one line, after which it is cut. */
const lineCharacters = 2_000
/** Of one program, after which only the last few are remembered. */
const loggedLines = 10_000
/** Shown in an error. */
const rememberedLines = 20

/** What a program prints that is not meant for us: to the log, without secrets, and the last lines for an error. */
export interface ProgramOutput {
  readonly add: (line: string) => void
  readonly lastLines: () => readonly string[]
}

export function programOutput(program: string, redact: Redactor, log: Log): ProgramOutput {
  const last: string[] = []
  let count = 0
  // Only now, and not at every line: a program may print millions.
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
      else if (count === loggedLines + 1) log.warn(`${program} has printed ${loggedLines} lines: the rest is not kept.`)
    },
    lastLines: () => last.map(shown),
  }
}

/** As a terminal would show it: a progress bar that was drawn over and over is its last state, and nothing moves the cursor. */
function printable(line: string): string {
  const drawn = line.split('\r').filter((part) => part !== '')
  return (drawn.at(-1) ?? '')
    .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
}
