/** A runner's `test`: vitest's, node:test's, jest's. */
export type ContractTest = (name: string, body: () => Promise<void>) => void
