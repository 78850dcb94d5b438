// The reports of the root entry. The other reports load more rooms: a program that does not use them pays nothing.
export { type Explanation, explainVerdict } from '../explain/explain-verdict.js'
export { intervalPlot } from '../interval-plot.js'
export { loadReportDetails } from './load-report-details.js'
export { reportComparison } from './report-comparison.js'
export type { ReportDetails } from './report-details.js'
export { comparisonMarkup, reportComparisonHtml, reportRunHtml, runMarkup } from './report-html.js'
export { reportRun } from './report-run.js'
