/** What goes wrong in place of an answer. */
export type GitHubFault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
  /** The connection breaks. Before an upload was taken it leaves a `starter` asset, as GitHub's does. */
  | 'cut'
  /** The answer comes late. */
  | { readonly slowMs: number }

export interface GitHubRequest {
  /** From 1, in order of arrival. */
  readonly number: number
  readonly method: string
  /** With its query; below the address of the API, of uploads or of downloads. */
  readonly path: string
  readonly host: 'api' | 'uploads' | 'downloads'
  readonly hasToken: boolean
  /** Of its body. */
  readonly sizeBytes: number
}
