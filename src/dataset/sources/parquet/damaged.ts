import { Unreadable } from '../unreadable.js'

export { Unreadable }

export const damaged = (fact: string) => new Unreadable(`it is damaged, or not a Parquet file: ${fact}`)
