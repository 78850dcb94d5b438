/** The `test` function of a test runner: Vitest, node:test or Jest. */
export type ContractTest = (name: string, body: () => Promise<void>) => void
