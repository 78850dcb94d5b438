import { inspect } from 'node:util'
import { createRedactor } from '../core/index.js'
import type { Terminal } from './command.js'
import { errorText } from './error-text.js'
import { printable } from './printable.js'
import type { ProcessStreams } from './process-streams.js'
import { StatusLine } from './status-line.js'
import { renderText, type Text } from './styled-text.js'

export interface TerminalOptions {
  readonly json: boolean
  readonly quiet: boolean
  /** Errors are printed with their stack and cause. */
  readonly verbose: boolean
  /** False with `--no-color`. */
  readonly colours: boolean
}

/** The process's streams as commands use them: text is redacted and escaped, and the status line stays below all other text. */
export function openTerminal(
  streams: ProcessStreams,
  options: TerminalOptions,
): Terminal & { readonly close: () => void } {
  const redact = createRedactor()
  const { json, quiet } = options
  const colours = options.colours && streams.colours !== undefined ? streams.colours : { out: false, err: false }
  const safe = (text: string) => printable(redact(text))
  const status =
    streams.columns === undefined || json || quiet ? undefined : new StatusLine(streams.err, streams.columns)
  const above = (print: () => void) => {
    status?.hide()
    print()
    status?.redraw()
  }
  const err = (text: Text) => above(() => streams.err(renderText(text, colours.err, safe)))
  return {
    cwd: streams.cwd,
    signal: streams.signal,
    out: (text) => above(() => streams.out(renderText(text, colours.out, safe))),
    err: quiet ? () => {} : err,
    printError: (error) => {
      err(errorText(error))
      if (options.verbose) err(`${inspect(error, { depth: 4 })}\n`)
    },
    showStatus:
      status && ((draw) => (draw === undefined ? status.stop() : status.show((columns) => safe(draw(columns))))),
    ask:
      streams.ask === undefined || json
        ? undefined
        : async (prompt) => {
            // A line that is redrawn would overwrite the prompt.
            status?.stop()
            return streams.ask!(safe(prompt))
          },
    readInput: streams.readInput,
    close: () => status?.stop(),
  }
}
