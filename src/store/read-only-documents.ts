import type { DocumentStore } from './store.js'

/** What is cached, for a command that changes nothing: it writes nothing either. */
export const readOnlyDocuments = (documents: DocumentStore): DocumentStore => ({
  read: (name) => documents.read(name),
  write: async () => {},
})
