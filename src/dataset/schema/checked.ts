/** The sample, as the schema makes it, or what is wrong with it. */
export type Checked = { readonly value: unknown } | { readonly problems: readonly string[] }

/** What is said of one sample; a list of a million wrong numbers is not worth a million lines. */
export const maximumIssuesPerSample = 10
