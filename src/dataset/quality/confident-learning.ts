export interface LabelIssue {
  /** The row. */
  readonly row: number
  readonly suggested: number
  readonly probability: number
}

/**
 * Rows whose label is probably wrong, from probabilities of a model that did not learn from them: the rows off the diagonal of the
 * confident joint, except those whose own label is the most probable one.
 *
 * The threshold of a label is the mean probability that the model gives it in rows which have it. A row counts for the most
 * probable label of those that reach their threshold. Source: C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning:
 * estimating uncertainty in dataset labels", J. Artif. Intell. Res. 70 (2021) 1373–1411, equations 1 and 2.
 *
 * @param labels of each row, 0..classes − 1.
 * @param probabilities row after row: [rows × classes].
 */
export function confidentLearning(
  labels: ArrayLike<number>,
  probabilities: ArrayLike<number>,
  classes: number,
): readonly LabelIssue[] {
  const sums = new Float64Array(classes)
  const counts = new Float64Array(classes)
  for (let row = 0; row < labels.length; row += 1) {
    sums[labels[row]!]! += probabilities[row * classes + labels[row]!]!
    counts[labels[row]!]! += 1
  }
  // A label without rows has no threshold to reach. The difference absorbs the rounding of sums.
  const thresholds = sums.map((sum, label) =>
    counts[label] === 0 ? Number.POSITIVE_INFINITY : sum / counts[label]! - 1e-6,
  )
  const issues: LabelIssue[] = []
  for (let row = 0; row < labels.length; row += 1) {
    let [confident, likeliest] = [-1, 0]
    const of = (label: number) => probabilities[row * classes + label]!
    for (let label = 0; label < classes; label += 1) {
      if (of(label) > of(likeliest)) likeliest = label
      if (of(label) >= thresholds[label]! && (confident < 0 || of(label) > of(confident))) confident = label
    }
    if (confident < 0 || confident === labels[row] || likeliest === labels[row]) continue
    issues.push({ row, suggested: confident, probability: of(confident) })
  }
  return issues
}
