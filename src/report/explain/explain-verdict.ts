import type { Finding, Verdict } from '../../gate/index.js'
import { howSure } from './how-sure.js'
import { whatWouldChangeIt } from './what-would-change-it.js'
import { why } from './why.js'

/** A verdict explained in sentences, for readers who did not train the model. */
export interface Explanation {
  readonly decided: string
  readonly why: string
  readonly howSure: string
  readonly whatWouldChangeIt: string
}

/**
 * Explains a verdict from the numbers of its findings: the decision, the reasons, how certain it is, and what would
 * change it.
 */
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
    hold: 'the policy holds it back',
    release: 'the policy releases it anyway',
  }[whenInconclusive]
  return `The evidence does not show whether the new model may be released: ${then}.`
}

/** The findings that decided the verdict, most important first. */
function decidingFindings({ status, findings }: Verdict): readonly Finding[] {
  const decides = (finding: Finding) =>
    finding.critical &&
    finding.status === status &&
    (status === 'fail' || finding.slice === undefined || finding.required === true)
  const telling = ({ overridable, slice, against, kind }: Finding) =>
    Number(overridable === false) * 8 +
    Number(slice === undefined) * 4 +
    Number(against !== undefined) * 2 +
    Number(kind !== 'statement')
  return findings.filter(decides).sort((one, other) => telling(other) - telling(one))
}
