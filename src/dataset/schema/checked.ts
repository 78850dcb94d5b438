/** The schema's output for a sample, or its problems. */
export type Checked = { readonly value: unknown } | { readonly problems: readonly string[] }

/** Maximum number of problems that are reported per sample. */
export const maximumIssuesPerSample = 10
