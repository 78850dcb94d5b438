import type { Verdict } from './gate.js'

/** The margin by which a verdict compared two models; `undefined` if it compared none by a margin. */
export const marginOf = (verdict: Verdict | undefined): number | undefined =>
  verdict?.findings
    .flatMap((finding) => (finding.kind === 'comparison' ? finding.margin : []))
    .find((margin) => margin > 0)
