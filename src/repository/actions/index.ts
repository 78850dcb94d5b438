export { type ActionsReport, type ReportPlace, reportToActions } from './report-to-actions.js'
export { reportStep } from './step-files.js'
