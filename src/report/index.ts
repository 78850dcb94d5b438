export { intervalPlot } from './interval-plot.js'
export { duration, moment, percent } from './markdown.js'
export { reportComparison } from './report-comparison.js'
export { reportRun } from './report-run.js'
