/** A problem in a template, with its offset if known. */
export class Fault extends Error {
  readonly at: number | undefined

  constructor(message: string, at?: number) {
    super(message)
    this.at = at
  }
}

/** An error for a Jinja2 construct that this engine does not support, so that no text differs silently. */
export const unsupported = (construct: string, at?: number) => new Fault(`${construct} is not supported here`, at)
