import { type TrustDates, trustEntries } from './trust-document.js'

/** Somebody or something that an identity provider vouches for, and that signs without a key of its own. */
export interface TrustedIdentity extends TrustDates {
  /** Whose word it is: `https://token.actions.githubusercontent.com` for GitHub Actions. */
  readonly issuer: string
  /** Exactly as the certificate has it: an e-mail address; of a workflow, its address with the ref it ran on. */
  readonly subject: string
  /** What it is called where a signature of it holds. */
  readonly by: string
}

/** Reads the identities of `mlops/keys/trusted.json`; it may list none. @param where its path, for messages. @throws `invalid-config` naming the place in it. */
export function parseTrustedIdentities(text: string, where: string): readonly TrustedIdentity[] {
  const entries = trustEntries(text, where, 'identities', ['issuer', 'subject', 'by'])
  const identities = entries.map((entry) => ({
    issuer: entry.required('issuer'),
    subject: entry.required('subject'),
    by: entry.required('by'),
    ...entry.dates(),
  }))
  for (const [index, identity] of identities.entries())
    if (identities.findIndex((one) => identityName(one) === identityName(identity)) !== index)
      throw entries[index]!.invalid('subject', 'the identity stands in the list twice')
  return identities
}

/** In the place of a key's name. */
export const identityName = ({ issuer, subject }: Pick<TrustedIdentity, 'issuer' | 'subject'>) =>
  `${subject} (${issuer})`
