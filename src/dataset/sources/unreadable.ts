/** Thrown for a file that cannot be read. The message completes "Cannot use the samples: <file> <position>: …". */
export class Unreadable extends Error {
  /** `line 3`, `line 3, column 5`. @default the whole file */
  readonly position: string

  constructor(message: string, position = '') {
    super(message)
    this.position = position
  }
}
