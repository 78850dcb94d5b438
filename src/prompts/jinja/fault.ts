/** What is wrong in a template, and the offset at which it is, if that is known already. */
export class Fault extends Error {
  readonly at: number | undefined

  constructor(message: string, at?: number) {
    super(message)
    this.at = at
  }
}

/** A construct of Jinja2 that this engine does not have. It refuses such a construct, so that no text differs silently. */
export const unsupported = (construct: string, at?: number) => new Fault(`${construct} is not supported here`, at)
