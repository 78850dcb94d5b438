// For commands that print a number or a time: the index of this room also loads all reports.
export { bytes, duration, moment, percent } from '../markdown.js'
export { metricText, primaryMetric } from '../primary-metric.js'
