import { moment } from '../report/texts/index.js'
import type { AuditProblem, CommitFacts } from '../repository/index.js'
import { styled, type Text } from './styled-text.js'

/** Text of a commit, an id or a path on one line: a line break must not look like a line of ours. */
export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** `1a2b3c4d5e  2026-03-02 09:02:44 UTC  Ada <ada@example.org>  #12  Subject` */
export const commitText = ({ commit, atMs, author, pullRequest, subject }: CommitFacts): string =>
  [
    commit.slice(0, 10),
    // Git accepts any number as a time.
    Math.abs(atMs) < 8.64e15 ? moment(atMs) : 'at an unknown time',
    oneLine(`${author.name} <${author.email}>`),
    ...(pullRequest === undefined ? [] : [`#${pullRequest}`]),
    oneLine(subject),
  ].join('  ')

/** One line for each part that could not be read. */
export const problemTexts = (problems: readonly AuditProblem[]): readonly Text[] =>
  problems.map(({ part, message }) => [styled('open', `unknown (${part}):`), ` ${oneLine(message)}`])
