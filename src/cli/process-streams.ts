/** The parts of the process that the command line uses. Tests pass their own. */
export interface ProcessStreams {
  readonly cwd: string
  readonly signal: AbortSignal
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Prompts the user for a line; resolves to `undefined` at the end of input. Absent if the input is not a terminal. */
  readonly ask?: ((prompt: string) => Promise<string | undefined>) | undefined
  /** Reads standard input to its end, as UTF-8. Absent if the input is a terminal. */
  readonly readInput?: (() => Promise<string>) | undefined
  /** Whether each output shows colours. @default neither */
  readonly colours?: { readonly out: boolean; readonly err: boolean } | undefined
  /** The current width of the terminal that shows the error output. Absent if the output is a file or cannot redraw a line. */
  readonly columns?: (() => number) | undefined
}
