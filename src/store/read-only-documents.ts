import type { DocumentStore } from './store.js'

/** What is cached, for a command that changes nothing: it writes nothing either. */
export const readOnlyDocuments = (documents: DocumentStore): DocumentStore => ({
  read: (name) => documents.read(name),
  write: writeNothing,
})

/** Whether nothing that is written is kept. */
export const isReadOnly = (documents: DocumentStore): boolean => documents.write === writeNothing

async function writeNothing(): Promise<void> {}
