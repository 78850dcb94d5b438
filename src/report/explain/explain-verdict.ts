import type { Finding, Verdict } from '../../gate/index.js'
import { howSure } from './how-sure.js'
import { whatWouldChangeIt } from './what-would-change-it.js'
import { why } from './why.js'

/** A verdict in sentences for somebody who did not make the model. */
export interface Explanation {
  readonly decided: string
  readonly why: string
  readonly howSure: string
  readonly whatWouldChangeIt: string
}

/** What was decided, why, how sure it is and what would change it, from the findings' own numbers. */
export function explainVerdict(verdict: Verdict): Explanation {
  const deciding = decidingFindings(verdict)
  return {
    decided: decided(verdict),
    why: why(verdict, deciding),
    howSure: howSure(verdict, deciding[0]),
    whatWouldChangeIt: whatWouldChangeIt(verdict, deciding[0]),
  }
}

function decided({ status, whenInconclusive }: Verdict): string {
  if (status === 'pass') return 'The new model may be released.'
  if (status === 'fail') return 'The new model must not be released.'
  const then = {
    ask: 'a person decides',
    hold: 'by the rules it is held back',
    release: 'by the rules it is released all the same',
  }[whenInconclusive]
  return `The evidence does not settle whether the new model may be released: ${then}.`
}

/** The findings that made the verdict what it is, the most telling first. */
function decidingFindings({ status, findings }: Verdict): readonly Finding[] {
  const decides = (finding: Finding) =>
    finding.critical &&
    finding.status === status &&
    (status === 'fail' || finding.slice === undefined || finding.required === true)
  const telling = ({ overridable, slice, against, estimate }: Finding) =>
    Number(overridable === false) * 8 +
    Number(slice === undefined) * 4 +
    Number(against !== undefined) * 2 +
    Number(estimate !== undefined)
  return findings.filter(decides).sort((one, other) => telling(other) - telling(one))
}
